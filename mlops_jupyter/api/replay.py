"""Play a whole session again: every execution that was recorded, in its order, in a clean kernel, and compare what is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from mlops_jupyter.api.here import find_session, with_source
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.verification import Plan
from mlops_jupyter.entities import CellExecution, InputError, Session, Verification
from mlops_jupyter.lineage.slice import Slice, whole

if TYPE_CHECKING:
    from mlops_jupyter.jobs.progress import Progress


def plan(session: str | None = None, upto: int | None = None) -> Plan:
    """What replaying the session, up to execution `upto`, would run. Runs nothing."""
    found, executions, every = _subject(session, upto)
    cells = with_source(executions, every.cells)
    label = f"session {found.id[:8]}" + (f" up to execution {upto}" if upto is not None else "")
    return Plan(label, len(cells), sum(cell.seconds or 0.0 for cell in cells), every.incomplete)


def _subject(session: str | None, upto: int | None) -> tuple[Session, list[CellExecution], Slice]:
    ledger = open_ledger()
    found = find_session(ledger, session)
    executions = ledger.executions(found.id)
    return found, executions, whole(executions, upto)


def replay(session: str | None = None, upto: int | None = None, output: Path | None = None, *,
           allow_effects: bool = False, progress: Callable[[Progress], None] | None = None,
           cancel: Event | None = None) -> Verification:
    """Run the session again and compare its metrics and every variable that it left behind. The verdict is kept and returned.

    `output`: keep the executed notebook here; InputError if that exists.
    """
    from mlops_jupyter.jobs.verify import VerifyOptions, verify_slice

    if output is not None and output.exists():
        raise InputError(f"{output} exists already", "give -o another name")
    ledger = open_ledger()
    found, executions, every = _subject(session, upto)
    observations = [one for one in ledger.observations(found.id) if one.n <= every.result.n]
    options = VerifyOptions(allow_effects=allow_effects, progress=progress, cancel=cancel, output=output)
    verified = verify_slice(found, every, executions, observations, ledger.get_blob, options)
    verified.detail = "; ".join(part for part in [*every.notes, verified.detail] if part)
    open_ledger().put(verified)
    return verified
