"""Options of packages and of the process: state that no name holds, compared before and after each cell.

A cell that leaves them other than before writes `$env PACKAGE` (`$env *` for the environment, the folder, the module path), also
where a function of a module set them and no text says so. What libraries set for themselves when they are imported is no
option of the user's: in a cell that imports something new only the texts count. Only marks are kept, never the values: the
environment holds secrets.
"""

from __future__ import annotations

import decimal
import os
import sys
import warnings
from collections.abc import Callable
from itertools import chain

from mlops_jupyter.capture.memory import addresses
from mlops_jupyter.fingerprint.types.instances import is_local_module

PREFIX = "$env "
WHOLE = "$env *"
_SET_NOTHING = sys.stdlib_module_names | {"IPython", "ipykernel", "mlops_jupyter"}


class ProcessState:
    """Follows the marks across cells."""

    def __init__(self) -> None:
        self._last = _marks()
        self._modules = set(sys.modules)

    def changed(self) -> list[str]:
        """Keys of what is other than at the last look."""
        now, last = _marks(), self._last
        self._last = now
        if len(sys.modules) != len(self._modules) and self._imported_library():
            return []
        return [key for key, mark in now.items() if last.get(key, mark) != mark]

    def _imported_library(self) -> bool:
        """True if an installed library was imported; Python's modules, IPython's magics and the user's set nothing unasked."""
        known, self._modules = self._modules, set(sys.modules)
        return any(name.partition(".")[0] not in _SET_NOTHING and not is_local_module(name) for name in self._modules - known)


def _marks() -> dict[str, object]:
    found: dict[str, object] = {
        WHOLE: (_environment(), _folder(), addresses(sys.path)),
        "$env decimal": _decimal(),
        "$env warnings": addresses(warnings.filters),
    }
    for package, mark in _PACKAGES.items():
        module = sys.modules.get(package)
        if module is not None:
            try:
                found[PREFIX + package.partition(".")[0]] = mark(module)
            except (AttributeError, RuntimeError, TypeError):  # not fully imported, or another version of the package
                continue
    return found


def _environment() -> int:
    held: dict[object, object] = getattr(os.environ, "_data", {})  # bytes or str: both keep their hash
    return hash((tuple(held), tuple(held.values())))


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 (a tenth of the cost, at every cell)
    except OSError:
        return ""


def _decimal() -> object:
    context = decimal.getcontext()
    return context.prec, context.rounding, context.Emin, context.Emax, context.capitals, context.clamp


def _values(options: dict[str, object]) -> int:
    """A mark of options that are handed out as a copy, with the values as they are held."""
    return hash(addresses(options.values()))


class _Nested:
    """Marks dicts of dicts, as pandas keeps its options; which there are is found again only when something in them moved."""

    def __init__(self) -> None:
        self._dicts: list[dict[str, object]] = []
        self._mark = b""

    def __call__(self, options: dict[str, object]) -> bytes:
        mark = self._look()
        if mark != self._mark or not self._dicts or self._dicts[0] is not options:
            self._dicts = [options]
            for held in self._dicts:
                self._dicts.extend(value for value in held.values() if type(value) is dict)
            mark = self._mark = self._look()
        return mark

    def _look(self) -> bytes:
        return addresses(chain.from_iterable(map(dict.values, self._dicts)))


_pandas = _Nested()


_PACKAGES: dict[str, Callable[[object], object]] = {
    "numpy": lambda numpy: (_values(numpy.geterr()), _values(numpy.get_printoptions())),  # type: ignore[attr-defined]
    "pandas._config.config": lambda config: _pandas(config._global_config),  # type: ignore[attr-defined]
    "matplotlib": lambda library: hash(addresses(dict.values(library.rcParams))),  # type: ignore[attr-defined]
    "sklearn._config": lambda config: repr(config.get_config()),  # type: ignore[attr-defined]
}
