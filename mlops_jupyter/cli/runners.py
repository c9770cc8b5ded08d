"""`mlops runners`: which places there are for jobs, and whether one of them does here what every runner must."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from mlops_jupyter.api import runners as verbs
from mlops_jupyter.api.options import pairs, seconds
from mlops_jupyter.cli.printing import answer, json_option, say
from mlops_jupyter.entities import JobFailedError


@click.group()
def runners() -> None:
    """Places that jobs can be handed to."""


@runners.command("list")
@json_option
def list_runners(as_json_: bool) -> None:
    """Each with its options, and how bundle, environment and inputs get there."""
    found = verbs.runners()
    answer(found, lambda: verbs.runners_sheet(found), json=as_json_)


@runners.command()
@click.argument("runner")
@click.option("--set", "options", multiple=True, metavar="K=V", help="An option of the runner; may be repeated.")
@click.option("--deliver", default="", metavar="PLACE", help="Where attempts leave what they make, if not on this machine.")
@click.option("--folder", "place", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Where the job is to lie, if the engine needs it in a repository, or on a shared disk. It is left there.")
@click.option("--patience", default="5m", show_default=True, metavar="TIME", help="How long one job may take.")
@json_option
def check(*, runner: str, options: tuple[str, ...], deliver: str, place: Path | None, patience: str, as_json_: bool) -> None:
    """Hand small jobs to RUNNER and see whether it keeps what every runner promises. Exits 1 if not."""
    with tempfile.TemporaryDirectory(prefix="mlops-check-") as folder:
        kit = verbs.Kit(runner, pairs(options, "--set"), place or Path(folder), seconds(patience, "--patience"), deliver)
        found = verbs.check(kit, None if as_json_ else lambda one: say(f"{'ok    ' if one.met else 'unmet '} {one.promise}"))
    answer(found, lambda: verbs.checks_sheet(runner, found), json=as_json_)
    unmet = sum(not one.met for one in found)
    if unmet:
        raise JobFailedError(f"the runner {runner} does not keep {unmet} of {len(found)} promises", "mlops runners list")
