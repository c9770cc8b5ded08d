"""How long a job may take, and how often it is tried: a limit for the whole run, another try after a failure, a longer wait each.

Each attempt is a run of its own, with a work folder and a record of its own; what is answered is the last. A job that was
cancelled, or given something bad, is not tried again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from mlops_jupyter.entities import Outcome

_LOOK = 0.1  # seconds between looks at the clock
_LONGEST = 600.0
AGAIN = frozenset({"failed", "died", "timed-out"})


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds for a cell and for the whole run; further attempts; seconds before the first of these, doubled before each next."""

    cell: int | None = None
    whole: float | None = None
    retries: int = 0
    wait: float = 5.0


class Ended(Protocol):
    """A run that has ended."""

    outcome: Outcome


Run = TypeVar("Run", bound=Ended)


def attempts(run: Callable[[threading.Event, bool], Run], limits: Limits, cancel: threading.Event | None = None,
             say: Callable[[str], None] | None = None) -> Run:
    """Call `run` with what cancels it, and whether it is a further attempt, until one succeeds or none is left.

    `say` hears of each that failed.
    """
    stopped = cancel or threading.Event()
    wait = limits.wait
    for number in range(limits.retries + 1):
        done = _within(run, limits.whole, stopped, again=number > 0)
        left = limits.retries - number
        if done.outcome.state not in AGAIN or not left:
            break
        if say is not None:
            say(f"attempt {number + 1} {done.outcome.state}: {done.outcome.error}; again in {wait:g} s, {left} left")
        if stopped.wait(wait):
            break
        wait = min(wait * 2, _LONGEST)
    return done


def _within(run: Callable[[threading.Event, bool], Run], seconds: float | None, stopped: threading.Event, *, again: bool) -> Run:
    """One attempt; cancelled when its time is up, which is another end than that somebody stopped it."""
    if seconds is None:
        return run(stopped, again)
    cancel, over, late = threading.Event(), threading.Event(), threading.Event()
    end = time.monotonic() + seconds

    def watch() -> None:
        while not over.wait(_LOOK):
            if time.monotonic() >= end:
                late.set()
            if late.is_set() or stopped.is_set():
                cancel.set()
                return

    thread = threading.Thread(target=watch, name="mlops-time", daemon=True)
    thread.start()
    try:
        done = run(cancel, again)
    finally:
        over.set()
        thread.join()
    if late.is_set() and done.outcome.state == "cancelled":
        done.outcome = msgspec.structs.replace(done.outcome, state="timed-out", error=f"not done after {seconds:g} s")
    return done
