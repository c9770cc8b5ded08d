"""Every execution of one cell of a notebook, over all its sessions: what it was, how it went, what it showed.

Pictures are large and looked at one by one, so a list carries the outputs as text and says where there is a picture;
`outputs` brings those of one execution, each picture as the bytes of an image that a browser shows and never runs.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import msgspec

from mlops_jupyter.api.here import OWN_WORK, sessions_of
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import CellExecution, Ledger, NotFoundError, Output, Session
from mlops_jupyter.entities.sessions import ExecutionState

MOST_TEXT = 20_000
"""Characters of one output that are shown."""
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/svg+xml")


class Shown(msgspec.Struct, frozen=True, omit_defaults=True):
    """One output as it may be shown: text, or a picture as base64. `cut`: how many characters or bytes there were, if more."""

    kind: str
    mime: str = "text/plain"
    text: str = ""
    picture: str = ""
    name: str = ""
    cut: int | None = None


class CellVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """One execution of the cell. `again`: its source is that of the execution before it. `outputs`: how many it showed."""

    session: str
    n: int
    state: ExecutionState
    source: str
    started: float | None = None
    seconds: float | None = None
    user: str = ""
    error: str = ""
    again: bool = False
    outputs: int = 0


class CellHistory(msgspec.Struct, frozen=True):
    """The executions of a cell, newest first: `total` there were, the newest of them are here."""

    cell: str
    total: int
    sessions: int
    versions: list[CellVersion]


def cell_history(cell: str, kernel: str = "", paths: Sequence[str] = (), limit: int = 200) -> CellHistory:
    """The executions of `cell` in every session of the notebook at `paths`, and of the kernel: a new notebook has no path yet."""
    ledger = open_ledger()
    found: list[tuple[Session, CellExecution]] = []
    sessions = _sessions(ledger, kernel, paths)
    for session in sessions:
        found += [(session, one) for one in ledger.executions(session.id, cell) if one.state != "skipped"]
    found.sort(key=lambda each: (each[1].started or each[0].started, each[1].n))
    versions = [_version(session, one, before[1] if before else None)
                for (session, one), before in zip(found, [None, *found], strict=False)]
    held = len({session.id for session, _ in found})
    return CellHistory(cell, len(versions), held, versions[::-1][:limit])


def _sessions(ledger: Ledger, kernel: str, paths: Sequence[str]) -> list[Session]:
    found = {session.id: session for path in paths if path for session in sessions_of(ledger, path)}
    if kernel:
        found |= {session.id: session for session in ledger.sessions(kernel=kernel, kinds=OWN_WORK)}
    return list(found.values())


def _version(session: Session, one: CellExecution, before: CellExecution | None) -> CellVersion:
    error = one.error
    said = f"{error.name}: {error.message}".split("\n", 1)[0].removesuffix(": ") if error else ""
    return CellVersion(session.id, one.n, one.state, one.source, one.started, one.seconds, session.user, said,
                       before is not None and before.source == one.source, len(one.outputs) + one.outputs_dropped)


def outputs(session: str, n: int) -> list[Shown]:
    """What execution `n` of the session showed. NotFoundError if there was none."""
    ledger = open_ledger()
    execution = next((one for one in ledger.executions(session) if one.n == n), None)
    if execution is None:
        raise NotFoundError(f"session {session} has no cell execution {n}", f"mlops sessions show {session}")
    shown = [_shown(ledger, one) for one in execution.outputs]
    if execution.outputs_dropped:
        shown.append(Shown("stream", text=f"… {execution.outputs_dropped} more were not recorded"))
    return shown


def _shown(ledger: Ledger, one: Output) -> Shown:
    if one.mime in PICTURES and one.blob is None:
        return Shown(one.kind, text="a picture too large to be recorded", cut=one.cut_from)
    if one.blob is None or one.mime not in PICTURES:
        long = len(one.text) > MOST_TEXT
        return Shown(one.kind, one.mime, one.text[:MOST_TEXT], name=one.name, cut=len(one.text) if long else one.cut_from)
    try:
        picture = base64.b64encode(ledger.get_blob(one.blob)).decode()
    except NotFoundError:  # it was purged, or never shipped
        return Shown(one.kind, text="the picture is not in the store")
    return Shown(one.kind, one.mime, picture=picture, name=one.name)
