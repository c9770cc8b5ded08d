"""A notebook played in a real shell under real tracking, as a kernel plays it: inside a running event loop, move after move.

After each move the namespace is told by the oracle (`describing`), before the next one again, so that what changes between two
cells is seen as well. What capture recorded is read from the outbox and laid beside it by execution number.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import contextvars
import copy
import decimal
import io
import os
import random
import sys
import time
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.core.interactiveshell import InteractiveShell

import mlops_jupyter
from mlops_jupyter.capture import ipython
from mlops_jupyter.entities import CellExecution
from mlops_jupyter.entities.records import decode
from tests.proofs.describing import Snapshot, snapshot
from tests.proofs.notebooks import MODULE, Move
from tests.unit.capture.notebook_player import CONF, fresh_shell, without_scan

BESIDE = frozenset({"between", "turn", "thread", "file"})
"""Moves without a cell: what they change is to be told with the next cell."""
_PATCHED = ("json", "math", "copy", "builtins", "collections", "pandas", "numpy")
"""Modules that ways write to: put back after each notebook."""


@dataclass
class Played:
    """One move: what was there before it, after it, and what was recorded meanwhile."""

    move: Move
    last: Snapshot
    """After the cell before."""
    before: Snapshot
    after: Snapshot
    executions: list[CellExecution] = field(default_factory=list)
    error: str = ""


def play(moves: list[Move], folder: Path, seed: int = 0) -> list[Played]:
    """Play the moves, in order; raises AssertionError if capture failed anywhere."""
    with _world(folder / "here"):
        random.seed(seed)
        np.random.seed(seed)
        shell = fresh_shell()
        shell.InteractiveTB.set_mode("Minimal")  # else each failing cell looks through all modules, twice
        mlops_jupyter.load_ipython_extension(shell)
        with without_scan():
            tracking = ipython.start(shell, ipython.TrackOptions(notebook_path="nb.ipynb"))
            outbox = tracking._outbox
            played: list[Played] = []
            numbers: list[int] = []
            loop, context = asyncio.new_event_loop(), contextvars.copy_context()
            asyncio.set_event_loop(loop)
            try:
                last = snapshot(shell.user_ns)
                for move in moves:
                    one = loop.run_until_complete(loop.create_task(_one(shell, move, last), context=context))
                    if move.kind not in BESIDE:
                        last = one.after
                    played.append(one)
                    numbers.append(tracking._tracker.executions)
                    if ipython.current() is None:
                        raise AssertionError(f"capture switched itself off at {move}: {tracking.status().notes}")
            finally:
                _close(loop)
            status = tracking.status()
        lines = (outbox.folder / f"{outbox.writer}.jsonl").read_bytes().splitlines(keepends=True)
    assert not status.failures, (seed, status.notes)
    found: dict[int, CellExecution] = {}
    for line in lines:
        entity = decode(line).entity
        if isinstance(entity, CellExecution):
            found[entity.n] = entity
    first = 0
    for one, number in zip(played, numbers, strict=True):
        one.executions = [found[n] for n in range(first + 1, number + 1)]
        first = number
    return played


async def _one(shell: InteractiveShell, move: Move, last: Snapshot) -> Played:
    namespace = shell.user_ns
    played = Played(move, last, last, last)
    if move.kind == "file":
        name, _, text = move.source.partition("|")
        path = Path(f"{name}.py")
        stamp = path.stat().st_mtime + 2 if path.exists() else time.time()
        path.write_text(text)
        os.utime(path, (stamp, stamp))
    elif move.kind == "turn":
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    elif move.kind == "between":
        _message(namespace.get(move.source))
    elif move.kind == "thread":
        gate, passed = namespace.get("gate"), namespace.get("passed")
        if hasattr(gate, "release") and hasattr(passed, "acquire"):
            gate.release()
            if not passed.acquire(timeout=0.5):
                gate.acquire(blocking=False)  # no thread waited for it
    else:
        played.before = snapshot(namespace)
        source = f"%%mlops skip\n{move.source}" if move.kind == "skip" else move.source
        played.error = await _run(shell, source, move)
        namespace = shell.user_ns
    played.after = snapshot(namespace)
    if played.before is last:
        played.before = played.after
    return played


async def _run(shell: InteractiveShell, source: str, move: Move) -> str:
    """As ipykernel's `do_execute` does it."""
    silent, history = move.kind == "silent", move.kind not in {"silent", "unnumbered"}
    transformed = shell.transform_cell(source)
    if not shell.should_run_async(source, transformed_cell=transformed):
        result = shell.run_cell(source, store_history=history, silent=silent, cell_id=move.cell)
    else:
        result = await shell.run_cell_async(source, store_history=history, silent=silent, transformed_cell=transformed,
                                            cell_id=move.cell)
        shell.events.trigger("post_execute")
        if not silent:
            shell.events.trigger("post_run_cell", result)
    error = result.error_before_exec or result.error_in_exec
    return "" if error is None else f"{type(error).__name__}: {error}"[:200]


def _message(channel: object) -> None:
    """What the kernel does with a message of a widget: the callback runs, and no cell does."""
    handle = getattr(channel, "handle_msg", None)
    if handle is not None:
        with contextlib.suppress(Exception):
            handle({"content": {"data": {}}})


def _close(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()
    with contextlib.suppress(Exception):
        loop.run_until_complete(asyncio.sleep(0))
    asyncio.set_event_loop(None)
    loop.close()


@contextlib.contextmanager
def _world(folder: Path) -> Iterator[None]:
    """A process as a new kernel finds it, as far as the ways can change it."""
    folder.mkdir(parents=True)
    (folder / "conf.py").write_text(CONF)
    (folder / "live.py").write_text(MODULE)
    here, main, path, environ = Path.cwd(), sys.modules["__main__"], list(sys.path), dict(os.environ)
    known = {name: dict(vars(sys.modules[name])) for name in _PATCHED}
    frame = dict(vars(pd.DataFrame)), dict(vars(sys.modules["collections"].Counter))
    saved = pd.get_option("display.precision"), np.get_printoptions(), np.geterr(), copy.copy(decimal.getcontext())
    for name in ("conf", "live", "fake"):
        sys.modules.pop(name, None)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        with (contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings()):
            warnings.simplefilter("ignore")
            yield
    finally:
        os.chdir(here)
        sys.path[:] = path
        sys.modules["__main__"] = main
        for name in ("conf", "live", "fake"):
            sys.modules.pop(name, None)
        os.environ.clear()
        os.environ.update(environ)
        pd.set_option("display.precision", saved[0])
        np.set_printoptions(**saved[1])
        np.seterr(**saved[2])
        decimal.setcontext(saved[3])
        for name, before in known.items():
            _put_back(sys.modules[name], before)
        for cls, attributes in zip((pd.DataFrame, sys.modules["collections"].Counter), frame, strict=True):
            for name in set(vars(cls)) - set(attributes):
                delattr(cls, name)
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            pyplot.close("all")
            pyplot.rcdefaults()


def _put_back(module: types.ModuleType, before: dict[str, object]) -> None:
    for name, value in list(vars(module).items()):
        if name not in before and (module is builtins or not isinstance(value, types.ModuleType)) and name != "_":
            delattr(module, name)
    if module is builtins:
        vars(module).update(before)
