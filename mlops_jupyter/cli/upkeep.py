"""`mlops fsck`, `gc`, `backup` and `restore`."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_jupyter.api import upkeep as verbs
from mlops_jupyter.cli.printing import answer, json_option
from mlops_jupyter.cli.tokens import seconds


@click.command()
@click.option("--mend", is_flag=True, help="Write anew what follows from the rest: what runs are searched by.")
@json_option
def fsck(mend: bool, as_json_: bool) -> None:
    """Look at every row, blob and reference of the store. Exit code 3 if one is damaged."""
    found = verbs.check(mend=mend)
    answer(found, lambda: verbs.checked_sheet(found), json=as_json_)
    verbs.must_be_whole(found)


@click.command()
@click.option("--grace", metavar="SPAN", default="24h", show_default=True, help="Spare what is younger: 24h, 7d.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--force", is_flag=True, help="Also if more than half of all bytes would go.")
@json_option
def gc(grace: str, dry_run: bool, force: bool, as_json_: bool) -> None:
    """Remove stored bytes that nothing names any more."""
    done = verbs.sweep(grace=seconds(grace), dry_run=dry_run, force=force)
    answer(done, lambda: verbs.swept_sheet(done, dry_run=dry_run), json=as_json_)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
def backup(folder: Path, as_json_: bool) -> None:
    """Copy the store into a new FOLDER, restore that into a scratch one, and compare: a backup that was not restored is none.

    What it makes is a store itself: mlops --store FOLDER runs list.
    """
    done = verbs.back_up(folder)
    answer(done, lambda: verbs.copied_sheet(done, f"Backed up into {folder}, restored once and compared"), json=as_json_)


@click.command()
@click.argument("backup", type=click.Path(path_type=Path))
@json_option
def restore(backup: Path, as_json_: bool) -> None:
    """Copy a BACKUP into the store, which must be empty: a folder, or a PostgreSQL."""
    done = verbs.restore(backup)
    answer(done, lambda: verbs.copied_sheet(done, f"Restored from {backup}"), json=as_json_)
