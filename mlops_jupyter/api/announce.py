"""What `%mlops track` and `%mlops status` say. Reads the session and the file system only: the kernel never opens the store."""

from __future__ import annotations

import os
import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.words import duration, plural, size, without_password
from mlops_jupyter.capture.installs import DIFFERS
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import Session

if TYPE_CHECKING:
    from mlops_jupyter.capture.shell import Status

LOOK_SECONDS = 0.02  # a store of many blobs is not counted to the last byte to start tracking


def tracking_line(session: Session) -> str:
    """notebook → experiment · git · Python and packages · outputs · store and size · how to stop."""
    name = Path(session.notebook.path).name if session.notebook and session.notebook.path else f"this {session.kind} session"
    facts = (_git(session), _environment(session), _outputs(session), _store())
    return " · ".join(part for part in (f"{name} → {session.experiment}", *facts, "stop: %mlops off") if part)


def reopening_line(session: Session) -> str:
    """What differs between this environment and that of the notebook's last session; "" where nothing does."""
    return next((note for note in session.notes if note.startswith(DIFFERS)), "")


def status_sheet(line: str, status: Status) -> Sheet:
    """What is stored, where, and what tracking cost so far."""
    recorded = f"{plural(status.executions, 'cell execution')}, {plural(status.observations, 'observation')}"
    cost = f"{duration(status.cost_seconds)}, {status.percent:.1f} % of {duration(status.cells_seconds)} in cells"
    if status.after_seconds:
        cost += f"; {duration(status.after_seconds)} after cells, while nobody waited"
    rows = [["session", status.session.id], ["recorded", recorded], ["records wait in", status.outbox], ["store", status.store],
            ["cost so far", cost]]
    if status.waiting:
        rows.append(["waiting", f"{plural(status.waiting, 'record')} in memory: {status.outbox} cannot be written"])
    if status.failures:
        rows.append(["failures", f"{status.failures} inside tracking; no cell was harmed"])
    return Sheet(line, [Block(columns=["", ""], rows=rows)], [*status.notes])


def status_answer(status: Status) -> dict[str, object]:
    """The same as JSON, the session by its id."""
    facts = {field.name: getattr(status, field.name) for field in fields(status)}
    return {**facts, "session": status.session.id, "percent": status.percent}


def _git(session: Session) -> str:
    if session.git is None:
        return "no git"
    changes = " with uncommitted changes" if session.git.dirty else ""
    return f"git {session.git.commit[:8]}{changes}" if session.git.commit else "git without a commit"


def _environment(session: Session) -> str:
    found = session.environment
    return f"Python {found.python}, {plural(len(found.distributions), 'package')}" if found else ""


def _outputs(session: Session) -> str:
    return {"all": "outputs recorded", "text": "text outputs recorded", "none": "outputs not recorded"}[session.outputs]


def _store() -> str:
    url = Settings.current().store_url()
    if "://" in url:
        return f"store {without_password(url)}"
    used, whole = folder_size(Path(url))
    return f"store {url} ({'' if whole else 'over '}{size(used)})"


def folder_size(folder: Path, seconds: float = LOOK_SECONDS) -> tuple[int, bool]:
    """Bytes in a folder, and whether all of it was counted in the time given."""
    total, until = 0, time.monotonic() + seconds
    for base, _, files in os.walk(folder):
        for name in files:
            try:
                total += (Path(base) / name).lstat().st_size
            except OSError:
                continue  # gone between listing and looking
        if time.monotonic() > until:
            return total, False
    return total, True
