"""Notebooks played in a real InteractiveShell under real tracking, and their slices played again in a fresh one.

`Player.play` runs cells; after each the namespace is described by an oracle of its own, which shares no code with the
fingerprints. `Player.check` takes the slice of a name as it stood after an execution, runs its sources in a fresh shell and a
fresh folder, with the random states that verification would put back, and compares.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import sys
import threading
import types
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from mlops_jupyter.capture import ipython
from mlops_jupyter.capture.randomness import restore
from mlops_jupyter.entities import CellExecution
from mlops_jupyter.entities.records import decode
from mlops_jupyter.fingerprint import fingerprint
from mlops_jupyter.lineage.graph import build
from mlops_jupyter.lineage.slice import Result, Slice, slice_in

CONF = "KNOB = 1\nTABLE = {'n': 1}\n\ndef knob():\n    return KNOB\n\ndef tally(x):\n    TABLE['n'] += x\n    return TABLE['n']\n"
UNKNOWN = "?"
_PLAIN = (int, float, str, bytes, bool, complex, type(None))


def describe(value: object, depth: int = 0) -> object:
    """The content of a value as plain data, by ways of its own; UNKNOWN where there is no telling."""
    if depth > 12:
        return UNKNOWN
    if type(value) in _PLAIN:
        return type(value).__name__, repr(value)
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, describe(value.tolist(), depth + 1)
    if isinstance(value, np.generic):
        return str(value.dtype), repr(value)
    if isinstance(value, pd.DataFrame):
        return "frame", [describe(value.iloc[:, at], depth + 1) for at in range(value.shape[1])], describe(list(value.columns))
    if isinstance(value, pd.Series):
        return "series", str(value.dtype), repr(value.name), describe(value.tolist()), describe(value.index.tolist())
    if isinstance(value, list | tuple | deque):
        return type(value).__name__, [describe(item, depth + 1) for item in value]
    if isinstance(value, set | frozenset):
        return type(value).__name__, sorted(str(describe(item)) for item in value)
    if isinstance(value, dict):
        return type(value).__name__, [(describe(key), describe(item, depth + 1)) for key, item in value.items()]
    if isinstance(value, np.random.Generator):
        return "generator", repr(value.bit_generator.state)
    if isinstance(value, random.Random):
        return "random", repr(value.getstate())
    if isinstance(value, type | types.FunctionType | types.ModuleType | types.MethodType | types.BuiltinFunctionType):
        return UNKNOWN
    module = type(value).__module__
    if module == "__main__" or module.startswith("sklearn"):
        own = dict(getattr(value, "__dict__", {}))
        own |= {name: getattr(value, name, None) for name in getattr(type(value), "__slots__", ())}
        items = describe(list(value)) if isinstance(value, list) else None
        return type(value).__name__, items, [(name, describe(own[name], depth + 1)) for name in sorted(own) if "time" not in name]
    return UNKNOWN


def fresh_shell() -> InteractiveShell:
    """A shell of its own, without history on disk."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    return InteractiveShell(config=config)


@contextlib.contextmanager
def world(folder: Path) -> Iterator[None]:
    """A process as a new kernel finds it, as far as the recipes can change it: folder, modules, options, generators."""
    folder.mkdir(parents=True)
    (folder / "conf.py").write_text(CONF)
    here, main, path, environ = Path.cwd(), sys.modules["__main__"], list(sys.path), dict(os.environ)
    sys.modules.pop("conf", None)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    saved = pd.get_option("display.precision"), np.get_printoptions(), np.geterr()
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # a `__pycache__` that comes and goes is listed by `ls`
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            yield
    finally:
        os.chdir(here)
        sys.dont_write_bytecode = bytecode
        sys.path[:] = path
        sys.modules["__main__"] = main
        sys.modules.pop("conf", None)
        os.environ.clear()
        os.environ.update(environ)
        pd.set_option("display.precision", saved[0])
        np.set_printoptions(**saved[1])
        np.seterr(**saved[2])
        for module, name in ((sys.modules["math"], "extra"), (sys.modules["builtins"], "_shared")):
            if name in vars(module):
                delattr(module, name)


class Player:
    """One notebook, played. `values[n]`: what the oracle says of each name after execution n; `prints[n]`: the fingerprints."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sources: dict[int, str] = {}
        self.values: dict[int, dict[str, object]] = {}
        self.prints: dict[int, dict[str, str | None]] = {}
        self.executions: dict[int, CellExecution] = {}
        self.blobs: Callable[[str], bytes]

    def play(self, cells: list[tuple[str, str]], seed: int = 0) -> Player:
        """Run (cell id, source) pairs under tracking."""
        with world(self.folder / "recorded"):
            random.seed(seed)
            np.random.seed(seed)
            shell = fresh_shell()
            with without_scan():
                tracking = ipython.start(shell, ipython.TrackOptions(notebook_path="nb.ipynb"))
                outbox = tracking._outbox
                for cell, source in cells:
                    shell.run_cell(source, store_history=True, cell_id=cell)
                    n = tracking._tracker.executions
                    self.sources[n] = source
                    names = [name for name in shell.user_ns if not name.startswith("_") and name not in _SHELL_NAMES]
                    self.values[n] = {name: describe(shell.user_ns[name]) for name in names}
                    self.prints[n] = {name: fingerprint(shell.user_ns[name]).digest for name in names}
                failures, notes = tracking.status().failures, tracking.status().notes
                assert not failures, notes
                lines = (outbox.folder / f"{outbox.writer}.jsonl").read_bytes().splitlines(keepends=True)
        for line in lines:
            entity = decode(line).entity
            if isinstance(entity, CellExecution):
                self.executions[entity.n] = entity
        blobs = outbox.folder / "blobs"
        self.blobs = lambda digest: (blobs / digest.removeprefix("sha256:")).read_bytes()
        self.graph = build(list(self.executions.values()))
        return self

    def needed(self, name: str, n: int) -> Slice:
        """The slice of a name as it stood after execution n."""
        return slice_in(self.graph, [Result(name, "variable", n, [name])])

    def replay(self, cells: list[int], unseeded: list[str], number: int) -> dict[str, object]:
        """The sources of these executions in a fresh shell: its namespace afterwards."""
        with world(self.folder / f"again{number}"):
            random.seed(987_654)
            np.random.seed(987_654)
            shell = fresh_shell()
            for n in cells:
                state = self.executions[n].random
                for source in state.drew if state is not None else ():
                    if source in unseeded and state is not None and source in state.before:
                        restore(source, self.blobs(state.before[source]))
                shell.run_cell(self.executions[n].source, store_history=True)
            return cast("dict[str, object]", shell.user_ns)

    def check(self, name: str, n: int, number: int = 0) -> str:
        """"" if the slice brings the value back, or if it says that it cannot; else what is wrong."""
        expected = self.values[n].get(name, UNKNOWN)
        needed = self.needed(name, n)
        if UNKNOWN in str(expected) or needed.incomplete:
            return ""
        found = self.replay(needed.cells, needed.unseeded, number)
        if name not in found:
            return f"{name}@{n}: not there after {needed.cells}"
        if describe(found[name]) != expected:
            return f"{name}@{n}: {str(expected)[:200]} != {str(describe(found[name]))[:200]} after {needed.cells}"
        if fingerprint(found[name]).digest != self.prints[n][name]:
            return f"{name}@{n}: equal, and another fingerprint, after {needed.cells}"
        return ""


@contextlib.contextmanager
def without_scan() -> Iterator[None]:
    """Tracking that does not look at git, hardware and packages, and that ends."""
    original = ipython.Tracking._start_scan
    ipython.Tracking._start_scan = _no_scan  # type: ignore[method-assign]
    try:
        yield
    finally:
        ipython.stop()
        ipython.Tracking._start_scan = original  # type: ignore[method-assign]


def _no_scan(tracking: ipython.Tracking) -> threading.Event:
    done = threading.Event()
    done.set()
    return done


_SHELL_NAMES = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})
