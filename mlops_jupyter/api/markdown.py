"""Pieces of Markdown that show a text of anybody's as it is, on GitHub, on GitLab and in plain CommonMark with tables.

Notebooks hold pipes, backticks, tags and `@names`. Such a text becomes code: in backticks where it is plain, else `<code>` with
an entity for everything that means something, which no table, emphasis, link, mention or tag sees. Code in several lines goes
between fences longer than any run of backticks in it. What steers a terminal or turns the reading direction is written out.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Sequence

_PLAIN = re.compile(r"[\w.,:;=+/()%−→≥≤×–…' -]*")
_SPECIAL = re.compile(r"[^\w\s,=−→≥≤×–…-]|_")
_CONTROL = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
_TURNING = {code: f"\\u{code:04x}" for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_BREAKS = {"\r\n": "\n", "\r": "\n", "\N{LINE SEPARATOR}": "\n", "\N{PARAGRAPH SEPARATOR}": "\n"}
_BACKTICKS = re.compile("`+")


def visible(text: str) -> str:
    """The text with one kind of line end, and nothing in it that acts instead of being seen."""
    for written, plain in _BREAKS.items():
        text = text.replace(written, plain)
    return text.translate(_CONTROL | _TURNING).encode("utf-8", "replace").decode()


def inline(text: str) -> str:
    """The text as code within a line, or within a cell of a table. Line ends are shown as `↵`."""
    text = on_one_line(text)
    if _PLAIN.fullmatch(text) and text.strip() == text:
        return f"`{text}`" if text else ""
    return tagged(text)


def tagged(text: str) -> str:
    """The same where no Markdown is read: inside a tag that stands on a line of its own, like `<summary>`."""
    return f"<code>{_SPECIAL.sub(_entity, on_one_line(text))}</code>" if text else ""


def on_one_line(text: str) -> str:
    """What `inline` shows of a text."""
    return visible(text).replace("\n", "↵").replace("\t", " ")


def _entity(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


def block(text: str, language: str = "") -> str:
    """The text between fences, whatever it holds."""
    text = visible(text)
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are Markdown already; a column that begins with `>` is aligned to the right."""
    heads = [column.removeprefix(">") for column in columns]
    rule = ["---:" if column.startswith(">") else "---" for column in columns]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))


def folded(summary: str, body: str) -> str:
    """Markdown that is shown when somebody opens it. `summary` is HTML on one line."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def picture(file: str, alt: str) -> str:
    """An image beside the page, of which `alt` says in words what it shows."""
    return f'<img src="{_SPECIAL_IN_PATH.sub(_quoted, file)}" alt="{_SPECIAL.sub(_entity, on_one_line(alt))}">'


_SPECIAL_IN_PATH = re.compile(r"[^\w./~-]")


def _quoted(found: re.Match[str]) -> str:
    return urllib.parse.quote(found[0], safe="")
