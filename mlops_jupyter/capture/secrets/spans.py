"""Places in a text that are to be replaced, and the replacing.

A secret may be broken: by the end of a line, by adjacent literals (`"abc" "def"`), by escapes. Then what stood between its parts
stays, so that a cell's text still parses and no line moves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

Mark = Callable[[str, str], str]
"""(kind, secret) → what stands in its place."""

BREAK = re.compile(
    r"""\\?["'][ \t]*\\?\s*\+?\s*\\?\s*[rbuRBU]{0,2}["']"""  # "abc" "def", "abc" + \n "def"
    r"""|[ \t]*(?:\\?\r?\n|\\n)[ \t]*(?:[#>|│+]+[ \t]+)?"""  # a wrapped line, also of a comment, a quote, a table
    r"""|\x1b\[[0-9;]*m"""
)


class Span(NamedTuple):
    """`text[start:end]` is a secret, or a part of one: then `secret` is the whole and only the `first` part gets the mark."""

    start: int
    end: int
    kind: str
    secret: str
    first: bool = True


def replaced(text: str, spans: Iterable[Span], mark: Mark) -> str:
    """`text` with each span replaced; of spans that overlap the one that begins first, then the longest."""
    parts: list[str] = []
    position = 0
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        if span.start < position:
            continue
        lines = "\n" * text.count("\n", span.start, span.end)  # a PEM block: the lines after it keep their numbers
        parts += [text[position:span.start], mark(span.kind, span.secret) if span.first else "", lines]
        position = span.end
    return "".join([*parts, text[position:]]) if parts else text


class Joined:
    """A text with its breaks taken out, and the way back."""

    def __init__(self, text: str) -> None:
        parts: list[str] = []
        self._starts: list[tuple[int, int]] = []
        position = length = 0
        for match in BREAK.finditer(text):
            self._starts.append((length, position))
            parts.append(text[position:match.start()])
            length += match.start() - position
            position = match.end()
        self._starts.append((length, position))
        self.text = "".join([*parts, text[position:]])
        self.broken = len(parts) > 0

    def spans(self, start: int, end: int, kind: str, secret: str) -> list[Span]:
        """The parts, in the text as it was, of what stands in the joined one at [start, end)."""
        found: list[Span] = []
        ends = [place for place, _ in self._starts[1:]] + [len(self.text)]
        for (place, original), upto in zip(self._starts, ends, strict=True):
            low, high = max(start, place), min(end, upto)
            if low < high:
                found.append(Span(original + low - place, original + high - place, kind, secret, first=not found))
        return found
