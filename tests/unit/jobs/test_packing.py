"""A packed bundle is the bundle, the same bytes each time, and writes nowhere but into its folder."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from mlops_jupyter.entities import InputError, NotFoundError
from mlops_jupyter.jobs.bundle import load
from mlops_jupyter.jobs.packing import opened, pack, unpack
from tests.integration.sweep_jobs import write_job


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return write_job(tmp_path / "job", [], "print('here')")


def packed(job: Path) -> Path:
    file = job.with_name("job.zip")
    file.write_bytes(pack(load(job)))
    return file


def test_what_comes_out_is_what_went_in(job: Path, tmp_path: Path) -> None:
    unpack(packed(job), tmp_path / "out")
    assert load(tmp_path / "out").manifest == load(job).manifest
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {
        path.name: path.read_bytes() for path in job.iterdir()}


def test_it_is_the_same_each_time_whenever_it_was_written(job: Path, tmp_path: Path) -> None:
    first = pack(load(job))
    for path in job.iterdir():
        path.touch()
    assert pack(load(job)) == first


def test_a_folder_a_file_and_an_address_are_all_opened(job: Path) -> None:
    file = packed(job)
    for given in (job, str(job), file, f"file://{file}"):
        with opened(given) as folder:
            assert load(folder).manifest == load(job).manifest
    with opened(f"file://{file}") as folder:
        inside = folder
    assert not inside.exists()


@pytest.mark.parametrize("name", ["../outside", "/absolute", "a/../../outside", "a\\..\\outside"])
def test_a_member_outside_is_refused_and_nothing_is_written(job: Path, tmp_path: Path, name: str) -> None:
    file = packed(job)
    with zipfile.ZipFile(file, "a") as more:
        more.writestr(name, b"x")
    with pytest.raises(InputError, match=r"outside|absolute"):
        unpack(file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("keep", [0, 20, -30])
def test_a_file_that_is_cut_short_or_empty_is_none(job: Path, tmp_path: Path, keep: int) -> None:
    file = packed(job)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(InputError, match="no packed bundle"):
        unpack(file, tmp_path / "out")


def test_one_that_was_changed_is_found_out_by_its_digests(job: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(packed(job)) as there, zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        for entry in there.infolist():
            other.writestr(entry, there.read(entry).replace(b"'here'", b"'HERE'"))
    with opened(tmp_path / "other.zip") as folder, pytest.raises(InputError, match="digest"):
        load(folder)


def test_an_address_with_nothing_behind_it_is_said(tmp_path: Path) -> None:
    with pytest.raises((InputError, NotFoundError), match=r"nothing\.zip"), opened(f"file://{tmp_path}/nothing.zip"):
        pass
