"""`mlops export` and `mlops import`."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_jupyter.api import archives as verbs
from mlops_jupyter.api.to_mlflow import exported_sheet, to_mlflow
from mlops_jupyter.cli.printing import answer, json_option
from mlops_jupyter.entities import InputError


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN...]")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The archive to make, FILE.mlops.")
@click.option("--to", nargs=2, metavar="mlflow URI", help="Write into an MLflow; without RUN all runs. Again doubles nothing.")
@click.option("--without", type=click.Choice(["outputs"]), help="Leave out what cells printed, showed and failed with.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@json_option
def export(runs: tuple[str, ...], output: Path | None, to: tuple[str, str] | None, without: str | None, force: bool,
           as_json_: bool) -> None:
    """Carry runs into one file, each with its whole session and its blobs, or into an MLflow.

    Look into the file where it lies: mlops --store FILE.mlops runs list. Take it over: mlops import FILE.mlops.
    """
    if to is not None:
        if to[0] != "mlflow" or output is not None or without or force:
            raise InputError(f"--to {to[0]} with these options cannot be understood", "mlops export [RUN...] --to mlflow URI")
        exported = to_mlflow(runs, to[1])
        answer(exported, lambda: exported_sheet(exported), json=as_json_)
        return
    if output is None:
        raise InputError("it is not said where to", "mlops export RUN -o FILE.mlops, or --to mlflow URI")
    done = verbs.export(runs, output, without_outputs=without == "outputs", force=force)
    answer(done, lambda: verbs.carried_sheet(done, f"Carried into {output}"), json=as_json_)


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def import_(file: Path, as_json_: bool) -> None:
    """Add what an archive carries and the store lacks. Nothing here is replaced; doing it again changes nothing."""
    done = verbs.import_(file)
    answer(done, lambda: verbs.carried_sheet(done, f"Taken from {file}"), json=as_json_)
