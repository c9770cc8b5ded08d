"""A bundle is written whole or not at all, and believed only while every byte is what was converted."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.entities import (
    ConflictError,
    Fingerprint,
    InputError,
    JobInput,
    JobManifest,
    JobParameter,
    JobResult,
    NotFoundError,
)
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.convert import Draft


def some_draft(**files: bytes) -> Draft:
    manifest = JobManifest(
        "job", 1795000000.123, [JobParameter("since", "date", "2013-01-01"), JobParameter("rate", "number", 1e-09)],
        [JobInput("x", "x.csv", Fingerprint("file", "fp1:d", shape=(3, 2), columns={"é": "1"}))],
        [JobResult("auc", "metric", 0.1 + 0.2), JobResult("on", "metric", True)], 3, 9, owner="Zoë", notebook="päth: #1.ipynb",
        warnings=["yes", "no: 'quoted'", "null"],
    )
    return Draft(manifest, {}, {"notebook.ipynb": b"{}", "pkg/helper.py": b"x = 1\n", **files}, [], [])


def test_what_is_written_is_read_back_equal(tmp_path: Path) -> None:
    written = bundle.write(some_draft(), tmp_path / "job")
    loaded = bundle.load(tmp_path / "job")
    assert loaded.manifest == written
    files = sorted(path.name for path in (tmp_path / "job").rglob("*") if path.is_file())
    assert files == ["helper.py", "job.yaml", "notebook.ipynb"]
    assert [path.name for path in tmp_path.iterdir()] == ["job"]


def test_a_verdict_is_kept_and_the_job_stays_the_same_job(tmp_path: Path) -> None:
    digest = bundle.write(some_draft(), tmp_path / "job").digest
    bundle.set_verdict(bundle.load(tmp_path / "job"), "identical", 5.0, verified=True)
    manifest = bundle.load(tmp_path / "job").manifest
    assert (manifest.verified, manifest.verdict, manifest.verified_at, manifest.digest) == (True, "identical", 5.0, digest)


def test_the_digest_says_what_the_job_is(tmp_path: Path) -> None:
    first = bundle.write(some_draft(), tmp_path / "a").digest
    assert bundle.write(some_draft(), tmp_path / "b").digest == first
    assert bundle.write(some_draft(**{"pkg/helper.py": b"x = 2\n"}), tmp_path / "c").digest != first


@pytest.mark.parametrize(("name", "says"), [
    ("notebook.ipynb", "notebook.ipynb does not have"), ("pkg/helper.py", "pkg/helper.py does not"),
    ("job.yaml", "its own digest"),
])
def test_any_edit_is_found_and_named(tmp_path: Path, name: str, says: str) -> None:
    bundle.write(some_draft(), tmp_path / "job")
    file = tmp_path / "job" / name
    file.write_text(file.read_text().replace("x = 1", "x = 2").replace("{}", "[]").replace("Zoë", "Eve"))
    with pytest.raises(InputError, match=says) as caught:
        bundle.load(tmp_path / "job")
    assert caught.value.remedy


@pytest.mark.parametrize(("text", "says"), [
    (":\n-", "is not YAML"), ("[]", "is not a job"), ("name: 3", "is not a job"), ("", "is not a job"), ("version: 99", "newer"),
    ("\x00", "is not YAML"),
])
def test_a_job_yaml_that_is_none_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "job.yaml").write_text(text)
    with pytest.raises(InputError, match=says):
        bundle.load(tmp_path)


def test_no_job_is_not_found_with_the_command_that_makes_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(NotFoundError) as caught:
            bundle.load(folder)
        assert "mlops convert" in caught.value.remedy


def test_only_a_bundle_is_replaced_and_only_when_asked(tmp_path: Path) -> None:
    bundle.write(some_draft(), tmp_path / "job")
    with pytest.raises(ConflictError, match="already holds a job"):
        bundle.write(some_draft(), tmp_path / "job")
    bundle.write(some_draft(extra=b"1"), tmp_path / "job", overwrite=True)
    assert (tmp_path / "job" / "extra").exists()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("x")
    (tmp_path / "file").write_text("x")
    for name in ("home", "file"):
        with pytest.raises(ConflictError):
            bundle.write(some_draft(), tmp_path / name, overwrite=True)
    assert (tmp_path / "home" / "thesis.tex").exists()
    (tmp_path / "empty").mkdir()
    bundle.write(some_draft(), tmp_path / "empty")


@pytest.mark.parametrize("name", ["../escape", "/etc/x", ""])
def test_a_file_that_would_leave_the_bundle_is_refused_and_nothing_is_half_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        bundle.write(some_draft(**{name: b"x"}), tmp_path / "job")
    assert list(tmp_path.iterdir()) == []
