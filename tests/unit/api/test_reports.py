"""The page of a run: all that made it is there, nothing in it can run or reach out, whatever a cell had shown."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mlops_jupyter.api import reports
from mlops_jupyter.entities import ConflictError, InputError, NotFoundError, Output, content_hash
from tests.unit.server.ledger_pen import Writer, _made

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(1)><a href='javascript:x'>"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.fixture
def pen(own_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Writer:
    monkeypatch.chdir(tmp_path)
    pen = Writer("ana<lysis>.ipynb")
    pen.story()
    picture, page = pen.outbox.blob(PNG), pen.outbox.blob(HOSTILE.encode())
    shown = [Output("stream", text=HOSTILE, name="stdout"), Output("display", "image/png", blob=picture),
             Output("display", "image/png", blob=page), Output("display", "image/png", blob=content_hash(b"gone"))]
    made = [_made("X", "array"), _made("y", "array")]
    pen.cell(1, f"# {HOSTILE}\nX, y = load()", writes=made, stores=["X", "y"], outputs=shown)
    return pen


class Looked(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_shows_what_made_the_run_and_only_that(pen: Writer) -> None:
    made = reports.report("#1")
    looked = Looked(made.read_text(encoding="utf-8"))
    assert made == Path("ana-lysis--1.html")
    for words in ("auc", "0.91", "LogisticRegression().fit(X, y)", "The 3 cells that made it, of 5 that ran", HOSTILE,
                  "not shown", "no blob"):
        assert words in looked.words, words
    assert "X.shape" not in looked.words
    assert [dict(attributes)["src"] for tag, attributes in looked.tags if tag == "img"] == [
        "data:image/png;base64,iVBORw0KGgoAAAAAAAAAAAAAAAAAAAAAAAAAAA=="]


def test_nothing_in_it_can_run_or_reach_out(pen: Writer) -> None:
    looked = Looked(reports.report("#1").read_text(encoding="utf-8"))
    inert = "html head meta title style body h1 h2 p div pre img table thead tbody tr th td strong small br"
    assert {tag for tag, _ in looked.tags} <= set(inert.split())
    names = {name for _, attributes in looked.tags for name in attributes}
    assert not [name for name in names if name.startswith("on") or name in ("href", "srcset")]
    policy = next(attributes["content"] for tag, attributes in looked.tags if attributes.get("http-equiv"))
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert not re.search(r"url\(|@import", reports._STYLE)


def test_without_outputs_none_is_in_it(pen: Writer) -> None:
    text = reports.report("#1", Path("a.html"), outputs=False).read_text(encoding="utf-8")
    assert "<img" not in text
    assert "X, y = load()" in text


def test_a_page_that_is_there_is_not_replaced(pen: Writer) -> None:
    reports.report("#1")
    with pytest.raises(ConflictError, match="exists already"):
        reports.report("#1")
    reports.report("#1", force=True)
    with pytest.raises(InputError, match="cannot be written"):
        reports.report("#1", Path("no/such/folder.html"))
    with pytest.raises(NotFoundError):
        reports.report("nope")
    assert [path.name for path in Path().iterdir()] == ["ana-lysis--1.html"]


