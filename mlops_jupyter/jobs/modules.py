"""The local modules that a slice needs: those that its cells import, and those that these import in turn, as they were recorded.

A module's source is taken from its blob, never from the disk: the disk may have moved on since the result was made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath

import msgspec

from mlops_jupyter.entities import CellExecution, LocalModule
from mlops_jupyter.jobs.source import imported_modules


class CarriedModule(msgspec.Struct, frozen=True):
    """A local module: its name, its place in the bundle, its source."""

    name: str
    place: str
    data: bytes

    @property
    def source(self) -> str:
        """The source as text; undecodable bytes are replaced, so use `data` to write it."""
        return self.data.decode("utf-8", "replace")


def local_modules(cells: Sequence[CellExecution], executions: Sequence[CellExecution],
                  blob: Callable[[str], bytes]) -> list[CarriedModule]:
    """The modules that `cells` need, by name. `executions` are those of the whole session: an earlier cell may have imported."""
    last = max((cell.n for cell in cells), default=0)
    known: dict[str, LocalModule] = {}
    for execution in executions:
        if execution.n <= last:
            known.update({module.name: module for module in execution.modules})
    wanted = {module.name for cell in cells for module in cell.modules}
    tops = {name for cell in cells for name in imported_modules(cell.source)}
    wanted |= {name for name in known if name.split(".")[0] in tops}
    carried: dict[str, CarriedModule] = {}
    waiting = sorted(wanted)
    while waiting:
        name = waiting.pop()
        if name in carried or name not in known:
            continue
        carried[name] = CarriedModule(name, _place(known[name]), blob(known[name].digest))
        waiting += [other for other in known if other.split(".")[0] in imported_modules(carried[name].source)]
        waiting += [other for other in known if name.startswith(other + ".")]
    return [carried[name] for name in sorted(carried)]


def _place(module: LocalModule) -> str:
    relative = PurePath(module.relative)
    if module.relative and not relative.is_absolute() and ".." not in relative.parts:
        return relative.as_posix()
    path = PurePath(module.path)
    stem = module.name.replace(".", "/")
    return f"{stem}/__init__.py" if path.name == "__init__.py" else f"{stem}.py"
