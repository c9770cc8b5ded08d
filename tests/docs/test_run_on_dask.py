"""The page on Dask is done, line by line, with the scheduler and the workers that it starts."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("distributed", reason="distributed (the extra dask) is not installed")

from mlops_jupyter.api import submissions as verbs
from mlops_jupyter.entities.submissions import NO_END
from tests.docs.test_run_a_job_elsewhere import DATA, printed, write_flights_job
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "run-on-dask.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


class Shell:
    """Does the lines of the page in a folder, and ends what it has left running."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.environment = folder, dict(os.environ)
        self.told: dict[str, str] = {}
        self._running: list[subprocess.Popen[bytes]] = []

    def do(self, line: str) -> None:
        words = shlex.split(line)
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            self.environment[name] = value
            return
        command = [str(BIN / words[0]), *words[1:]]
        if words[-1] == "&":
            self._running.append(subprocess.Popen(command[:-1], cwd=self.folder, env=self.environment, stderr=subprocess.DEVNULL))
            return
        if words[1] in {"submit", "sweep"}:
            command.append("--unverified")  # the job of this test is written by hand
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        self.told[line] = done.stdout

    def end(self) -> None:
        for process in reversed(self._running):
            process.terminate()
            process.wait(30)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.end()


def test_the_page_does_what_it_says(shell: Shell) -> None:
    write_flights_job(shell.folder, [1, 2])
    (shell.folder / "elsewhere").mkdir()
    pd.DataFrame({"month": [6, 7], "delay": [3, 4]}).to_parquet(shell.folder / "elsewhere" / DATA)
    page = PAGE.replace("8786", str(free_port())).replace("8787", str(free_port()))
    blocks = re.findall(r"^```bash\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    for line in (line for block in blocks for line in block.splitlines()):
        shell.do(line.replace("ID", ended()) if " ID" in line else line)
    preview, shown = (next(told for line, told in shell.told.items() if word in line) for word in ("--dry-run", " show "))
    assert "# uploads UPLOADS/flights.parquet: " in preview
    assert "mlops run BUNDLE.zip -p test_month=7 -i flights=UPLOADS/flights.parquet" in preview
    assert "succeeded" in shown
    first = verbs.submissions()[-1]
    assert printed(str(next(Path(first.deliver).glob(f"{first.id}/*/output.ipynb")))) == "4"
    sweep = json.loads((shell.folder / "by-month" / "sweep.json").read_text())
    assert [child["state"] for child in sweep["children"]] == ["succeeded"] * 2


def ended() -> str:
    """The id of the one submission that there is, once it has ended."""
    end = time.monotonic() + 120
    while (one := verbs.submissions()[0]).state in NO_END:
        assert time.monotonic() < end, one
        time.sleep(0.2)
    return one.id[:14]
