"""A column under a secret's name in a table that was shown: pandas, Polars, Markdown, and a Series of one row."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlops_jupyter.capture.secrets.known import is_secret_name
from mlops_jupyter.capture.secrets.spans import Span
from mlops_jupyter.capture.secrets.words import is_placeholder, is_wordy

_HEADER_WORD = re.compile(r"[A-Za-z_][\w-]*")
_ROW = re.compile(r"([A-Za-z_]\w*)[ \t]{2,}(\S+)")
_NO_TABLE = re.compile(r"[=()\[\]{};:\"'#]")
_NO_VALUE = frozenset({"nan", "none", "null", "<na>", "...", "…", "str", "object", "---"})
_BAR = re.compile("[│┆|]")
_RULE = frozenset("-+=:|│┆╞╪╡═┌┬┐├┼┤└┴┘─ ")
_WIDEST = 2_000
_MOST_ROWS = 2_000


def find(text: str, words: list[tuple[int, int]]) -> list[Span]:
    """Cells that stand under, or beside, the name of a secret. `words`: where secret words stand in the text."""
    found: list[Span] = []
    done = -1
    for at, _ in sorted(words):
        if at < done:
            continue
        start = text.rfind("\n", max(0, at - _WIDEST), at) + 1
        done = text.find("\n", at, at + _WIDEST)
        if done >= 0 or at + _WIDEST > len(text):
            spans, done = _in_line(text, start, len(text) if done < 0 else done)
            found += spans
    return found


def _in_line(text: str, start: int, end: int) -> tuple[list[Span], int]:
    """(What stands under, or beside, the secrets' names in the line at [start, end), where that table ends)."""
    line = text[start:end]
    if _NO_TABLE.search(line) is not None:
        return [], end
    if (row := _ROW.fullmatch(line)) is not None:
        secret = is_secret_name(row[1]) and not is_wordy(row[2]) and _is_value(row[2])
        return [Span(start + row.start(2), start + row.end(2), "column", row[2])] if secret else [], end
    columns = _piped if any(bar in line for bar in "│┆|") else _aligned
    names = [name for name in _HEADER_WORD.finditer(line) if is_secret_name(name[0])][:20]
    tables = [columns(text, end + 1, line, name) for name in names]
    return [span for spans, _ in tables for span in spans], max([end, *(last for _, last in tables)])


def _rows(text: str, start: int) -> Iterator[tuple[int, str]]:
    """The lines from `start` on, with where they begin."""
    for _ in range(_MOST_ROWS):
        if start >= len(text):
            return
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield start, text[start:min(end, start + _WIDEST)]
        start = end + 1


def _is_value(cell: str) -> bool:
    return cell.lower() not in _NO_VALUE and not is_placeholder(cell) and not cell.isdigit()


def _aligned(text: str, start: int, header: str, name: re.Match[str]) -> tuple[list[Span], int]:
    """Columns that end where their header ends, as pandas writes them: an index, then at least one column."""
    if header[: name.start()].strip() == "" and not header.startswith(" "):
        return [], start
    found: list[Span] = []
    end = name.end()
    at = start
    for at, row in _rows(text, start):
        index, _, cell = row[:end].rpartition(" ")
        if not index.strip() or not cell or len(row) < end or row[end:end + 1].strip() or not row[:1].strip():
            break
        if _is_value(cell):
            found.append(Span(at + end - len(cell), at + end, "column", cell))
    return found, at


def _piped(text: str, start: int, header: str, name: re.Match[str]) -> tuple[list[Span], int]:
    """Columns between bars: the cell with the same number of bars before it."""
    place = len(_BAR.findall(header[: name.start()]))
    found: list[Span] = []
    at = start
    for at, row in _rows(text, start):
        rule = row.strip() != "" and set(row.strip()) <= _RULE
        edges = [-1, *(bar.start() for bar in _BAR.finditer(row)), len(row)]
        if rule or place + 1 >= len(edges):
            if rule:
                continue
            break
        between = row[edges[place] + 1:edges[place + 1]]
        value = between.strip()
        if value and _is_value(value):
            first = at + edges[place] + 1 + between.index(value)
            found.append(Span(first, first + len(value), "column", value))
    return found, at
