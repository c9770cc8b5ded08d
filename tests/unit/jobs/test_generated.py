"""Generated files are the same each time, say where they are from, and are not written over an edit."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.entities import ConflictError, InputError, JobManifest
from mlops_jupyter.jobs.generated import is_as_written, stamp_of, stamped, write_generated

JOB = JobManifest("late", 1.0, [], [], [], 1, 1, digest="sha256:abc")
TEXT = stamped("on: push\njobs: {}\n", JOB, "mlops submit late --to github")


def test_it_says_where_it_is_from_and_is_the_same_twice() -> None:
    assert stamped("on: push\njobs: {}\n", JOB, "mlops submit late --to github") == TEXT
    assert TEXT.splitlines()[0] == "# Made by mlops_jupyter from the job late, sha256:abc."
    assert TEXT.endswith("on: push\njobs: {}\n")
    assert stamped("x;\n", JOB, "c", ";").splitlines()[2].startswith("; Content ")


def test_a_name_of_two_lines_stays_in_its_comment() -> None:
    job = JobManifest("late\nrm -rf x", 1.0, [], [], [], 1, 1, digest="sha256:abc")
    text = stamped("", job, "mlops submit 'a\nb\u2028c' --to github")
    assert all(line.startswith("# ") for line in text.splitlines())


def test_a_new_version_replaces_what_stands_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "job.yml"
    assert write_generated(file, TEXT)
    assert not write_generated(file, TEXT)
    newer = stamped("on: push\njobs: {a: 1}\n", JOB, "mlops submit late --to github")
    assert write_generated(file, newer)
    assert file.read_text() == newer
    assert [path.name for path in file.parent.iterdir()] == ["job.yml"]


@pytest.mark.parametrize("edited", [
    TEXT + "# mine\n", TEXT.replace("push", "pull_request"), TEXT.replace("jobs", "Jobs"), "on: push\n", "", TEXT[:-1],
    "# mine\n" + TEXT.replace("push", "x"), TEXT.partition("# Content")[0] + "jobs: {}\n",
], ids=["a line more", "a word", "a letter", "another's", "empty", "the last newline", "above and below", "without its mark"])
def test_an_edit_is_noticed_and_kept(tmp_path: Path, edited: str) -> None:
    file = tmp_path / "job.yml"
    file.write_text(edited)
    newer = stamped("on: [push]\n", JOB, "mlops submit late --to github")
    with pytest.raises(ConflictError) as caught:
        write_generated(file, newer)
    assert str(file) in caught.value.what
    assert file.read_text() == edited
    assert write_generated(file, newer, overwrite=True)
    assert file.read_text() == newer


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_generated(tmp_path / "file" / "job.yml", TEXT)


def test_an_edit_and_a_file_that_was_never_ours_can_be_asked_for() -> None:
    assert is_as_written(TEXT)
    assert not is_as_written(TEXT + "b: 2\n")
    assert stamp_of(TEXT + "b: 2\n") == stamp_of(TEXT) != ""
    assert stamp_of("a: 1\n") == ""
    assert not is_as_written("a: 1\n")


@pytest.mark.parametrize("end", ["\n", "\r", "\x85", "\u2028", "\x0b"])
def test_a_name_with_a_line_end_writes_no_line_of_its_own(end: str) -> None:
    odd, plain = (JobManifest(name, 1795000000.0, [], [], [], 1, 1, digest="sha256:abc")
                  for name in (f"flights{end}evil: true", "flights evil: true"))
    assert stamped("a: 1\n", odd, "mlops submit job --to x") == stamped("a: 1\n", plain, "mlops submit job --to x")
