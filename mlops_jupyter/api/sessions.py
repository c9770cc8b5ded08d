"""Verbs on sessions: list them, look at one cell by cell."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mlops_jupyter.api.here import EVERY_KIND, find_session, sessions_of
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import CellExecution, Session
from mlops_jupyter.entities.sessions import ExecutionState


class ExecutionRow(msgspec.Struct):
    """One cell execution as `mlops sessions show ID --json` promises it: these keys, always all of them."""

    n: int
    cell: str
    source: str
    state: ExecutionState
    started: float | None
    seconds: float | None


class SessionSummary(msgspec.Struct):
    """A session without its list of packages, and how much it holds."""

    session: Session
    python: str
    packages: int

    def answer(self) -> dict[str, object]:
        """All fields of the session but the environment, of which the id, the Python version and the count remain."""
        fields: dict[str, object] = {name: getattr(self.session, name) for name in self.session.__struct_fields__}
        environment = self.session.environment
        return {**fields, "environment": environment.id if environment else "", "python": self.python, "packages": self.packages}


def sessions(notebook: str | Path | None = None, limit: int | None = None) -> list[SessionSummary]:
    """Sessions of every kind, newest first."""
    ledger = open_ledger()
    found = sessions_of(ledger, notebook, kinds=EVERY_KIND)[:limit] if notebook else ledger.sessions(limit=limit)
    return [_summary(session) for session in found]


def _summary(session: Session) -> SessionSummary:
    environment = session.environment
    if environment is None:
        return SessionSummary(session, python="", packages=0)
    return SessionSummary(session, python=environment.python, packages=len(environment.distributions))


def session(id: str | None = None) -> tuple[SessionSummary, list[CellExecution]]:
    """One session, by id or prefix (else the current one), with its cell executions."""
    ledger = open_ledger()
    found = find_session(ledger, id)
    return _summary(found), ledger.executions(found.id)


def execution_rows(executions: list[CellExecution]) -> list[ExecutionRow]:
    """The executions in the shape of `sessions show --json`."""
    return [ExecutionRow(entry.n, entry.cell, entry.source, entry.state, entry.started, entry.seconds) for entry in executions]
