"""Files that stay open over many cells: databases, HDF5. A look at their size and time around each cell tells who changed one."""

from __future__ import annotations

import os
from collections.abc import Iterable

_MOST = 64
_Signature = tuple[tuple[int, int, int] | None, ...]


class Held:
    """Files that are looked at around each cell; the oldest are let go."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[tuple[str, ...], _Signature]] = {}

    def clear(self) -> None:
        """A new session: nothing is held."""
        self._held.clear()

    def has(self, path: str) -> bool:
        """True if the file is looked at already."""
        return path in self._held

    def add(self, path: str, *beside: str) -> None:
        """Look at this file from now on, and at those beside it that its library writes first (`-wal`)."""
        if path not in self._held:
            if len(self._held) >= _MOST:
                del self._held[next(iter(self._held))]
            self._held[path] = ((path, *beside), _signature((path, *beside)))

    def changed(self) -> list[str]:
        """The files that are others than at the last look."""
        found = []
        for path, (paths, before) in list(self._held.items()):
            now = _signature(paths)
            if now != before:
                self._held[path] = (paths, now)
                found.append(path)
        return found


def _signature(paths: Iterable[str]) -> _Signature:
    found: list[tuple[int, int, int] | None] = []
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116 (a hot path)
        except OSError:
            found.append(None)
        else:
            found.append((status.st_size, status.st_mtime_ns, status.st_ino))
    return tuple(found)
