"""What goes to a Dask cluster, what is taken from what comes back, and what is said of options that cannot be. No cluster."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="distributed (the extra dask) is not installed")

import cloudpickle

from mlops_jupyter.api.conformance import write_job
from mlops_jupyter.api.handing import runner_of
from mlops_jupyter.entities import InputError, NotFoundError, Sight, StoreError
from mlops_jupyter.jobs.runners import Order, dask
from mlops_jupyter.jobs.runners.dask_parcels import NOTE, Place, cargoes, note, noted, read, taken
from mlops_jupyter.jobs.runners.dask_worker import Left


def left(*members: tuple[str, bytes], code: int = 0, cancelled: bool = False) -> Left:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in members:
            file.writestr(name, data)
    return Left(code=code, cancelled=cancelled, began=1.0, ended=3.0, log=b"said \xff this\n",
                delivered=buffer.getvalue() if members else b"")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place("tcp://127.0.0.1:8786", "one", str(tmp_path / "what came back"))


@pytest.fixture
def order(tmp_path: Path) -> Order:
    (tmp_path / "more rows.csv").write_text("number\n1\n")
    return Order(submission="one", bundle=write_job(tmp_path / "job"), parameters={"text": "\0a b"},
                 inputs={"rows": str(tmp_path / "more rows.csv")}, secrets={"MLOPS_TOKEN": "hush"})


def test_a_place_is_read_as_it_was_spelled(place: Place) -> None:
    assert read(place.spelled()) == place


@pytest.mark.parametrize("text", ["", "nowhere", "tcp://127.0.0.1:1/one", "tcp://h:1/../x?to=/tmp", "one?to=/tmp"])
def test_what_is_no_place_is_not_found(text: str) -> None:
    with pytest.raises(NotFoundError, match="no Dask submission"):
        read(text)


def test_what_came_back_is_written_and_a_note_of_the_end_answers_from_then_on(place: Place) -> None:
    members = [(f"a1/{name}", name.encode()) for name in ("result.json", "output.ipynb", "runs.mlops")]
    sight = note(place, taken(place, left(*members)))
    assert (sight.word, sight.code, sight.started, sight.ended) == ("done", 0, 1.0, 3.0)
    assert sorted(path.name for path in (place.folder / "a1").iterdir()) == ["output.ipynb", "result.json", "runs.mlops"]
    assert noted(place) == sight == note(place, taken(place, left(*members)))  # twice is once


def test_a_job_that_failed_says_its_last_lines(place: Place) -> None:
    assert taken(place, left(code=1)) == Sight("exited", 1, "said \ufffd this", started=1.0, ended=3.0)
    assert taken(place, left(code=130, cancelled=True)).word == "cancelled"


@pytest.mark.parametrize("name", ["../result.json", "/a/result.json", "a/b/result.json", "a/other.txt", "result.json"])
def test_a_delivery_that_names_another_place_is_not_taken(place: Place, tmp_path: Path, name: str) -> None:
    sight = taken(place, left(("good/result.json", b"{}"), (name, b"forged")))
    assert "not the delivery of an attempt" in sight.detail
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"log.txt"}


def test_a_delivery_that_was_cut_short_is_said(place: Place) -> None:
    whole = left(("a1/result.json", b"{}" * 1000))
    whole["delivered"] = whole["delivered"][:-40]
    assert "not the delivery of an attempt" in taken(place, whole).detail


def test_where_it_cannot_be_written_there_is_no_note(place: Place) -> None:
    Path(place.to).write_text("in the way")
    with pytest.raises(InputError, match="could not be written"):
        taken(place, left(("a1/result.json", b"{}")))
    assert noted(place) is None


def test_a_note_that_cannot_be_read_is_none(place: Place) -> None:
    place.folder.mkdir(parents=True)
    (place.folder / NOTE).write_text("{")
    assert noted(place) is None


def test_a_preview_names_what_is_uploaded_and_the_command_and_no_secret(order: Order) -> None:
    runner = dask.DaskRunner(dask.DaskOptions(address="10.0.0.5:8786", resources="GPU=1", program="/opt/my env/bin/mlops"[0:8]))
    lines = runner.preview([order, order]).splitlines()
    assert lines[:2] == ["# the Dask scheduler tcp://10.0.0.5:8786", "# only workers with GPU=1"]
    assert [line.split(",")[0] for line in lines[2:4]][1] == "# uploads UPLOADS/more rows.csv: 9 bytes"
    assert len(lines) == 6
    assert "run BUNDLE.zip" in lines[4]
    assert "'rows=UPLOADS/more rows.csv'" in lines[4]
    assert "hush" not in "".join(lines)


def test_uploads_over_the_limit_are_refused_with_the_bytes(order: Order) -> None:
    size = len(cargoes([order], 10**9)[0].bundle)
    with pytest.raises(InputError, match=f"input rows is 9 bytes, after {size} .*at most {size + 8}") as refused:
        cargoes([order], size + 8)
    assert f"--set upload-limit={size + 9}" in refused.value.remedy
    with pytest.raises(InputError, match="the bundle is"):
        cargoes([order], 10)


def test_without_a_scheduler_it_says_how_to_start_one(order: Order, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs the address") as refused:
        dask.DaskRunner().submit([order])
    assert "dask scheduler" in refused.value.remedy
    with pytest.raises(InputError, match="no scheduler file"):
        dask.DaskRunner(dask.DaskOptions(scheduler_file=str(tmp_path / "none.json"))).submit([order])


@pytest.mark.parametrize(("options", "says"), [
    ({"resources": "GPU"}, "no NAME=AMOUNT"), ({"upload-limit": "much"}, "upload-limit"), ({"adress": "x"}, "no option 'adress'"),
])
def test_options_that_cannot_be_are_named(options: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        runner_of("dask", options)


@pytest.mark.parametrize(("address", "says"), [
    ("gopher://h:1", "cannot be used"), ("nonsense", "missing port"), ("tls://127.0.0.1:1", "TLS"),
])
def test_an_address_that_cannot_be_is_refused(order: Order, address: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        dask.DaskRunner(dask.DaskOptions(address=address)).submit([order])


def test_something_that_is_no_scheduler_is_not_waited_for(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "ANSWER", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(StoreError, match="nothing there speaks as Dask does"):
            dask.DaskRunner(dask.DaskOptions(address=address)).submit([order])


def test_what_runs_on_a_worker_needs_nothing_of_ours_there_and_brings_nothing_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MINE_ALONE", "hush-hush")
    code = tmp_path / "code"
    code.write_bytes(cloudpickle.dumps(list(dask.code())))
    assert b"hush" not in code.read_bytes()
    script = ("import pathlib, pickle, sys; sys.modules['mlops_jupyter'] = None\n"
              f"print(len(pickle.loads(pathlib.Path({str(code)!r}).read_bytes())))")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("5\n", "")
