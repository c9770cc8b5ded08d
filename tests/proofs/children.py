"""Work done in forked children, so that nothing which generated cells do to a process can reach the next piece of work."""

from __future__ import annotations

import os
import pickle
import random
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, Pipe, wait
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")
SECONDS = 120
"""A child that takes longer hangs: it is ended, and that is a failure."""


class ChildFailed(Exception):
    """A child raised, died or hung; the message is its traceback."""


def warm() -> None:
    """Import once, before the first fork, what the generated cells import."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot
    import pandas
    import pyarrow.parquet
    import sklearn.ensemble
    import sklearn.linear_model
    import sklearn.metrics
    import sklearn.model_selection
    import sklearn.pipeline
    import sklearn.tree

    del matplotlib, pandas, pyarrow, sklearn


def in_child(work: Callable[[], Made]) -> Made:
    """What `work` returns, from a fork of this process."""
    return _receive(*_fork(work))


def in_children(work: Callable[[Given], Made], given: Iterable[Given],
                processes: int) -> Iterator[tuple[Given, Made | ChildFailed]]:
    """`work` on each of `given`, so many at once, each in a fork; results as they come."""
    waiting = iter(given)
    running: dict[Connection, tuple[int, Given]] = {}
    while True:
        while len(running) < processes:
            try:
                one = next(waiting)
            except StopIteration:
                break
            pid, end = _fork(lambda one=one: work(one), seconds=0)  # type: ignore[misc]
            running[end] = (pid, one)
        if not running:
            return
        for end in wait(list(running)):
            pid, one = running.pop(end)  # type: ignore[arg-type]
            try:
                yield one, _receive(pid, end)  # type: ignore[arg-type]
            except ChildFailed as failed:
                yield one, failed


def _fork(work: Callable[[], Made], seconds: int = SECONDS) -> tuple[int, Connection]:
    ours, theirs = Pipe(duplex=False)
    sys.stdout.flush()
    sys.stderr.flush()
    state = random.getstate()  # Python draws a new one in a fork
    pid = os.fork()
    if pid:
        theirs.close()
        return pid, ours
    code = 1
    try:
        ours.close()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)
        random.setstate(state)
        try:
            made: tuple[bool, object] = (True, work())
        except BaseException:
            made = (False, traceback.format_exc())
        theirs.send_bytes(pickle.dumps(made))
        theirs.close()
        code = 0
    finally:
        os._exit(code)


def _receive(pid: int, end: Connection) -> Made:  # type: ignore[type-var]
    try:
        whole, made = pickle.loads(end.recv_bytes())
    except EOFError:
        whole, made = False, "the child died or hung"
    finally:
        end.close()
        os.waitpid(pid, 0)
    if not whole:
        raise ChildFailed(made)
    return made  # type: ignore[no-any-return]


def born(work: Callable[[Callable[[], object]], None]) -> tuple[int, int]:
    """A child that does `work`, and the end of a pipe that holds a byte for each thing it has acknowledged."""
    here, there = os.pipe()
    pid = os.fork()
    if pid:
        os.close(there)
        return pid, here
    try:
        work(lambda: os.write(there, b"."))
    except BaseException as error:  # the child of a proof: it must say what it died of, and never return
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(1)
    os._exit(0)
