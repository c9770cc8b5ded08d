"""Notebooks and data in a bucket: papermill's storages under our engine, `mlops run -o s3://…` and `-i NAME=s3://…`.

The S3 server is a real one on loopback. What a cell does to the bucket while the notebook runs stands in the notebook.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import Fingerprint, JobInput, JobManifest, JobParameter
from mlops_jupyter.jobs import bundle as bundles
from mlops_jupyter.jobs.convert import NOTEBOOK, Draft
from mlops_jupyter.jobs.recording import read_recorded
from tests.bucket import S3
from tests.integration.sweep_jobs import KERNEL, write_job

LOOK = """import time, fsspec
end = time.monotonic() + 120
while True:
    with fsspec.open('{at}', 'rb', skip_instance_cache=True) as there:
        if b'done with one' in there.read():
            break
    assert time.monotonic() < end, 'the first cell never came'
    time.sleep(0.1)
print('seen in the bucket')"""
REMOVE = "import fsspec\nfiles = fsspec.filesystem('s3')\nfiles.rm('{bucket}', recursive=True)"
MAKE = "files.mkdir('{bucket}')\nprint('made anew')"


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    """One for all tests; each has a bucket of its own."""
    running = S3()
    yield running
    running.remove()


@pytest.fixture
def bucket(server: S3, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its URL; everything that this test starts may use it."""
    for name, value in {**server.environment, "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    return server.bucket()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(address: str, data: bytes) -> None:
    with fsspec.open(address, "wb", skip_instance_cache=True) as file:
        file.write(data)


def printed(address: str) -> list[str]:
    """What the cells of the notebook at an address, or in a file, printed."""
    with fsspec.open(address, "r", skip_instance_cache=True) as file:
        cells = nbformat.read(file, as_version=4).cells
    return [output.text.strip() for cell in cells if cell.cell_type == "code" for output in cell.outputs if "text" in output]


def notebook(*sources: str) -> bytes:
    return nbformat.writes(new_notebook(cells=[new_code_cell(source) for source in sources], metadata=KERNEL)).encode()


def mlops(*words: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).parent / "mlops")
    return subprocess.run([program, *words], capture_output=True, text=True, check=False)


def papermill(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "papermill", "--engine", "mlops", "--no-progress-bar", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_papermill_reads_and_writes_a_bucket_under_our_engine(bucket: str, here: Path) -> None:
    put(f"{bucket}/in.ipynb", notebook("print('done with one')", LOOK.format(at=f"{bucket}/out.ipynb")))
    ran = papermill(f"{bucket}/in.ipynb", f"{bucket}/out.ipynb")
    assert ran.returncode == 0, ran.stderr
    assert printed(f"{bucket}/out.ipynb") == ["done with one", "seen in the bucket"]
    recorded = read_recorded(Path(os.environ["MLOPS_STATE"]).parent)
    assert recorded.session is not None
    assert recorded.session.notebook is not None
    assert recorded.session.notebook.path == f"{bucket}/in.ipynb"
    assert [execution.state for execution in recorded.executions] == ["ok", "ok"]


def test_a_bucket_that_fails_for_a_while_does_not_lose_papermills_run(bucket: str, here: Path) -> None:
    name = bucket.split("/")[2]
    put(f"{bucket}/in.ipynb", notebook(REMOVE.format(bucket=name), "print('goes on')", MAKE.format(bucket=name)))
    ran = papermill(f"{bucket}/in.ipynb", f"{bucket}/out.ipynb")
    assert ran.returncode == 0, ran.stderr
    assert f"{bucket}/out.ipynb could not be written" in ran.stderr
    assert printed(f"{bucket}/out.ipynb") == ["goes on", "made anew"]


def test_papermill_starts_nothing_where_the_output_cannot_be_written(bucket: str, here: Path) -> None:
    put(f"{bucket}/in.ipynb", notebook("open('ran', 'w').close()"))
    ran = papermill(f"{bucket}/in.ipynb", "s3://no-such-bucket/out.ipynb")
    assert ran.returncode == 1
    assert "NoSuchBucket" in ran.stderr
    assert not (here / "ran").exists()


def test_a_jobs_notebook_is_in_the_bucket_after_each_cell(bucket: str, here: Path) -> None:
    write_job(here / "job", [JobParameter("size", "integer", 2)], "print('done with one')", LOOK.format(at=f"{bucket}/out.ipynb"),
              "print(size)")
    ran = mlops("run", "job", "-p", "size=7", "-o", f"{bucket}/out.ipynb", "--json")
    assert ran.returncode == 0, ran.stderr
    assert printed(f"{bucket}/out.ipynb") == ["done with one", "seen in the bucket", "7"]
    told = json.loads(ran.stdout)
    assert (told["address"], told["undelivered"]) == (f"{bucket}/out.ipynb", "")
    assert printed(told["output"]) == printed(f"{bucket}/out.ipynb")
    assert open_ledger().session(told["session"]).kind == "job"


def test_a_failing_jobs_notebook_is_in_the_bucket_too(bucket: str, here: Path) -> None:
    write_job(here / "job", [], "print('done with one')", "1 / 0")
    ran = mlops("run", "job", "-o", f"{bucket}/out.ipynb")
    assert ran.returncode == 1
    assert "ZeroDivisionError" in ran.stderr
    assert printed(f"{bucket}/out.ipynb") == ["done with one"]


def test_a_bucket_that_goes_away_does_not_lose_the_run_and_is_no_success(bucket: str, here: Path) -> None:
    write_job(here / "job", [], REMOVE.format(bucket=bucket.split("/")[2]), "print('goes on')")
    ran = mlops("run", "job", "-o", f"{bucket}/out.ipynb", "--json")
    assert ran.returncode == 3, ran.stderr
    told = json.loads(ran.stdout)
    assert told["outcome"]["state"] == "succeeded"
    assert "bucket does not exist" in told["undelivered"]
    assert printed(told["output"]) == ["goes on"]
    assert f"aws s3 cp {told['output']} {bucket}/out.ipynb" in ran.stderr
    assert open_ledger().executions(told["session"])[-1].state == "ok"


def test_each_try_of_a_job_writes_its_notebook(bucket: str, here: Path) -> None:
    flag = here / "flag"
    write_job(here / "job", [], f"import pathlib\nflag = pathlib.Path({str(flag)!r})\nassert flag.exists() or flag.touch()",
              "print('second try')")
    ran = mlops("run", "job", "-o", f"{bucket}/out.ipynb", "--retries", "1", "--wait", "1s")
    assert ran.returncode == 0, ran.stderr
    assert printed(f"{bucket}/out.ipynb") == ["second try"]


@pytest.mark.parametrize(("output", "without", "code", "what", "remedy"), [
    ("s3://no-such-bucket/out.ipynb", "", 2, "The specified bucket does not exist", "-o PATH"),
    ("BUCKET/out.ipynb", "AWS_ACCESS_KEY_ID", 2, "could not be written", "export AWS_ACCESS_KEY_ID"),
    ("BUCKET/out.ipynb", "AWS_ENDPOINT_URL", 3, "Could not connect", "AWS_ENDPOINT_URL"),
    ("BUCKET/", "", 2, "names no file", "/output.ipynb"),
    ("s3://ann:secret@there/out.ipynb", "", 2, "a password stands in the address", "${PASSWORD}"),
    ("nowhere://bucket/out.ipynb", "", 2, "nowhere:// is not known here", "-o PATH"),
], ids=["no bucket", "no credentials", "no server", "no file", "password", "no driver"])
def test_where_no_notebook_can_be_written_nothing_starts(
        output: str, without: str, code: int, what: str, remedy: str, bucket: str, here: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    if without == "AWS_ENDPOINT_URL":
        monkeypatch.setenv(without, "http://127.0.0.1:1")
    elif without:
        monkeypatch.delenv(without)
    write_job(here / "job", [], f"open({str(here / 'ran')!r}, 'w').close()")
    ran = mlops("run", "job", "-o", output.replace("BUCKET", bucket))
    assert ran.returncode == code, ran.stderr
    said = " ".join(ran.stderr.split())
    assert what in said
    assert remedy in said
    assert "secret" not in said
    assert not (here / "ran").exists()
    assert list((here / "mlops-runs").glob("*")) == []


def test_a_wrong_parameter_leaves_the_notebook_that_is_there(bucket: str, here: Path) -> None:
    put(f"{bucket}/out.ipynb", b"yesterday's")
    write_job(here / "job", [JobParameter("size", "integer", 2)], "print(size)")
    ran = mlops("run", "job", "-p", "size=large", "-o", f"{bucket}/out.ipynb")
    assert ran.returncode == 2
    with fsspec.open(f"{bucket}/out.ipynb", "rb", skip_instance_cache=True) as file:
        assert file.read() == b"yesterday's"


def test_a_tracked_notebook_goes_to_no_folder_named_s3(here: Path) -> None:
    (here / "in.ipynb").write_bytes(notebook("1"))
    ran = mlops("track", "in.ipynb", "-o", "s3://bucket/out.ipynb")
    assert ran.returncode == 2
    assert "papermill --engine mlops in.ipynb s3://bucket/out.ipynb" in ran.stderr
    assert [path.name for path in here.iterdir()] == ["in.ipynb"]


@pytest.fixture
def reader(here: Path) -> Path:
    """A job that reads a table and prints its sum."""
    entry = JobInput("rows", "data/rows.csv", Fingerprint("file", "fp1:d"), source=str(here / "rows.csv"))
    manifest = JobManifest("reader", 1795000000.0, [], [entry], [], 1, 1)
    source = "import csv\nprint(sum(int(row['a']) for row in csv.DictReader(open('data/rows.csv'))))"
    bundles.write(Draft(manifest, {}, {NOTEBOOK: notebook(source)}, [], []), here / "reader")
    return here / "reader"


def test_an_input_in_a_bucket_is_read(reader: Path, bucket: str) -> None:
    put(f"{bucket}/rows.csv", b"a\n3\n4\n")
    ran = mlops("run", str(reader), "-i", f"rows={bucket}/rows.csv", "-o", f"{bucket}/out.ipynb", "--json")
    assert ran.returncode == 0, ran.stderr
    assert printed(f"{bucket}/out.ipynb") == ["7"]
    [run] = [open_ledger().session(json.loads(ran.stdout)["session"])]
    assert run.origin is not None
    assert run.origin.inputs == {"rows": f"{bucket}/rows.csv"}


@pytest.mark.parametrize(("given", "without", "code", "what", "remedy"), [
    ("BUCKET/none.csv", "", 2, "none.csv could not be fetched", "-i rows=PATH"),
    ("BUCKET/rows.csv", "AWS_ACCESS_KEY_ID", 2, "could not be fetched", "export AWS_ACCESS_KEY_ID"),
    ("BUCKET/rows.csv", "AWS_ENDPOINT_URL", 3, "Could not connect", "AWS_ENDPOINT_URL"),
    ("nowhere://bucket/rows.csv", "", 2, "nowhere:// is not known here", "-i rows=PATH"),
], ids=["no file", "no credentials", "no server", "no driver"])
def test_an_input_that_cannot_be_read_starts_nothing(
        given: str, without: str, code: int, what: str, remedy: str, reader: Path, bucket: str,
        monkeypatch: pytest.MonkeyPatch) -> None:
    put(f"{bucket}/rows.csv", b"a\n3\n4\n")
    if without == "AWS_ENDPOINT_URL":
        monkeypatch.setenv(without, "http://127.0.0.1:1")
    elif without:
        monkeypatch.delenv(without)
    ran = mlops("run", str(reader), "-i", f"rows={given.replace('BUCKET', bucket)}")
    assert ran.returncode == code, ran.stderr
    said = " ".join(ran.stderr.split())
    assert what in said
    assert remedy in said
    assert list(Path("mlops-runs").glob("*")) == []
