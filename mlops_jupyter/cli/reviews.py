"""`mlops review`: what a changed notebook does, as a page of Markdown for a pull request."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_jupyter.api import reviewpage
from mlops_jupyter.api import reviews as verbs
from mlops_jupyter.api.display import as_json
from mlops_jupyter.api.options import pairs
from mlops_jupyter.cli.printing import json_option, say
from mlops_jupyter.cli.progress import bar


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--base", required=True, type=click.Path(path_type=Path), metavar="BUNDLE|NOTEBOOK",
              help="What it is compared with: a job, or the notebook as it was.")
@click.option("-p", "--parameter", "parameters", multiple=True, metavar="K=V", help="A parameter of both; may be repeated.")
@click.option("-i", "--input", "inputs", multiple=True, metavar="NAME=URI",
              help="Another file, a small one, for an input of both; may be repeated.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.md",
              help="Write the page there too, with its pictures in FILE.md.files.")
@click.option("--strict", is_flag=True, help="Exit 1 as well if --base is a job and no longer what NOTEBOOK makes.")
@click.option("--allow-effects", is_flag=True, help="Let the jobs write outside their folder, reach databases and network.")
@json_option
def review(*, notebook: Path, base: Path, parameters: tuple[str, ...], inputs: tuple[str, ...],  # noqa: PLR0913 (options)
           output: Path | None, strict: bool, allow_effects: bool, as_json_: bool) -> None:
    """Make a job from NOTEBOOK, run it and its base on the same inputs, and say what changed.

    The page is printed as Markdown: code, parameters, inputs, environment, metrics, and whether the objective is met. Exits 1 if
    it is missed, or the notebook or its job did not run. A notebook that is not tracked as it stands is executed under tracking
    first.
    """
    given, files = pairs(parameters, "-p"), pairs(inputs, "-i")
    if output is not None:
        reviewpage.check_target(output)
    with bar("review", quiet=as_json_) as progress:
        found = verbs.review(verbs.Asked(notebook, base, given, files, allow_effects, progress, None if as_json_ else say))
    if output is not None:
        reviewpage.write(found, output)
    click.echo(as_json(found) if as_json_ else reviewpage.page(found), nl=as_json_)
    if output is not None:
        say(f"Written: {output}")
    verbs.must_pass(found, strict=strict)
