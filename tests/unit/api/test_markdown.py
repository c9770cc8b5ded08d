"""Texts of anybody's in Markdown: a reader of CommonMark shows each as it is, and nothing of it acts."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from mlops_jupyter.api.markdown import block, folded, inline, on_one_line, picture, table, tagged, visible

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
NASTY = [
    "plain", "a|b", "\\|", "`", "``", "``` \n```", "a `code` b", "<script>alert(1)</script>", "</code></details>", "<!-- x",
    "<img src=x>", "&lt;b&gt;", "&amp;", "*bold*", "_under_", "__init__", "~~gone~~", "[a](javascript:alert(1))",
    "![a](http://x/y.png)", "<https://evil.example>", "www.evil.example", "see http://evil.example/x", "@everyone", "#123",
    "GH-1", ":smile:", "$x^2$", "$$x$$", "line\nbreak", "line\r\nbreak", "line\rbreak", "tab\tbed", "\x1b[31mred", "nul\0",
    "\u202egnirts", "\u2066x\u2069", "| --- |", "---", "# head", "- item", "1. item", "> quote", "    indented",
    "trailing\\", "\\`", "`|`", "{{ x }}", "{% raw %}", "ünïcode 汉字 🙂", "half \ud800 letter", '"quoted" and \'single\'',
    "a = 1 | b = 2", "`" * 40, "<details>", "<!DOCTYPE html>", "<?php", "]]>", "\u2028x",
]


class Page(HTMLParser):
    """The text of a page, and its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.tags, self.codes, self.open = "", [], [], 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes = dict(attrs)
        if tag == "code":
            self.codes.append("")
            self.open += 1

    def handle_endtag(self, tag: str) -> None:
        self.open -= tag == "code"

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open:
            self.codes[-1] += data


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_a_text_in_a_table_is_shown_as_it_is_and_stays_in_its_cell(text: str) -> None:
    page = Page(READER.render(table(["a", ">b"], [[inline(text), "next"]])))
    assert page.codes == [on_one_line(text)]
    assert page.tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "code", "td"]


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_a_text_in_a_line_a_heading_and_a_summary_is_shown_as_it_is(text: str) -> None:
    for written, around in ((f"## Of {inline(text)}\n", ["h2", "code"]), (f"x {inline(text)} y\n", ["p", "code"]),
                            (f"- {inline(text)}\n", ["ul", "li", "code"]),
                            (folded(tagged(text), "body"), ["details", "summary", "code", "p"])):
        page = Page(READER.render(written))
        assert page.codes == [on_one_line(text)]
        assert page.tags == around


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_a_text_between_fences_ends_where_it_should(text: str) -> None:
    page = Page(READER.render(folded("x", block(f"before\n{text}\nafter", "diff"))))
    assert page.codes == [f"before\n{visible(text)}\nafter\n"]
    assert page.tags == ["details", "summary", "pre", "code"]


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_a_text_beside_a_picture_is_an_attribute(text: str) -> None:
    page = Page(READER.render(picture("summary.md.files/metrics.svg", text)))
    assert page.tags == ["img"]
    assert page.attributes == {"src": "summary.md.files/metrics.svg", "alt": on_one_line(text)}


def test_what_acts_is_written_out() -> None:
    assert visible("\u202eabc\u202c") == "\\u202eabc\\u202c"
    assert visible("\x1b[2Jx\0") == "\N{REPLACEMENT CHARACTER}[2Jx\N{REPLACEMENT CHARACTER}"
    assert inline("max_iter") == "`max_iter`"
    assert "@" not in inline("ask @everyone")
    assert "." not in inline("[www.evil.example]").replace("&#46;", "")
