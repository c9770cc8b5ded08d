"""`papermill --engine mlops` when things go wrong or many run at once: exit code, notebook and processes tell the truth."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mlops_jupyter.jobs.recording import read_recorded
from tests.integration.sweep_jobs import write_job

TELL = "import os, pathlib\npathlib.Path('kernel').write_text(str(os.getpid()))"
WAIT = "import time\nprint('waits', flush=True)\nwhile True:\n    time.sleep(0.05)"
STUBBORN = "import time\nwhile True:\n    try:\n        time.sleep(0.05)\n    except KeyboardInterrupt:\n        pass"


def papermill(folder: Path, *options: str, name: str = "out") -> subprocess.Popen[str]:
    """It, started on the notebook of `folder`."""
    words = [sys.executable, "-m", "papermill", "--engine", "mlops", "in.ipynb", f"{name}.ipynb", *options]
    return subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(*sources: str) -> Path:
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        cells = [new_code_cell(source, id=f"c{place}") for place, source in enumerate(sources, 1)]
        nbformat.write(new_notebook(cells=cells, metadata=kernel), tmp_path / "in.ipynb")
        return tmp_path

    return written


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < end, f"{what}: not within two minutes"
        time.sleep(0.05)


def alive(process: int) -> bool:
    return psutil.pid_exists(process) and psutil.Process(process).status() != psutil.STATUS_ZOMBIE


def told(folder: Path) -> tuple[bool, list[str], str]:
    """What the notebook says of itself: did an exception end it, its cells' states, the error in the cell that stood."""
    notebook = nbformat.read(folder / "out.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    errors = [output.ename for cell in cells for output in cell.outputs if output.output_type == "error"]
    return notebook.metadata.papermill.exception, [cell.metadata.papermill.status for cell in cells], " ".join(errors)


def states(folder: Path) -> list[str]:
    return [execution.state for execution in read_recorded(Path(os.environ["MLOPS_STATE"]).parent).executions]


def test_the_notebook_of_a_killed_kernel_says_so(write: Callable[..., Path]) -> None:
    folder = write("x = 1", "import os\nos.kill(os.getpid(), 9)", "y = 2")
    process = papermill(folder)
    said, _ = process.communicate()
    assert process.returncode == 138, said  # papermill's own code for a dead kernel
    assert told(folder) == (True, ["completed", "failed", "pending"], "DeadKernelError")
    assert states(folder) == ["ok", "running"]


def test_the_notebook_of_a_cell_that_took_too_long_says_so(write: Callable[..., Path]) -> None:
    folder = write("x = 1", WAIT)
    process = papermill(folder, "--execution-timeout", "1")
    said, _ = process.communicate()
    assert process.returncode == 1, said
    assert told(folder)[:2] == (True, ["completed", "failed"])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("cell", [WAIT, STUBBORN], ids=["a cell that yields", "a cell that does not"])
def test_a_cancelled_papermill_leaves_no_kernel(number: int, code: int, cell: str, write: Callable[..., Path]) -> None:
    folder = write(TELL, cell, "y = 2")
    process = papermill(folder)
    until(lambda: status(folder, 1) == "running" or process.poll() is not None, "the second cell runs")
    process.send_signal(number)
    said, _ = process.communicate()
    assert process.returncode == code, said
    assert not alive(int((folder / "kernel").read_text()))
    assert told(folder)[:2] == (True, ["completed", "failed", "pending"])
    assert told(folder)[2]


def status(folder: Path, place: int) -> str:
    """The status of a cell as it is written at this moment."""
    try:
        return str(nbformat.read(folder / "out.ipynb", as_version=4).cells[place].metadata.get("papermill", {}).get("status", ""))
    except (nbformat.reader.NotJSONError, OSError):
        return ""  # it is being written


def test_a_killed_papermill_leaves_no_kernel(write: Callable[..., Path]) -> None:
    folder = write(TELL, WAIT)
    process = papermill(folder)
    until(lambda: (folder / "kernel").is_file() and (folder / "kernel").read_text() != "", "the first cell ran")
    process.kill()
    process.communicate()
    until(lambda: not alive(int((folder / "kernel").read_text())), "the kernel ends by itself")


def test_a_terminated_job_leaves_no_kernel(tmp_path: Path) -> None:
    write_job(tmp_path / "job", [], f"kernel = {str(tmp_path / 'kernel')!r}\n{TELL.replace(repr('kernel'), 'kernel')}", WAIT)
    words = [str(Path(sys.executable).parent / "mlops"), "run", "job", "-o", "out.ipynb"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until(lambda: status(tmp_path, 2) == "running" or process.poll() is not None, "the last cell runs")
    process.terminate()
    said, _ = process.communicate()
    assert process.returncode == 130, said  # cancelled, as by Ctrl-C
    assert "SIGTERM" in said
    assert not alive(int((tmp_path / "kernel").read_text()))
    assert told(tmp_path)[:2] == (True, ["completed", "completed", "failed"])
    assert told(tmp_path)[2] in {"Terminated", "KeyboardInterrupt"}  # ours, or the kernel's own if it came in time


def test_eight_at_once_do_not_collide(write: Callable[..., Path]) -> None:
    folder = write("own = 0", "import os\nassert os.environ['OWN'] == str(own)\nprint(own)")
    facts = nbformat.read(folder / "in.ipynb", as_version=4)
    facts.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(facts, folder / "in.ipynb")
    started = []
    for place in range(8):
        words = [sys.executable, "-m", "papermill", "--engine", "mlops", "in.ipynb", f"{place}.ipynb", "-p", "own", str(place)]
        started.append(subprocess.Popen(words, cwd=folder, env={**os.environ, "OWN": str(place)}, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True))
    said = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0] * 8, said
    assert [printed(folder / f"{place}.ipynb") for place in range(8)] == [f"{place}\n" for place in range(8)]
    assert not any("TCP" in text for text in said)
    assert len(list(Path(os.environ["MLOPS_STATE"]).rglob("*.jsonl"))) == 8


def printed(path: Path) -> str:
    return str(nbformat.read(path, as_version=4).cells[-1].outputs[0].text)


def test_papermill_shows_what_its_users_ask_to_see(write: Callable[..., Path]) -> None:
    folder = write("print('one of two')", "print('two of two')")
    logged, _ = papermill(folder, "--log-output").communicate()
    parts = ["Executing notebook with kernel: python3", "Executing Cell 1", "one of two", "Ending Cell 1", "two of two"]
    assert in_order(logged, parts), logged
    barred, _ = papermill(folder, "--progress-bar").communicate()
    assert "2/2" in barred


def in_order(text: str, parts: Sequence[str]) -> bool:
    places = [text.find(part) for part in parts]
    return -1 not in places and places == sorted(places)


def test_what_papermill_takes_beside_its_own_options_our_engine_takes(write: Callable[..., Path]) -> None:
    from papermill.execute import execute_notebook

    folder = write("x = 1", WAIT)
    with pytest.raises(TimeoutError):
        execute_notebook(folder / "in.ipynb", folder / "out.ipynb", engine_name="mlops", progress_bar=False, timeout=1,
                         startup_timeout=50)


def test_a_save_that_fails_in_the_middle_does_not_lose_the_run(write: Callable[..., Path]) -> None:
    away = "import os\nos.rename('to', 'away')\nprint('went away')"
    folder = write(away, "print('goes on')", "import os\nos.rename('away', 'to')\nprint('came back')")
    (folder / "to").mkdir()
    process = papermill(folder, name="to/out")
    said, _ = process.communicate()
    assert process.returncode == 0, said
    assert "to/out.ipynb could not be written" in said
    assert "could be written again" in said
    assert printed(folder / "to" / "out.ipynb") == "came back\n"


def test_a_notebook_that_cannot_be_written_at_the_end_is_kept_and_no_success(write: Callable[..., Path]) -> None:
    folder = write("import os\nos.rename('to', 'away')", "print('goes on')")
    (folder / "to").mkdir()
    process = papermill(folder, name="to/out")
    said, _ = process.communicate()
    assert process.returncode == 1, said
    spare = Path(next(line for line in said.splitlines() if "is kept in" in line).rpartition("is kept in ")[2])
    assert printed(spare) == "goes on\n"
    assert states(folder) == ["ok", "ok"]
