"""What the engine asks of the kernel of a job, beside the user's code: begin with checkpoints, keep a cell, bring a cell back.

None of it raises: whatever goes wrong, the answer says that the cell must run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from mlops_jupyter.capture import calls
from mlops_jupyter.capture.checkpoints import Checkpoints
from mlops_jupyter.capture.deferred import Deferred
from mlops_jupyter.capture.namespace import Namespace
from mlops_jupyter.capture.randomness import Generators
from mlops_jupyter.capture.secrets import CleanOutbox, Redactor
from mlops_jupyter.capture.tracker import Tracker
from mlops_jupyter.capture.unwrap import Transform
from mlops_jupyter.capture.vault import Vault
from mlops_jupyter.entities.checkpoints import Plan, Told
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.sessions import CellExecution, Observation, Session

_TEXT = 1 << 20
_current: list[tuple[Checkpoints, Callable[[], AbstractContextManager[None]]]] = []


class Shell(Protocol):
    """What is used of an IPython shell."""

    user_ns: dict[str, object]
    execution_count: int


@dataclass(frozen=True)
class Here:
    """The session of this kernel. Implements `checkpoints.Host`."""

    shell: Shell
    session: Callable[[], Session]
    scanned: Callable[[], None]
    tracker: Tracker
    names: Namespace
    generators: Generators
    deferred: Deferred
    outbox: CleanOutbox
    redact: Redactor
    transform: Transform
    unseen: Callable[[], AbstractContextManager[None]]

    @property
    def id(self) -> str:
        """Of the session."""
        return self.session().id

    @property
    def namespace(self) -> dict[str, object]:
        """The user's."""
        return self.shell.user_ns

    def environment(self) -> str:
        """Id of the packages and the interpreter; what is unknown is never the same."""
        self.scanned()
        found = self.session().environment
        return self.id if found is None else found.id

    def settle(self) -> None:
        """See Host."""
        self.deferred.drain()
        self.names.take_settled(())

    def adopt(self, found: Mapping[str, Fingerprint]) -> None:
        """See Host."""
        self.names.adopt(found)
        self.generators.adopt()

    def sharing(self, names: Collection[str]) -> tuple[set[str], set[str]]:
        """See Host."""
        return self.names.with_aliases(set(names)) - {*names}, self.names.modules.sharing(self.names.ids(names))

    def replay(self, execution: CellExecution, observations: Sequence[Observation], values: Mapping[str, object]) -> int:
        """See Host. The restored models answer for what is predicted with them."""
        prompt = self.shell.execution_count
        self.shell.execution_count = prompt + 1
        whole, seen = self.tracker.replay(execution, observations, time.time(), prompt)
        self.outbox.record(whole)
        for one in seen:
            self.outbox.record(one)
            if one.kind == "model" and one.variable in values:
                calls.links().add_model([values[one.variable]], one.id)
        return whole.n

    def holds_secret(self, data: bytes | memoryview) -> bool:
        """A pickle of ordinary size is asked as every text is; what is larger, and memory, for the known values only."""
        if isinstance(data, bytes) and len(data) <= _TEXT:
            text = data.decode("latin-1")
            return self.redact(text) != text or self.redact.knows(data)
        return self.redact.knows(data)


def begin(here: Here, folder: str, plan: str) -> None:
    """Checkpoints for this session, in `folder`; `plan` as JSON."""
    asked = msgspec.json.decode(plan, type=Plan)
    found = Checkpoints(here, asked, Vault(Path(folder), asked.most), here.transform, here.redact)
    here.outbox.heard = found.heard
    _current[:] = [(found, here.unseen)]


def keep(place: int, outputs: str) -> str:
    """`Checkpoints.keep`, answered as JSON."""
    return _asked(lambda found: found.keep(place, outputs))


def take(place: int) -> str:
    """`Checkpoints.take`, answered as JSON."""
    return _asked(lambda found: found.take(place))


def _asked(verb: Callable[[Checkpoints], Told]) -> str:
    told = Told(done=False, why="there are no checkpoints in this session")
    for found, unseen in _current:
        try:
            with unseen():
                told = verb(found)
        except Exception as error:  # noqa: BLE001 (the job goes on without)
            told = Told(done=False, why=f"{type(error).__name__}: {error}"[:300])
    return msgspec.json.encode(told).decode()

