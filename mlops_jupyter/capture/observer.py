"""The seam between what calls are seen (`calls.py`), what they mean (`autolog/<library>.py`) and who records it (`ipython.py`).

`calls.install(shell, user_code, emit)` sees outermost library calls from user code and emits one ObservedCall each;
capture hands it to every listener that an autolog file registered with `Observer.listen`; the listener answers with
Drafts through `Observer.observe`. The tracker adds session, n, seq and time. ObservedCall and Draft hold references to
the user's objects: both are dropped when the cell ends, and nobody may keep them longer.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from mlops_jupyter.entities.data import Dataset, Fingerprint, Scalar
from mlops_jupyter.entities.sessions import CallSite, ObservationKind


@dataclass(frozen=True, slots=True)
class Expression:
    """One argument as the user wrote it: text, the objects behind the names and watched calls in it, labels (`df["p"]` → `p`).

    `feeds`: objects behind the names that the same text assigned those names from (`pred = proba > 0.5`).
    """

    text: str
    roots: tuple[object, ...] = ()
    labels: tuple[str, ...] = ()
    feeds: tuple[object, ...] = ()


@dataclass(slots=True, kw_only=True)
class ObservedCall:
    """One finished call of a watched function from user code.

    `function` is `module.qualname`; `callable` the function or bound method called; `arguments` the bound arguments by
    parameter name, `self` included; `loop_key` the loop position as text (`carrier=UA`), "" outside loops; `depth` the
    number of watched calls that enclose it (0 for an outermost one); `source` whether the caller's code is a cell's or a
    module's of the user.
    """

    function: str
    callable: object
    arguments: Mapping[str, object]
    result: object
    site: CallSite
    loop_key: str = ""
    depth: int = 0
    source: Literal["cell", "module"] = "cell"
    left: Mapping[str, object] = field(default_factory=dict)
    """Parameters and variables as the function's own frame held them when it returned, where that frame was seen: it may have
    rebound them."""
    expressions: Mapping[str, Expression] = field(default_factory=dict)
    """By parameter name, like `arguments`; an argument whose object is unknown is here only."""
    around: tuple[object, ...] = ()
    """Objects behind the other names of the statement, and those that the enclosing loops run over."""
    names: Names | None = None
    """What the caller's frame sees, while the call is told of."""
    loop: ast.AST | None = None
    """The outermost loop, as written, that the call stands in."""


@dataclass(slots=True, kw_only=True)
class Draft:
    """An Observation to be. `subject` is the object it is about, if any; `later` tells details that are known when the cell ends.

    When the cell ends, capture fills `variable` with the namespace name that holds `subject` and, where `fingerprint` is
    None and the kind is `model`, its fingerprint; then the references are dropped.
    """

    kind: ObservationKind
    name: str
    value: Scalar = None
    key: str = ""
    step: int | None = None
    series: list[float] = field(default_factory=list)
    site: CallSite | None = None
    subject: object | None = None
    class_name: str = ""
    params: dict[str, Scalar] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    datasets: list[Dataset] = field(default_factory=list)
    fingerprint: Fingerprint | None = None
    blob: str | None = None
    logged: bool = False
    details: dict[str, str] = field(default_factory=dict)
    later: Callable[[], dict[str, str]] | None = None


class Names(Protocol):
    """The names that a frame sees. Asking runs no code of the user's."""

    def lookup(self, name: str) -> object:
        """The object behind a name; something that is no object of the user's if there is none."""

    def items(self) -> Iterable[tuple[str, object]]:
        """All names with their objects, the frame's own first."""

    @property
    def outer(self) -> Mapping[str, object]:
        """The namespace that lasts: the cell's or the module's."""


Listener = Callable[[ObservedCall], None]


class Observer(Protocol):
    """What an autolog file gets in `attach(observer)`. Its methods never raise into the user's cell."""

    def listen(self, listener: Listener) -> None:
        """Call `listener` with each ObservedCall from now on. What it raises is counted and logged, never seen by the user."""

    def observe(self, draft: Draft) -> str:
        """Take one draft and return the key (`session:n:seq`) that its observation will have."""

    def name_of(self, value: object) -> str:
        """The namespace name that holds this very object now, "" if none; identity only, newest name first."""
