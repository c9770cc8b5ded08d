"""`mlops doctor`."""

from __future__ import annotations

import click

from mlops_jupyter.api import doctor as verbs
from mlops_jupyter.cli.printing import answer, json_option
from mlops_jupyter.entities import StoreError


@click.command()
@json_option
def doctor(as_json_: bool) -> None:
    """Look at versions, store, outboxes and kernels, and say what helps where something is missing."""
    found = verbs.examine()
    answer(found, lambda: verbs.diagnosis_sheet(found), json=as_json_)
    failed = [check for check in found.checks if check.state == "failed"]
    if failed:
        raise StoreError(failed[0].found, failed[0].remedy)
