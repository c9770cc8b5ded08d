"""The page on Slurm is done, block by block, on a real Slurm of one machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from mlops_jupyter.api.submissions import submissions
from mlops_jupyter.entities import JobParameter
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.runners.slurm import SlurmOptions
from tests.engines.slurm import Slurm
from tests.integration.sweep_jobs import write_job

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "run-on-slurm.md").read_text(encoding="utf-8")
_CELL = """
import time
from pathlib import Path
import mlops_jupyter as mlops
print("round and round", flush=True)
while not Path({gate!r}).exists():
    time.sleep(0.1)
mlops.log_metric("score", rounds)
"""


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slurm]:
    made = Slurm()
    monkeypatch.setenv("SLURM_CONF", str(made.conf))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    yield made
    made.remove()


def bash(lines: str, folder: Path) -> str:
    done = subprocess.run(["bash", "-eu", "-c", lines], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{lines}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_the_page_does_what_it_says(slurm: Slurm, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = bundle.load(write_job(tmp_path / "job", [JobParameter("rounds", "integer", 10)], _CELL.format(gate=str(gate))))
    bundle.set_verdict(job, "identical", time.time(), verified=True)
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert "#SBATCH --partition=short" in bash(blocks[0], tmp_path)
    assert not submissions()
    bash("\n".join(blocks[1:-1]), tmp_path)
    second, first = submissions()
    assert (first.parameters, second.parameters) == ({"rounds": 100}, {"rounds": 200})
    assert second.options == {"after": first.id}
    gate.touch()
    assert "400" in bash(blocks[-1], tmp_path)
    array = [one.place.partition("_")[0] for one in submissions()[:3]]
    assert len(set(array)) == 1
    slurm.until(lambda: all(one.state not in NO_END for one in submissions()), "all of them end", 180)
    assert [one.state for one in submissions()] == ["succeeded"] * 3 + ["cancelled"] * 2


def test_every_option_of_the_page_is_one() -> None:
    known = {field.encode_name for field in msgspec.structs.fields(SlurmOptions)}
    assert set(re.findall(r"--set ([\w-]+)=", PAGE)) <= known
