"""One cell under observation: what is looked at before it runs and after it ended, put together into facts.

`CellWatch` holds the parts that each know one thing (names, namespace, files, random state, outputs, modules). The order
matters: before the cell, our own work is done first and the watches for files and outputs begin last; after it they end first.
So nothing that we do is ever seen as the user's.
"""

from __future__ import annotations

import asyncio
import builtins
import linecache
import sys
import traceback
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol

import msgspec

from mlops_jupyter.capture.difference import Before, Difference, Later
from mlops_jupyter.capture.environment import LocalModules
from mlops_jupyter.capture.fence import Fence
from mlops_jupyter.capture.files import FileWatch, Reached
from mlops_jupyter.capture.interrupts import Interrupt
from mlops_jupyter.capture.kinds import is_any
from mlops_jupyter.capture.memory import held
from mlops_jupyter.capture.names import CellNames, analyse
from mlops_jupyter.capture.namespace import Namespace
from mlops_jupyter.capture.outputs import Caps, Outputs, Tap
from mlops_jupyter.capture.randomness import Generators
from mlops_jupyter.capture.secrets import Redactor
from mlops_jupyter.capture.tracker import CellExecuted, Unseen
from mlops_jupyter.capture.unwrap import Transform
from mlops_jupyter.config import Settings
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.protocols import Recorder
from mlops_jupyter.entities.sessions import CellError, OutputPolicy, RandomState, VariableVersion

_SEEDED_BY = {"random": "python", "numpy": "numpy", "torch": "torch", "tensorflow": "tensorflow", "jax": "jax", "cupy": "cupy"}
_SEEDERS = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType)
_TRACEBACK = 20_000
"""Characters kept of a traceback: its end, where the error is."""


class Shell(Protocol):
    """What is used of an IPython shell."""

    user_ns: dict[str, object]
    ast_transformers: list[object]
    display_pub: object
    displayhook: object


@dataclass
class Open:
    """A cell that runs."""

    names: CellNames
    outputs: Outputs | None = None
    before: Before | None = None
    reached: Reached | None = None
    cost: float = 0.0
    """Seconds that opening it took."""
    random: tuple[dict[str, object], dict[str, str]] = field(default_factory=lambda: ({}, {}))


class CellWatch:
    """Looks at cells of one session. Every method may raise: the fence is around it, in `ipython.py`."""

    def __init__(self, shell: Shell, recorder: Recorder, redact: Redactor, policy: OutputPolicy, files: FileWatch,
                 namespace: Namespace) -> None:
        settings = Settings.current()
        cwd = Path.cwd()
        self._shell = shell
        self._recorder = recorder
        self._redact = redact
        self._policy: OutputPolicy = policy
        self._caps = Caps(settings.output_characters, settings.output_bytes, settings.outputs_per_cell)
        self._tap = Tap(shell)
        self.namespace = namespace
        self.generators = Generators(recorder.blob)
        self._modules = LocalModules(cwd, recorder.blob, redact)
        self._modules.changed()
        self.files = files

    def between(self) -> Unseen | None:
        """What changed since the last cell though none ran; None if nothing did."""
        difference, drew = self.namespace.between(), self.generators.between()
        return _unseen(difference, drew)

    def open(self, executed: str, transform: Transform, *, quiet: bool, outputs: bool = True) -> Open:
        """Before the cell: `quiet` for our own magics, which are not looked into; without `outputs` only its state counts."""
        self._redact.refresh()
        opened = Open(CellNames() if quiet else analyse(executed, transform))
        opened.before = self.namespace.before(opened.names, self._underscore_is_ours())
        if not quiet:
            opened.random = self.generators.before()
        if outputs and not quiet:
            opened.outputs = Outputs(self._tap, self._policy, self._caps, self._recorder.blob, self._redact)
            opened.reached = self.files.begin()
            opened.outputs.begin()
        return opened

    def interrupt(self) -> Interrupt:
        """Let the cell that is about to run begin with the interrupt that hit us."""
        return Interrupt(self._shell.ast_transformers)

    def abandon(self, *, alone: bool) -> None:
        """What was begun in this thread may be half there: it goes. `alone`: no other thread's cell is open."""
        self._tap.drop()
        if alone:
            self.files.stop()

    def remove(self) -> None:
        """The session ends: nothing of the shell stays shadowed."""
        self._tap.remove()

    def quit(self, opened: Open) -> None:
        """Stop looking: what the cell's end must undo even when everything else fails."""
        if opened.outputs is not None:
            opened.outputs.end()
        if opened.reached is not None:
            self.files.drop(opened.reached)

    def close(self, opened: Open, event: CellExecuted, prompt: int | None, fence: Fence) -> tuple[CellExecuted, dict[str, Later]]:
        """After the cell: `event` with what was found, and what is still to be read. What fails leaves its fields empty."""
        reached, event.memory = None, held()
        self._redact.refresh()
        if opened.outputs is not None:
            with fence.guard("outputs"):
                event.outputs, event.outputs_dropped = opened.outputs.end()
        if opened.reached is not None:
            with fence.guard("files"):
                reached = self.files.end(opened.reached)
        with fence.guard("random state"):
            seeds = self._seeds(opened.names)
            if opened.random[0]:
                event.random = self.generators.after(opened.random, tuple(sorted(seeds)))
        difference = Difference()
        with fence.guard("namespace"):
            difference = self._difference(opened, event, prompt)
        event.reads, event.writes, event.deletes = difference.reads, difference.writes, difference.deletes
        event.stores = [name for name in opened.names.stores if name != "_"]
        event.opaque = list(dict.fromkeys(difference.opaque))
        if event.random is not None:
            event.random = _with_seeds(event.random, difference.seeds)
        with fence.guard("modules"):
            event.modules, event.imports = self._modules.changed(opened.names.imports)
        if reached is not None:
            event.files = reached.files
            event.effects = [self._redact(effect)[:240] for effect in reached.effects]
            event.queries = [msgspec.structs.replace(query, text=self._redact(query.text), source=self._redact(query.source))
                             for query in reached.queries]
            if reached.dropped:
                event.opaque.append(f"{reached.dropped} more files than are recorded of one cell")
        return event, difference.later

    def close_unseen(self, opened: Open) -> Unseen | None:
        """After code that ran without being a cell (a silent execution): what it changed; None if nothing."""
        assert opened.before is not None
        difference = self.namespace.after(opened.before, opened.names, completed=True, prompt=None)
        return _unseen(difference, self.generators.after(opened.random, ()))

    def _difference(self, opened: Open, event: CellExecuted, prompt: int | None) -> Difference:
        assert opened.before is not None
        try:
            return self.namespace.after(opened.before, opened.names, completed=event.state == "ok", prompt=prompt)
        except KeyboardInterrupt:
            self.namespace.forget()
            unknown = Fingerprint(kind="opaque")
            touched = sorted(opened.before.touched | set(opened.names.stores))
            return Difference(writes=[VariableVersion(name, "maybe", unknown) for name in touched],
                              opaque=["interrupted while its results were looked at"])

    def _underscore_is_ours(self) -> bool:
        shown = getattr(self._shell.displayhook, "_", None)
        return "_" not in vars(builtins) and self._shell.user_ns.get("_") is shown

    def _seeds(self, names: CellNames) -> set[str]:
        """Sources that a call in the cell's text seeds."""
        found: set[str] = set()
        for chain in names.seeds:
            value = self._shell.user_ns.get(chain[0])
            if not is_any(value, _SEEDERS):
                continue
            home = getattr(value, "__name__" if type(value) is type(sys) else "__module__", "") or ""
            top = home.partition(".")[0] if isinstance(home, str) else ""
            if chain[-1] == "seed_everything":
                found |= {"python", "numpy", "torch"}
            elif top in _SEEDED_BY:
                found.add(_SEEDED_BY[top])
            elif isinstance(getattr(value, "__self__", None), sys.modules["random"].Random):
                found.add("python")
        return found

    def forget(self) -> None:
        """Nothing that was known of the namespace holds any more."""
        self.namespace.forget()

    def owns(self, filename: str) -> bool:
        """True for the file of a module of the user's."""
        return self._modules.owns(filename)

    # errors

    def error(self, error: BaseException, user_code: Callable[[str], bool]) -> CellError:
        """The exception as text: secrets and colours out, our and IPython's frames left out."""
        frames = error.__traceback__
        while frames is not None and not user_code(frames.tb_frame.f_code.co_filename):
            frames = frames.tb_next
        try:
            message = str(error)
        except Exception:  # noqa: BLE001 (the user's own __str__)
            message = "(its message could not be made)"
        try:
            linecache.checkcache()
            lines = traceback.format_exception(type(error), error, frames)
        except Exception:  # noqa: BLE001 (the user's own __str__, or source that is gone)
            lines = [type(error).__name__]
        text = self._redact("".join(lines))
        return CellError(name=type(error).__name__, message=self._redact(message)[:2000], traceback=text[-_TRACEBACK:],
                         line=_line(error, frames, user_code))


def _unseen(difference: Difference, random: RandomState | None) -> Unseen | None:
    drew = random is not None and bool(random.drew)
    return Unseen(difference.writes, difference.deletes, random) if difference.writes or difference.deletes or drew else None


def _line(error: BaseException, frames: TracebackType | None, user_code: Callable[[str], bool]) -> int | None:
    """The line of the cell at which it failed, from 1."""
    if isinstance(error, SyntaxError) and frames is None:
        return error.lineno
    return frames.tb_lineno if frames is not None and user_code(frames.tb_frame.f_code.co_filename) else None


def is_interrupt(error: BaseException | None) -> bool:
    """True if a person or a front end stopped the cell."""
    return isinstance(error, KeyboardInterrupt | asyncio.CancelledError)


def _with_seeds(state: RandomState, brought: set[str]) -> RandomState:
    """With what functions seed. A source whose state the code sets or shows counts as drawn from: its result may rest on it."""
    seeded = {*state.seeded, *brought}
    drew = [source for source in state.before if source in seeded or source in state.drew]
    return RandomState(state.before, tuple(drew), tuple(sorted(seeded)), state.by_import)
