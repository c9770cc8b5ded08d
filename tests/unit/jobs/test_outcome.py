"""How a run ended is judged from what was raised or from the exit code, and from nothing else."""

from __future__ import annotations

import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from mlops_jupyter.entities import InputError
from mlops_jupyter.jobs.outcome import judge, judge_exit


def failed(name: str, message: str = "") -> PapermillExecutionError:
    return PapermillExecutionError(cell_index=3, exec_count=2, source="1/0", ename=name, evalue=message, traceback=[])


@pytest.mark.parametrize(("error", "state", "says"), [
    (None, "succeeded", ""), (failed("ZeroDivisionError", "division by zero"), "failed", "ZeroDivisionError: division by zero"),
    (failed("KeyboardInterrupt"), "cancelled", "interrupted"), (failed("SystemExit", "3"), "failed", "SystemExit: 3"),
    (failed("StdinNotImplementedError", "raw_input was called"), "failed", "keyboard input"),
    (failed("E", "\x1b[31mred\x1b[0m"), "failed", "E: red"), (DeadKernelError("Kernel died"), "died", "kernel died"),
    (CellTimeoutError("A cell timed out while it was being executed, after 3 seconds."), "timed-out", "after 3 seconds"),
    (KeyboardInterrupt(), "cancelled", "stopped"), (InputError("no kernel"), "failed", "no kernel"),
    (OSError("disk full"), "failed", "OSError: disk full"),
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
