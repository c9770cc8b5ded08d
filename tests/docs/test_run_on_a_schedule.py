"""The page on schedules is done, line by line: with a crontab of the test's own, and somebody who is told."""

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

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mlops_jupyter.entities import JobManifest
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.convert import NOTEBOOK, Draft
from tests.fakes import Listener, write_crontab
from tests.integration.sweep_jobs import KERNEL

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "run-on-a-schedule.md").read_text(encoding="utf-8")
NAMED = "01m8h4p5t38q71"


def write_failing_job(folder: Path) -> None:
    first = new_code_cell("x = 1", id="a", metadata={"tags": ["parameters"]})
    cells = [first, new_code_cell("raise ValueError('no rows')", id="b")]
    notebook = nbformat.writes(new_notebook(cells=cells, metadata=KERNEL)).encode()
    manifest = JobManifest("flights", 1795000000.0, [], [], [], 2, 2, verified=True, verdict="identical")
    bundle.write(Draft(manifest, {}, {NOTEBOOK: notebook}, [], []), folder)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Listener, Path]]:
    """A folder with the job, whom to tell, and the file of the crontab."""
    write_failing_job(tmp_path / "job")
    crontab = write_crontab(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    with Listener() as listener:
        monkeypatch.setenv("HOOK", listener.address)
        yield tmp_path, listener, crontab


def mlops(folder: Path, *words: str) -> str:
    program = [str(Path(sys.executable).parent / "mlops"), *words]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def test_the_page_does_what_it_says(place: tuple[Path, Listener, Path]) -> None:
    pytest.importorskip("apprise", reason="apprise (the extra `tell`) is not installed")
    folder, listener, crontab = place
    made: list[dict[str, str]] = []
    for block in re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL):
        for line in block.strip().splitlines():
            words = [word.replace(NAMED, made[0]["id"][:14] if made else "") for word in shlex.split(line)]
            if words[0] == "pip":
                continue
            said = mlops(folder, *words[1:], *(["--json"] if "submit" in words and "--dry-run" not in words else []))
            if "--dry-run" in words:
                shown = re.sub(r"SUBMISSION", NAMED, said).splitlines()
                assert [one.split()[:4] for one in shown[1:2]] == [["#", "0", "6", "*"]]
                assert shown[-2].startswith("0 * * * * ")
            elif "submit" in words:
                made.append(json.loads(said))
            elif "list" in words:
                assert made[0]["id"][:14] in said
            elif "cancel" in words:
                assert made[0]["id"] not in crontab.read_text() if crontab.exists() else True
    assert [one["state"] for one in made] == ["scheduled", "scheduled", "scheduled", "queued"]
    assert sorted(path.suffix for path in (folder / "units").iterdir()) == [".service", ".timer"]
    assert crontab.read_text().count("# >>> mlops") == 1
    end = time.monotonic() + 60
    while json.loads(mlops(folder, "submissions", "show", made[-1]["id"], "--json"))["told"] != "failed":
        assert time.monotonic() < end
    (said_once,) = listener.heard
    assert said_once["title"] == "mlops: flights failed"
    assert "cell 2: ValueError: no rows" in said_once["message"]
    assert made[-1]["id"][:14] in said_once["message"]
