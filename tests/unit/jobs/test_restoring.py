"""Inputs put together again, never over the user's file, and the reasons why one could not be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.entities import (
    CellExecution,
    FileAccess,
    Fingerprint,
    NotFoundError,
    Observation,
    Query,
    content_hash,
)
from mlops_jupyter.entities.kept import Manifest, encode_manifest
from mlops_jupyter.fingerprint import fingerprint_bytes
from mlops_jupyter.jobs.restoring import Kept, changed_queries, lay_out, read_instead
from mlops_jupyter.jobs.verify import missing_inputs

CONTENT = b"a,b\n1,2\n"


class Blobs(dict[str, bytes]):
    def put(self, data: bytes) -> str:
        self[content_hash(data)] = data
        return content_hash(data)

    def get_blob(self, digest: str) -> bytes:
        if digest not in self:
            raise NotFoundError(f"the store has no blob {digest}", "")
        return self[digest]


@pytest.fixture
def blobs() -> Blobs:
    return Blobs()


def kept(blobs: Blobs, content: bytes = CONTENT, **details: str) -> Observation:
    found = fingerprint_bytes(content)
    leaves = tuple(blobs.put(part) for part in (content[:4], content[4:]))
    manifest = blobs.put(encode_manifest(Manifest(str(found.digest), len(content), leaves))) if not details else None
    return Observation("s", 1, 1_000_000, 0.0, "dataset", "x.csv", fingerprint=found, blob=manifest, details=details)


def access(path: Path, relative: str = "") -> FileAccess:
    return FileAccess(str(path), "read", fingerprint_bytes(CONTENT), relative)


def laid(folder: Path, read: FileAccess, blobs: Blobs, *observations: Observation, source: str = ""):
    missing = {one.name: one for one in missing_inputs([read], folder / "home")}
    cells = [CellExecution("s", 1, source, "ok", files=[read])]
    return lay_out(folder / "private", [read], cells, folder / "home", missing, Kept(observations, blobs.get_blob)), cells[0]


def test_an_unchanged_file_is_copied_and_a_changed_one_is_put_together(tmp_path: Path, blobs: Blobs) -> None:
    (tmp_path / "home").mkdir()
    file = tmp_path / "home" / "x.csv"
    for content in (CONTENT, b"changed"):
        file.write_bytes(content)
        found, _ = laid(tmp_path / content.hex(), access(file, ""), blobs, kept(blobs), source=f"open({str(file)!r})")
        found, _ = laid(tmp_path, access(file, "x.csv"), blobs, kept(blobs)) if content == CONTENT else (found, None)
        assert found.gone == []
    found, _ = laid(tmp_path / "again", FileAccess(str(file), "read", fingerprint_bytes(CONTENT), "x.csv"), blobs, kept(blobs))
    assert (found.work / "x.csv").read_bytes() == CONTENT
    assert file.read_bytes() == b"changed"


def test_an_absolute_path_is_led_to_the_kept_file(tmp_path: Path, blobs: Blobs) -> None:
    away = tmp_path / "away" / "x.csv"
    found, cell = laid(tmp_path, access(away), blobs, kept(blobs), source=f"d = open({str(away)!r}).read()")
    assert found.gone == []
    namespace: dict[str, object] = {}
    exec(found.source(cell), namespace)
    assert namespace["d"] == CONTENT.decode()


def test_reasons_why_an_input_is_gone(tmp_path: Path, blobs: Blobs) -> None:
    away = tmp_path / "away" / "x.csv"
    for at, (observations, source, reason) in enumerate([
        ([], "", "the file is not there"),
        ([kept(blobs, why="it has 9 bytes, and 0 of the 1 to keep are used", version="dvc:abc")], "",
         "it was not kept: it has 9 bytes, and 0 of the 1 to keep are used; its source has it as dvc:abc"),
        ([kept(blobs)], "open(folder / 'x.csv')", "no literal in the cells names its path"),
    ]):
        found, _ = laid(tmp_path / str(at), access(away), blobs, *observations, source=source)
        assert [one.verdict for one in found.gone] == ["input gone"]
        assert reason in found.gone[0].detail
    whole = kept(blobs)
    blobs.pop(content_hash(CONTENT[4:]))
    found, _ = laid(tmp_path / "part", access(away), blobs, whole, source=f"open({str(away)!r})")
    assert "a part of it is missing" in found.gone[0].detail
    wrong = kept(blobs)
    blobs[content_hash(CONTENT[4:])] = b"other"
    found, _ = laid(tmp_path / "wrong", access(away), blobs, wrong, source=f"open({str(away)!r})")
    assert "its parts do not match" in found.gone[0].detail


def test_a_run_that_read_the_users_own_changed_file_is_no_verdict(tmp_path: Path, blobs: Blobs) -> None:
    away = tmp_path / "away" / "x.csv"
    found, _ = laid(tmp_path, access(away), blobs, kept(blobs), source=f"open({str(away)!r})")
    other = FileAccess(str(away), "read", Fingerprint("file", "fp1:other"))
    assert [one.verdict for one in read_instead(found, [CellExecution("v", 1, "", "ok", files=[other])])] == ["input gone"]
    assert read_instead(found, [CellExecution("v", 1, "", "ok", files=[access(away)])]) == []


def asked(digest: str | None, *, rows: int = 2, unordered: str | None = None) -> list[CellExecution]:
    query = Query("sql", "select *\n  from t", "postgresql://db/x", rows, Fingerprint("query", digest), unordered)
    return [CellExecution("s", 1, "", "ok", queries=[query])]


@pytest.mark.parametrize(("before", "after", "detail"), [
    (asked("a"), asked("a"), None),
    (asked("a"), asked("b"), "the query gives other content now"),
    (asked("a"), asked("b", rows=3), "the query gives 3 rows, recorded were 2"),
    (asked("a", unordered="u"), asked("b", unordered="u"), "the query gives the same rows in another order"),
    (asked(None), asked("b"), None),
    (asked("a"), asked(None), None),
    (asked("a"), [], None),
])
def test_a_query_with_another_answer_is_a_reason(before: list[CellExecution], after: list[CellExecution],
                                                 detail: str | None) -> None:
    assert [(one.name, one.detail) for one in changed_queries(before, after)] == (
        [] if detail is None else [("select * from t", detail)])
