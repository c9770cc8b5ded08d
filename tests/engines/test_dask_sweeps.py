"""A sweep whose children a Dask cluster has: live, left alone, gone on with, taken back, bounded in time and failures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="distributed (the extra dask) is not installed")

from mlops_jupyter.api import submissions as verbs
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.cli import execute
from mlops_jupyter.entities import JobParameter
from mlops_jupyter.entities.submissions import NO_END
from tests.engines.dask_cluster import cluster, gated_job
from tests.integration.sweep_jobs import write_job

PATIENCE = 300.0
OUT = "out"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The scheduler's."""
    with cluster() as scheduler:
        yield scheduler


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def until(met: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def record() -> dict[str, list[dict[str, object]]]:
    return json.loads(Path(OUT, "sweep.json").read_text())


def states() -> list[object]:
    return [child.get("state", "waiting") for child in record()["children"]]


def words(job: Path, address: str, *more: str) -> list[str]:
    return ["sweep", str(job), "--to", "dask", "--set", f"address={address}", "--unverified", "-o", OUT, *more]


def interrupted_while_two_run(command: list[str]) -> str:
    """What it says on its error stream."""
    process = subprocess.Popen([sys.executable, "-m", "mlops_jupyter.cli", *command], stderr=subprocess.PIPE, text=True,
                               start_new_session=True)
    until(lambda: Path(OUT, "sweep.json").exists() and states().count("running") == 2, "two did not run")
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    return said


def test_eight_children_go_on_without_the_command_and_only_what_failed_runs_again(address: str, here: Path) -> None:
    mended = f"Path({str(here / 'mended')!r}).exists()"
    job = write_job(here / "job", [JobParameter("number", "integer", 0)],
                    f"from pathlib import Path\nif number == 5 and not {mended}:\n    raise ValueError('no')",
                    "import mlops_jupyter as mlops\nmlops.log_metric('score', number * number)")
    said = interrupted_while_two_run(words(job, address, "--grid", "number=1,2,3,4,5,6,7,8"))
    assert f"mlops sweep --resume {here / OUT}" in said
    assert f"mlops sweep --stop {here / OUT}" in said
    assert execute(["sweep", "--resume", OUT]) == 1
    children = record()["children"]
    assert states() == [*["succeeded"] * 4, "failed", *["succeeded"] * 3]
    assert [child["attempt"] for child in children] == [1] * 8
    assert children[4]["error"] == "ValueError: no"
    assert children[0]["metrics"] == {"score": 1.0}
    (here / "mended").touch()
    assert execute(["sweep", "--resume", OUT, "--json"]) == 0
    children = record()["children"]
    assert [child["metrics"] for child in children] == [{"score": float(n * n)} for n in range(1, 9)]
    assert [child["attempt"] for child in children] == [1, 1, 1, 1, 2, 1, 1, 1]
    assert len({child["session"] for child in children}) == 8
    made = open_ledger().submissions()
    assert len(made) == 9
    assert len({one.parent for one in made}) == 1
    assert {child["submission"] for child in children} < {one.id for one in made}
    assert Path(OUT, "sweep.svg").exists()


def test_what_runs_and_what_waits_is_taken_back_by_one_command(address: str, here: Path,
                                                               capsys: pytest.CaptureFixture[str]) -> None:
    gate = here / "gate"
    interrupted_while_two_run(words(gated_job(here / "job"), address, "-p", f"gate={gate}", "--grid", "number=1,2,3"))
    capsys.readouterr()
    assert execute(["sweep", "--stop", OUT, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3
    until(lambda: {one.state for one in verbs.submissions()} == {"cancelled"}, "not all were cancelled")
    gate.touch()
    assert execute(["sweep", "--resume", OUT]) == 0
    assert [child["attempt"] for child in record()["children"]] == [2, 2, 2]


def test_time_and_failures_are_bounded(address: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = gated_job(here / "job")
    assert execute(words(job, address, "-p", f"gate={here / 'never'}", "--grid", "number=1,2,3", "--budget", "4s")) == 1
    assert states() == ["cancelled"] * 3
    assert {child["error"] for child in record()["children"]} == {"the time was up"}
    assert "Stopped: the time was up" in capsys.readouterr().out
    Path(OUT).rename("first")
    bad = write_job(here / "bad", [JobParameter("number", "integer", 0)], "1 / 0")
    assert execute(words(bad, address, "--grid", "number=1,2,3,4,5,6", "--max-failures", "1")) == 1
    assert states().count("failed") in {1, 2, 3}
    assert states().count("cancelled") == 6 - states().count("failed")
    assert "Stopped: 1 failed" in capsys.readouterr().out
    assert not [one for one in verbs.submissions() if one.state in NO_END]


@pytest.mark.parametrize(("more", "says"), [
    (["--grid", "number=1", "-j", "2"], "are of sweeps that run here"), (["--grid", "number=one"], "number"),
    (["--grid", "number=1", "--set", "adress=x"], "no option 'adress'"),
])
def test_what_is_wrong_is_said_before_anything_is_written(address: str, here: Path, capsys: pytest.CaptureFixture[str],
                                                          more: list[str], says: str) -> None:
    assert execute(words(gated_job(here / "job"), address, *more)) == 2
    assert says in capsys.readouterr().err
    assert execute(["sweep", "job", "--grid", "number=1", "--unverified"]) == 2
    assert "--to RUNNER" in capsys.readouterr().err
    assert execute(["sweep", "job", "--grid", "number=1", "--to", "dask", "--unverified"]) == 2
    assert "dask scheduler" in capsys.readouterr().err
    assert execute(["sweep", "job", "--grid", "number=1", "--to", "dask", "--set", f"address={address}", "-o", OUT]) == 2
    assert "unverified" in capsys.readouterr().err
    assert sorted(path.name for path in here.iterdir()) == ["job"]
