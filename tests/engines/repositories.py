"""A job in a git repository, as CI wants it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mlops_jupyter.api import archives
from mlops_jupyter.api import submissions as verbs
from mlops_jupyter.api.conformance import Kit
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import JobManifest, Run, Submission
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.convert import NOTEBOOK, Draft
from mlops_jupyter.jobs.locked import REQUIREMENTS
from tests.wheels import NAME, wheel

HOSTILE = "it's \"$HOME\" `id` $(id) ${{ secrets.MLOPS_TOKEN }} '; exit 3 # \\ é中"


def git(folder: Path, *words: str) -> str:
    program = ["git", "-C", str(folder), "-c", "user.name=Ann", "-c", "user.email=ann@example.org", *words]
    return subprocess.run(program, check=True, capture_output=True, text=True).stdout


def committed(kit: Kit) -> Kit:
    """The kit, its job written and committed."""
    kit.job()
    git(kit.folder, "init", "-q", "-b", "main")
    git(kit.folder, "add", ".")
    git(kit.folder, "commit", "-qm", "The job")
    return kit


def own_home(home: Path, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that run CI files find no settings of ours, and are found."""
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("HOME", str(home))


def write_locked_job(folder: Path, wheels: Path) -> tuple[Path, Path]:
    """A job with a lock, and a wheel that brings an `mlops` which is the one of the tests: what has to be installed is small."""
    tiny = wheel(wheels, "1.0")
    package = wheels / "mlops_here-1.0-py3-none-any.whl"
    info = "mlops_here-1.0.dist-info"
    with zipfile.ZipFile(package, "w") as file:
        real = str(Path(sys.executable).parent / "mlops")
        file.writestr("mlops_here.py", f"import os, sys\n\ndef main():\n    os.execv({real!r}, ['mlops', *sys.argv[1:]])\n")
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mlops-here\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/entry_points.txt", "[console_scripts]\nmlops = mlops_here:main\n")
        file.writestr(f"{info}/RECORD", "")
    manifest = JobManifest("locked", 1795000000.0, [], [], [], 1, 1, python=platform.python_version())
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cell = new_code_cell("import mlops_jupyter as mlops\nmlops.log_metric('one', 1)", id="only")
    notebook = nbformat.writes(new_notebook(cells=[cell], metadata=kernel)).encode()
    lock = f"{NAME} @ {tiny.as_uri()}\n".encode()
    bundle.write(Draft(manifest, {}, {NOTEBOOK: notebook, REQUIREMENTS: lock}, [], []), folder)
    return folder, package


def digest(job: Path) -> str:
    """Of the job, from its manifest."""
    return bundle.load(job).manifest.digest


def imported(artifacts: Path) -> list[Run]:
    """The runs of the archives that were kept as artifacts, in the order of the artifacts' names."""
    runs: list[Run] = []
    for file in sorted(artifacts.rglob("runs.mlops")):
        before = {run.id for run in open_ledger().runs()}
        archives.import_(file)
        runs += [run for run in open_ledger().runs() if run.id not in before]
    return runs


def params(run: Run) -> dict[str, object]:
    return {param.name: param.value for param in run.params}


def total(run: Run) -> object:
    return next(metric.value for metric in run.metrics if metric.name == "total")


def of_submission(one: Submission) -> list[psutil.Process]:
    """What runs for it: the program, the job, its kernel."""
    waiting = int((Path(one.place) / "process").read_text().split()[0])
    return psutil.Process(waiting).children(recursive=True)


def a_cancelled_job_says_so_itself_and_leaves_nothing_running(kit: Kit) -> None:
    """Cancelled in mid-run, it delivers that, and all of its processes end."""
    one = kit.submit(what="wait")
    kit.until(one, lambda _: "it waits" in verbs.logs(one.id), "print that it waits")
    before = of_submission(one)
    assert before
    verbs.cancel(one.id)
    done = kit.ended(one)
    assert done.state == "cancelled"
    assert len(done.collected) == 1  # it had time to deliver
    psutil.wait_procs(before, timeout=30)
    assert not [process for process in before if process.is_running()]


def a_killed_program_is_neither_running_nor_done(kit: Kit) -> None:
    """The program that runs the file here is killed: whoever looks ends the job that it has left behind."""
    one = kit.submit(what="wait")
    kit.until(one, lambda _: "it waits" in verbs.logs(one.id), "print that it waits")
    program, *rest = of_submission(one)
    program.kill()
    assert kit.ended(one).state == "died"
    assert not psutil.wait_procs(rest, timeout=30)[1]
