"""What a kernel says, without the secrets that its job was given: marked before anything of it is written or told.

Output comes in pieces, and a secret may be cut between two; so each message is cleaned when it comes, and the cell's outputs once
more when it has ended.
"""

from __future__ import annotations

from collections.abc import Iterable

from mlops_jupyter.capture.secrets.known import Known
from mlops_jupyter.capture.secrets.spans import replaced

MARK = "[redacted:secret]"


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
