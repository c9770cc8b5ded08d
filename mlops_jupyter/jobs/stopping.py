"""SIGTERM as an exit: Python dies of it where it stands, and would leave the kernel to find out by itself.

Schedulers, `docker stop` and `kill` send it. While a kernel runs it is an exit with 143, as shells write it, so that everything
on the way out is done: the session is ended, the notebook written, the kernel shut down.
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


def _exit(number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Terminated(128 + number)
