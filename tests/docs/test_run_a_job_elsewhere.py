"""The page on running a job elsewhere is done, line by line, with a bucket on a real S3 server."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mlops_jupyter.entities import JobInput, JobManifest, JobParameter
from mlops_jupyter.fingerprint import fingerprint_file
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.convert import NOTEBOOK, Draft
from tests.bucket import S3
from tests.integration.sweep_jobs import KERNEL

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "run-a-job-elsewhere.md").read_text(encoding="utf-8")
DATA = "flights.parquet"


def notebook(*sources: str) -> bytes:
    cells = [new_code_cell(source) for source in sources]
    cells[0].metadata["tags"] = ["parameters"]
    return nbformat.writes(new_notebook(cells=cells, metadata=KERNEL)).encode()


def write_flights_job(folder: Path, delays: list[int]) -> None:
    pd.DataFrame({"month": [6, 7], "delay": delays}).to_parquet(folder / DATA)
    entry = JobInput("flights", DATA, fingerprint_file(folder / DATA), carried=True)
    manifest = JobManifest("flights", 1795000000.0, [JobParameter("test_month", "integer", 6)], [entry], [], 2, 2)
    source = f"import pandas as pd\ntable = pd.read_parquet('{DATA}')\nprint(table.delay[table.month == test_month].sum())"
    files = {NOTEBOOK: notebook("test_month = 6", source), DATA: (folder / DATA).read_bytes()}
    bundle.write(Draft(manifest, {}, files, [], []), folder / "job")


def printed(address: str) -> str:
    with fsspec.open(address, "r", skip_instance_cache=True) as file:
        return str(nbformat.read(file, as_version=4).cells[-1].outputs[0].text).strip()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """With a server that has a bucket named `team`."""
    server = S3()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir("team")
    yield dict(os.environ)
    server.remove()


def test_the_page_does_what_it_says(tmp_path: Path, environment: dict[str, str]) -> None:
    write_flights_job(tmp_path, [1, 2])
    (tmp_path / "elsewhere").mkdir()
    pd.DataFrame({"month": [6, 7], "delay": [3, 4]}).to_parquet(tmp_path / "elsewhere" / DATA)
    pd.DataFrame({"month": [6, 7], "delay": [5, 6]}).to_parquet(f"s3://team/{DATA}")
    with fsspec.open("s3://team/daily.ipynb", "wb", skip_instance_cache=True) as file:
        file.write(notebook("print('daily')"))
    done = []
    for block in re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL):
        for line in block.strip().splitlines():
            words = shlex.split(line)
            if words[0] == "pip":  # what the lock names is what the environment of the tests has
                continue
            asked = ["--json"] if words[:2] == ["mlops", "run"] else []
            program = [str(Path(sys.executable).parent / words[0]), *words[1:], *asked]
            ran = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            assert ran.returncode == 0, f"{line}: {ran.stdout}{ran.stderr}"
            done.append(ran.stdout)
    assert printed(str(tmp_path / "out.ipynb")) == "2"
    assert printed(json.loads(done[2])["output"]) == "4"
    assert printed("s3://team/july.ipynb") == printed(json.loads(done[3])["output"]) == "6"
    assert printed("s3://team/daily-out.ipynb") == "daily"
