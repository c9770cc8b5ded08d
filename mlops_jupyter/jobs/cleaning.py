"""What a kernel says, without the secrets that its job was given: marked before anything of it is written or told.

Output comes in pieces, and a secret may be cut between two; so each message is cleaned when it comes, and the cell's outputs once
more when it has ended. What is told while it runs goes out in whole lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mlops_jupyter.capture.secrets.known import Known
from mlops_jupyter.capture.secrets.spans import replaced

MARK = "[redacted:secret]"
_LONGEST = 65_536  # characters of a line that does not end


class Cleaner:
    """Takes known values out of texts, and out of whatever holds texts."""

    def __init__(self, values: Iterable[str]) -> None:
        self._known = Known()
        for value in values:
            self._known.add(value, "secret")

    def text(self, text: str) -> str:
        """The text with a mark in the place of each secret."""
        return replaced(text, self._known.find(text), lambda kind, secret: MARK)

    def inside(self, value: object) -> object:
        """The value, changed in place where it is a mapping or a list, with every text in it cleaned."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            for key, item in value.items():
                value[key] = self.inside(item)
        elif isinstance(value, list):
            value[:] = [self.inside(item) for item in value]
        return value


class Printed:
    """What cells print, told in whole lines, each cleaned."""

    def __init__(self, tell: Callable[[str], None], cleaner: Cleaner | None) -> None:
        self._tell, self._cleaner = tell, cleaner
        self._rest = ""

    def add(self, text: str) -> None:
        """A piece of a stream."""
        whole, newline, self._rest = (self._rest + text).rpartition("\n")
        if newline:
            self._say(whole)
        if len(self._rest) > _LONGEST:
            self.end()

    def end(self) -> None:
        """The cell has ended: what stands without a newline is a line too."""
        rest, self._rest = self._rest, ""
        if rest:
            self._say(rest)

    def _say(self, text: str) -> None:
        self._tell(self._cleaner.text(text) if self._cleaner is not None else text)
