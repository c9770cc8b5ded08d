"""Where a verb is called from: the session that a question without an id is about.

In a kernel under tracking that is the kernel's own session. Elsewhere it is the newest session of the named notebook, or the
newest of all; sessions that only verify or run jobs are nobody's "current" one and are asked for by id.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.entities import CellExecution, Ledger, NotFoundError, Session
from mlops_jupyter.entities.sessions import SessionKind

if TYPE_CHECKING:
    from mlops_jupyter.capture.ipython import Tracking

OWN_WORK: tuple[SessionKind, ...] = ("notebook", "ipython", "headless")
EVERY_KIND: tuple[SessionKind, ...] = (*OWN_WORK, "job", "verification")


def tracking() -> Tracking | None:
    """The tracking of this process, if there is one. Never imports IPython: without it there is none."""
    if "mlops_jupyter.capture.ipython" not in sys.modules:
        return None
    from mlops_jupyter.capture.ipython import current

    return current()


def own_session() -> str:
    """Id of the session of this kernel; "" elsewhere."""
    here = tracking()
    return here.session.id if here is not None else ""


def find_session(ledger: Ledger, session: str | None = None, notebook: str | Path | None = None) -> Session:
    """The session asked for: by id or prefix, by notebook (newest), else this kernel's, else the newest."""
    if session:
        return ledger.session(session)
    if notebook:
        found = sessions_of(ledger, notebook)
        if not found:
            raise NotFoundError(f"no session of {str(notebook)!r} in the store", f"mlops track {notebook}")
        return found[0]
    own = own_session()
    if own:
        return ledger.session(own)
    newest = ledger.sessions(kinds=OWN_WORK, limit=1)
    if not newest:
        raise NotFoundError("the store holds no session", "mlops track NOTEBOOK, or %mlops track in a notebook")
    return newest[0]


def sessions_of(ledger: Ledger, notebook: str | Path, kinds: Sequence[SessionKind] = OWN_WORK) -> list[Session]:
    """Sessions of a notebook, newest first, by its id, its path as recorded, or the file it names."""
    text = str(notebook)
    found = ledger.sessions(notebook=text, kinds=kinds)
    if found or not Path(text).exists():
        return found
    file = Path(text).resolve()
    return [session for session in ledger.sessions(kinds=kinds) if notebook_file(session) == file]


def notebook_file(session: Session) -> Path | None:
    """The notebook's file, where its recorded path leads to one: contents paths may be no file at all."""
    if session.notebook is None or not session.notebook.path or "://" in session.notebook.path:
        return None
    path = Path(session.notebook.path)
    for base in (Path(session.cwd), *Path(session.cwd).parents) if session.cwd and not path.is_absolute() else (Path(),):
        if (base / path).is_file():
            return (base / path).resolve()
    beside = Path(session.cwd) / path.name if session.cwd else path
    return beside.resolve() if beside.is_file() else None


def with_source(executions: Sequence[CellExecution], cells: Sequence[int]) -> list[CellExecution]:
    """The executions of `cells`, in order."""
    by_n = {execution.n: execution for execution in executions}
    return [by_n[n] for n in cells if n in by_n]
