"""SIGTERM as an exit: Python dies of it where it stands, and would leave the kernel to find out by itself.

Schedulers, `docker stop` and `kill` send it. While a kernel runs it is an exit with 143, as shells write it, so that everything
on the way out is done: the session is ended, the notebook written, the kernel shut down. What comes before there is anything to
end, while modules are imported, is noted, so that an attempt which was stopped before it began can say so.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(SystemExit):
    """Somebody asked this process to stop, by SIGTERM."""


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Inside, SIGTERM raises Terminated(143); the second one kills. Another's handler stays, as does all of another thread."""
    own = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if own:
        signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        if own:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


_noted: list[int] = []


def note_signals() -> None:
    """From now on the first SIGTERM or SIGINT is noted, for `released`; a second one does what it always did."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGTERM, _note)
        signal.signal(signal.SIGINT, _note)


def released() -> BaseException | None:
    """Signals are what they always were. What was noted meanwhile, to be raised; None if nothing was."""
    if signal.getsignal(signal.SIGTERM) is _note:
        _as_always()
    number = _noted.pop() if _noted else None
    if number is None:
        return None
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(128 + number)


def _note(number: int, _frame: FrameType | None) -> None:
    _noted.append(number)
    _as_always()


def _as_always() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _exit(number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Terminated(128 + number)
