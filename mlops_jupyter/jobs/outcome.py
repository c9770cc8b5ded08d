"""The one judge of how a run ended: from the exception or the exit code, never from a notebook's metadata.

Papermill writes `exception = None` and `completed` into the notebook of a kernel that was killed. So what a notebook says
about itself is not evidence; what was raised is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlops_jupyter.entities import MlopsError, Outcome, Sight
from mlops_jupyter.entities.jobs import OutcomeState
from mlops_jupyter.entities.submissions import NO_END

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CANCELLED = frozenset({"KeyboardInterrupt", "CancelledError", "Terminated"})
SIGKILL, SIGTERM, SIGINT = 9, 15, 2
DIED = "the kernel died (killed, out of memory, or a crash in native code)"


def judge(error: BaseException | None, *, seconds: float = 0.0, cell: int | None = None, source: str = "") -> Outcome:
    """How a run ended, from what it raised (None: nothing). `cell` and `source` are where it stood, from 1."""
    if error is None:
        return Outcome("succeeded", seconds=seconds)
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _CANCELLED:
        by = "SIGTERM" if "Terminated" in names else "the user"
        return Outcome("cancelled", f"stopped by {by}", cell, source, seconds)
    if "DeadKernelError" in names or _died_as_it_began(error):
        return Outcome("died", DIED, cell, source, seconds)
    if "CellTimeoutError" in names:
        return Outcome("timed-out", _first_line(str(error)), cell, source, seconds)
    if "PapermillExecutionError" in names:
        return _cell_failed(error, seconds=seconds, cell=cell, source=source)
    text = error.what if isinstance(error, MlopsError) else f"{type(error).__name__}: {error}"
    return Outcome("failed", text, cell, source, seconds)


def _died_as_it_began(error: BaseException) -> bool:
    """jupyter_client has no class of its own for a kernel that is gone before it has answered once."""
    return type(error) is RuntimeError and str(error).startswith("Kernel died before replying")


def judge_exit(code: int, *, seconds: float = 0.0, error: str = "") -> Outcome:
    """How a run ended, from the exit code of `mlops run` (0 done, 1 failed, 2 bad input, 3 store; negative: a signal)."""
    if code == 0:
        return Outcome("succeeded", seconds=seconds)
    signal = -code if code < 0 else code - 128 if code > 128 else 0
    if signal in {SIGTERM, SIGINT}:
        return Outcome("cancelled", error or f"stopped by signal {signal}", seconds=seconds)
    if signal:
        return Outcome("died", error or f"killed by signal {signal}", seconds=seconds)
    return Outcome("failed", error or f"exit code {code}", seconds=seconds)


def _cell_failed(error: BaseException, *, seconds: float, cell: int | None, source: str) -> Outcome:
    name, message = str(getattr(error, "ename", "")), _COLOURS.sub("", str(getattr(error, "evalue", "")))
    source = str(getattr(error, "source", "")) or source
    if name in _CANCELLED:
        return Outcome("cancelled", "interrupted", cell, source, seconds)
    if name == "StdinNotImplementedError":
        message = "the cell asks for keyboard input, and a run without a person has none; assign a value in its place"
    return Outcome("failed", f"{name}: {message}" if message else name, cell, source, seconds)


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def judge_place(sight: Sight, states: Mapping[str, OutcomeState], told: Outcome | None = None) -> Outcome:
    """How a submission stands, from its place's own word and table, and from what its last attempt said of itself.

    The place knows of a machine that is gone, the attempt of the cell that failed. A place that calls it done does not outvote
    an attempt that failed; one that killed it does not undo a result that is there. A word outside the table is no end.
    """
    state = states.get(sight.word)
    if state is None:
        return Outcome("running", f"its place says {sight.word!r}, which this version does not know")
    seconds = max(0.0, sight.ended - sight.started) if sight.ended is not None and sight.started is not None else 0.0
    if told is not None and state not in NO_END and _counts(told, _killed(state, sight)):
        return told
    if state == "failed" and sight.code:
        return judge_exit(sight.code, seconds=seconds, error=sight.detail)
    return Outcome(state, "" if state == "succeeded" else sight.detail, seconds=seconds)


def _killed(state: OutcomeState, sight: Sight) -> OutcomeState:
    """`died` for what its place calls failed, with the exit code of something that was killed."""
    return "died" if state == "failed" and sight.code and judge_exit(sight.code).state == "died" else state


def _counts(told: Outcome, state: OutcomeState) -> bool:
    """Whether what the attempt said is how it ended, for a place that says `state`."""
    if state in {"cancelled", "died", "timed-out"}:
        return told.state == "succeeded"
    return not (state == "failed" and told.state == "succeeded")  # it could not deliver, or what came after it failed
