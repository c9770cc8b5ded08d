"""The one who asks all questions of a text, and writes the marks."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator, Mapping

from mlops_jupyter.capture.secrets import formats, named, tables
from mlops_jupyter.capture.secrets.known import MINIMUM, Known, NamesSeen, is_secret_name, secret_values
from mlops_jupyter.capture.secrets.spans import Joined, Span, replaced

_registered: dict[str, None] = {}
"""What the user called a secret: of the process, since it stays one when tracking ends and starts again."""


def register(value: str) -> None:
    """Let every Redactor of this process know `value`."""
    _registered[value] = None


class Redactor:
    """`redactor(text)` is `text` without secrets. `environ` is read again when its secret-looking values change."""

    def __init__(self, key: bytes, environ: Mapping[str, str] | None = None) -> None:
        self._key = key
        self._environ = os.environ if environ is None else environ
        self._names = NamesSeen()
        self._known = Known()
        self._taken = 0
        self.clean: dict[str, None] = {}
        """Texts that came out lately, so that no text is asked twice on its way through the kernel."""
        self.refresh()

    def refresh(self) -> None:
        """Look at the environment and at what was registered again. Cheap: called before each cell and after it."""
        if self._names.changed(self._environ):
            for value in secret_values(self._environ, self._names.names):
                self._add(value, "env")
        if self._taken != len(_registered):
            self._taken = len(_registered)
            for value in _registered:
                self._add(value, "registered")

    def _add(self, value: str, kind: str) -> None:
        if value not in self._known.values:
            self._known.add(value, kind)
            self.clean.clear()

    def _mark(self, kind: str, secret: str) -> str:
        digest = hmac.new(self._key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:8]
        return f"[redacted:{kind}:{digest}]"

    def is_secret(self, name: str, value: object) -> bool:
        """True for text under a secret-looking name, or that holds a secret: not even its hash may be kept."""
        if type(value) is not str or len(value) < MINIMUM:
            return False
        return is_secret_name(name) or (len(value) < 4096 and self(value) != value)

    def knows(self, data: bytes | memoryview) -> bool:
        """True if a known value stands in these bytes."""
        known = [value.encode("utf-8", "surrogatepass") for value in self._known.values]
        held = bytes(data) if known else b""
        return any(value in held for value in known)

    def under(self, name: str, value: str) -> str:
        """`value`, which stands under `name`, without secrets: as a whole none of it if the name says that it is one."""
        if named.is_secret(name, value, "=", ""):
            return self._mark("value", value)
        return self(value)

    def __call__(self, text: str) -> str:
        """`text` with each secret replaced. Text without one is returned as it is."""
        if self._taken != len(_registered):
            self.refresh()
        if text in self.clean:
            return text
        found = self._without(text)
        if len(self.clean) > _MOST_CLEAN:
            self.clean.clear()
        self.clean[found] = None
        return found

    def _without(self, text: str) -> str:
        hints = formats.hints_in(text)
        spans = [*self._known.find(text), *formats.find(text, hints)]
        spans += self._broken(text, hints)
        if spans:
            text = replaced(text, spans, self._mark)
        words = named.hits(text)
        spans = [*named.find(text, words), *tables.find(text, words), *formats.find_encoded(text)] if words else (
            formats.find_encoded(text))
        return replaced(text, spans, self._mark) if spans else text

    def _broken(self, text: str, hints: list[str]) -> list[Span]:
        """Secrets with a line end or adjacent literals inside, near the places where one could begin."""
        found: list[Span] = []
        places = [at for part in self._known.parts for at in _occurrences(text, part)]
        for window, joined in _windows(text, places, _ROUND_KNOWN):
            found += [_moved(span, window) for span in self._known.find_broken(joined)]
        beginnings = [at for hint in hints if len(hint) > 2 for at in _occurrences(text, hint)]
        for window, joined in _windows(text, beginnings, 16):
            for span in formats.find(joined.text):
                parts = joined.spans(span.start, span.end, span.kind, span.secret) if span.kind not in _LOOSE else []
                found += [_moved(part, window) for part in parts] if len(parts) > 1 else []
        return found


_LOOSE = frozenset({"url", "bearer", "webhook", "basic", "pem"})
"""Formats with no end of their own: what follows on the next line is not theirs."""
_SHORT = frozenset({"SK", "AC", "-us"})
"""Hints that stand in too many texts to look around each of them."""
_ROUND_KNOWN = 512
_AFTER = 1024
"""How far before and behind a part of a secret the rest of it is looked for."""
_MOST_PLACES = 200
_MOST_CLEAN = 512


def _occurrences(text: str, part: str) -> list[int]:
    found: list[int] = []
    at = text.find(part)
    while at >= 0 and len(found) < _MOST_PLACES:
        found.append(at)
        at = text.find(part, at + len(part))
    return found


def _windows(text: str, places: list[int], before: int) -> Iterator[tuple[int, Joined]]:
    """The surroundings of each place, once, as (where it begins, the text with its breaks taken out)."""
    end = -1
    for place in sorted(places)[:_MOST_PLACES]:
        if place < end - _AFTER // 2:
            continue
        start = max(0, place - before)
        end = place + _AFTER
        joined = Joined(text[start:end])
        if joined.broken:
            yield start, joined


def _moved(span: Span, by: int) -> Span:
    return span._replace(start=span.start + by, end=span.end + by)
