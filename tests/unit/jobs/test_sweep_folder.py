"""The record of a sweep is old or new, and each attempt of a child works where none did before."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.entities import ConflictError, InputError, NotFoundError
from mlops_jupyter.jobs.sweep import Child, Sweep
from mlops_jupyter.jobs.sweep_folder import RECORD, SweepFolder, open_folder


def some_sweep(folder: Path) -> SweepFolder:
    children = [Child(number, {"p": number, "names": ["é"]}) for number in range(1, 11)]
    return SweepFolder(folder, Sweep("sha256:0", str(folder / "job"), "job", 1795000000.5, children, ["p"], seed=3))


def test_what_is_written_is_read_back_equal(tmp_path: Path) -> None:
    place = some_sweep(tmp_path)
    place.sweep.children[0].state, place.sweep.children[0].metrics = "failed", {"auc": 0.1 + 0.2}
    place.save(now=True)
    assert open_folder(tmp_path).sweep == place.sweep
    assert [path.name for path in tmp_path.iterdir()] == [RECORD]


def test_a_record_that_could_not_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    place = some_sweep(tmp_path)
    place.save(now=True)
    before = (tmp_path / RECORD).read_bytes()
    place.sweep.children[0].metrics = {"auc": object()}  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        place.save(now=True)
    assert (tmp_path / RECORD).read_bytes() == before


def test_what_was_held_back_is_written_though_nothing_else_happens(tmp_path: Path) -> None:
    place = some_sweep(tmp_path)
    place.save(now=True)
    place._next = float("inf")  # the next turn is far away
    place.sweep.children[0].state = "running"
    place.save()
    place.catch_up()
    assert open_folder(tmp_path).sweep.children[0].state == "waiting"
    place._next = 0.0
    place.catch_up()
    assert open_folder(tmp_path).sweep.children[0].state == "running"
    written = (tmp_path / RECORD).stat().st_mtime_ns
    place.catch_up()
    assert (tmp_path / RECORD).stat().st_mtime_ns == written, "nothing was behind"


def test_each_attempt_works_in_a_folder_of_its_own(tmp_path: Path) -> None:
    place = some_sweep(tmp_path)
    child = place.sweep.children[1]
    for name in ("02", "02-2"):
        work = place.new_attempt(child)
        assert (work, child.folder) == (tmp_path / name, name)
        work.mkdir()
    (tmp_path / "02-3").mkdir()  # of an attempt that the record does not know
    assert place.new_attempt(child) == tmp_path / "02-4"
    assert child.attempt == 4


def test_only_one_at_a_time_and_then_the_next(tmp_path: Path) -> None:
    place = some_sweep(tmp_path)
    with place.held(), pytest.raises(ConflictError, match="running in another process"), place.held():
        pass
    with place.held():
        pass


def test_what_is_no_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no sweep"):
        open_folder(tmp_path)
    (tmp_path / RECORD).write_text('{"job": 3}')
    with pytest.raises(InputError, match="no record of a sweep"):
        open_folder(tmp_path)
