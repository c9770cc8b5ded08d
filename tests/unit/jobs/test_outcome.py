"""How a run ended is judged from what was raised or from the exit code, and from nothing else."""

from __future__ import annotations

import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from mlops_jupyter.entities import InputError, Outcome, Sight
from mlops_jupyter.entities.jobs import OutcomeState
from mlops_jupyter.jobs.outcome import judge, judge_exit, judge_place


def failed(name: str, message: str = "") -> PapermillExecutionError:
    return PapermillExecutionError(cell_index=3, exec_count=2, source="1/0", ename=name, evalue=message, traceback=[])


@pytest.mark.parametrize(("error", "state", "says"), [
    (None, "succeeded", ""), (failed("ZeroDivisionError", "division by zero"), "failed", "ZeroDivisionError: division by zero"),
    (failed("KeyboardInterrupt"), "cancelled", "interrupted"), (failed("SystemExit", "3"), "failed", "SystemExit: 3"),
    (failed("StdinNotImplementedError", "raw_input was called"), "failed", "keyboard input"),
    (failed("E", "\x1b[31mred\x1b[0m"), "failed", "E: red"), (DeadKernelError("Kernel died"), "died", "kernel died"),
    (CellTimeoutError("A cell timed out while it was being executed, after 3 seconds."), "timed-out", "after 3 seconds"),
    (KeyboardInterrupt(), "cancelled", "stopped"), (InputError("no kernel"), "failed", "no kernel"),
    (OSError("disk full"), "failed", "OSError: disk full"), (RuntimeError("of the user's"), "failed", "of the user's"),
    (RuntimeError("Kernel died before replying to kernel_info"), "died", "kernel died"),
])
def test_exceptions(error: BaseException | None, state: str, says: str) -> None:
    outcome = judge(error, seconds=1.5, cell=2, source="x")
    assert (outcome.state, outcome.seconds) == (state, 1.5)
    assert says in outcome.error


@pytest.mark.parametrize(("code", "state"), [
    (0, "succeeded"), (1, "failed"), (2, "failed"), (3, "failed"), (-9, "died"), (137, "died"), (-15, "cancelled"),
    (143, "cancelled"), (-2, "cancelled"), (130, "cancelled"), (-11, "died"),
])
def test_exit_codes(code: int, state: str) -> None:
    assert judge_exit(code).state == state


WORDS: dict[str, OutcomeState] = {"PENDING": "queued", "RUNNING": "running", "DONE": "succeeded", "FAILED": "failed",
                                  "GONE": "died", "KILLED": "cancelled", "LATE": "timed-out"}
WELL, ILL = Outcome("succeeded", seconds=7.0), Outcome("failed", "ValueError: x", 3, "f(x)", 5.0)


@pytest.mark.parametrize(("word", "code", "told", "state", "says"), [
    ("PENDING", None, None, "queued", ""), ("PENDING", None, ILL, "queued", ""), ("RUNNING", None, WELL, "running", ""),
    ("DONE", 0, None, "succeeded", ""), ("DONE", 0, WELL, "succeeded", ""), ("DONE", 0, ILL, "failed", "ValueError"),
    ("FAILED", 1, None, "failed", "the end of the log"), ("FAILED", 1, ILL, "failed", "ValueError"),
    ("FAILED", 3, WELL, "failed", "the end of the log"), ("FAILED", 137, None, "died", "the end of the log"),
    ("FAILED", None, None, "failed", "the end of the log"), ("FAILED", 1, Outcome("died", "kernel"), "died", "kernel"),
    ("FAILED", 137, Outcome("cancelled", "stopped by SIGTERM"), "died", "the end of the log"),
    ("FAILED", -9, WELL, "succeeded", ""),
    ("FAILED", 143, Outcome("cancelled", "stopped by SIGTERM"), "cancelled", "SIGTERM"),
    ("GONE", None, None, "died", "the end of the log"), ("GONE", None, ILL, "died", "the end of the log"),
    ("GONE", None, WELL, "succeeded", ""), ("KILLED", None, None, "cancelled", ""), ("KILLED", None, WELL, "succeeded", ""),
    ("KILLED", None, ILL, "cancelled", ""), ("LATE", None, ILL, "timed-out", ""), ("LATE", None, WELL, "succeeded", ""),
    ("SUSPENDED_BY_MOON", None, WELL, "running", "SUSPENDED_BY_MOON"),
])
def test_a_place_and_an_attempt_are_judged_together(word: str, code: int | None, told: Outcome | None, state: str,
                                                    says: str) -> None:
    found = judge_place(Sight(word, code, "the end of the log", started=10.0, ended=12.5), WORDS, told)
    assert found.state == state
    assert says in found.error


def test_seconds_are_the_attempts_own_else_those_of_the_place() -> None:
    assert judge_place(Sight("DONE", 0, started=10.0, ended=12.5), WORDS, WELL).seconds == 7.0
    assert judge_place(Sight("DONE", 0, started=10.0, ended=12.5), WORDS).seconds == 2.5
    assert judge_place(Sight("DONE", 0, started=3610.0, ended=12.5), WORDS).seconds == 0.0
