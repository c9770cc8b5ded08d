"""What cells did outside their folder when they were recorded, and would do again if they were run again.

A process that only asks about the machine repeats nothing: libraries start some behind the user's back (`lscpu` by joblib,
`fc-list` by matplotlib). Nor do files in caches and temporary folders count.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePath

from mlops_jupyter.entities import CellExecution, ConflictError

_ASKING = frozenset({
    "lscpu", "uname", "nproc", "sysctl", "fc-list", "ldconfig", "nvidia-smi", "which", "hostname", "locale", "getconf", "arch",
})
REDACTED = "[redacted:"
_CACHES = (".cache", ".config", ".matplotlib", ".ipython", ".jupyter", ".local")


def effects_of(cell: CellExecution) -> list[str]:
    """The effects of one execution that running it again would repeat, in words."""
    found = [effect for effect in cell.effects if not _only_asks(effect)]
    return found + [f"writes {access.path}" for access in cell.files
                    if access.mode == "write" and not access.relative and not _passing(access.path)]


def refuse_effects(cells: Sequence[CellExecution], *, allow: bool) -> None:
    """Raise ConflictError if these cells, when they were recorded, reached outside their folder, and may not do it again."""
    found = [f"cell [{cell.n}]: {', '.join(effects)}" for cell in cells if (effects := effects_of(cell))]
    if found and not allow:
        raise ConflictError(f"running these cells again would repeat what they do outside their folder: {'; '.join(found)}",
                            "allow it with --allow-effects")


def refuse_redacted(cells: Sequence[CellExecution]) -> None:
    """Raise ConflictError if the recorded source of one of these cells lacks a secret: without it the cell is another one."""
    found = [f"[{cell.n}] {cell.source.splitlines()[0][:60]}" for cell in cells if REDACTED in cell.source]
    if found:
        raise ConflictError(f"a secret was taken out of cell {found[0]}: it cannot be run again as recorded",
                            'read the secret when the cell runs, as in os.environ["API_KEY"], and run the cell again')


def _only_asks(effect: str) -> bool:
    kind, _, command = effect.partition(": ")
    words = command.split()
    return kind == "process" and bool(words) and PurePath(words[0]).name in _ASKING


def _passing(path: str) -> bool:
    """True for files in temporary folders, caches and devices."""
    if path.startswith("memory://"):
        return True
    file, home = Path(path), Path.home()
    if file.is_relative_to(tempfile.gettempdir()) or file.is_relative_to("/dev") or file.is_relative_to("/proc"):
        return True
    return file.is_relative_to(home) and file.relative_to(home).parts[0] in _CACHES
