"""What an argument names: local files, folders, patterns, addresses elsewhere; and which files are nobody's data."""

from __future__ import annotations

import glob
import os
import re
import site
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path

MOST = 1000
"""Most files taken from one argument: a folder, a pattern, a list."""
# Texts: compiled, and remembered by `re`, when first used; compiling costs more than the rest of this module's import.
_LITERAL = r"'((?:[^']|'')*)'|\"([^\"\n]*)\""
_WRITES = r"(?i)\b(?:to|export\s+database)\s*$"
_ATTACHES = r"(?i)\battach\b(?:\s+database)?(?:\s+if\s+not\s+exists)?\s*$"


def paths_of(where: object) -> list[str]:
    """Local files that an argument names: a path, a list of paths, a pattern, or a folder with all in it. Others: none."""
    if type(where) in (list, tuple):
        return [path for part in where[:MOST] for path in paths_of(part)]  # type: ignore[index]
    text = _text(where)
    if not text or "://" in text:
        return []
    path = os.path.expanduser(text)  # noqa: PTH111 (a Path would drop the `./` and a last slash that a pattern may rest on)
    if os.path.isdir(path):  # noqa: PTH112
        return files_in(path)
    if not os.path.exists(path) and glob.has_magic(path):  # noqa: PTH110
        found = (name for name in glob.iglob(path, recursive=True) if os.path.isfile(name))  # noqa: PTH113, PTH207
        return sorted(name for name, _ in zip(found, range(MOST), strict=False))
    return [path]


def urls_of(where: object) -> list[str]:
    """The addresses elsewhere that an argument names (`https://…`, `s3://…`); `file://` and `memory://` are here."""
    if type(where) in (list, tuple):
        return [url for part in where[:MOST] for url in urls_of(part)]  # type: ignore[index]
    text = where if isinstance(where, str) else ""
    return [text] if "://" in text and not text.startswith(("file://", "memory://")) else []


def files_in(folder: str) -> list[str]:
    """The files below a folder, at most `MOST`."""
    found = (os.path.join(base, name) for base, _, names in os.walk(folder) for name in sorted(names))  # noqa: PTH118
    return [name for name, _ in zip(found, range(MOST), strict=False)]


def files_of_sql(text: str) -> list[tuple[str, str]]:
    """(file or pattern, `read`, `write` or `attach`) for each literal of a DuckDB query that can be a file's name."""
    found = []
    for match in re.finditer(_LITERAL, text):
        literal = (match[1] or "").replace("''", "'") or match[2] or ""
        if not any(mark in literal for mark in "./*") or len(literal) > 4096:
            continue
        before = text[max(0, match.start() - 60):match.start()]
        found.append((literal, "write" if re.search(_WRITES, before) else "attach" if re.search(_ATTACHES, before) else "read"))
    return found


def _text(where: object) -> str:
    if not isinstance(where, str | os.PathLike):
        return ""
    text = os.fspath(where)
    if not isinstance(text, str):
        return ""
    return text.removeprefix("file://") if text.startswith("file://") else text


def system_folders(more: Iterable[Path]) -> tuple[str, ...]:
    """Folders whose files are nobody's data: the system, the interpreter, packages, caches, Jupyter's and `more`."""
    home = Path.home()
    roots = [Path(root) for root in ("/proc", "/sys", "/dev", "/etc", "/usr/share", "/usr/lib", "/lib", "/lib64", "/run",
                                           "/System")]
    roots += [Path(value) for key, value in sysconfig.get_paths().items() if key not in {"scripts", "data"}]
    roots += [Path(path) for path in [*site.getsitepackages(), site.getusersitepackages()]]
    roots += [home / ".cache", home / ".config", home / ".ipython", home / ".jupyter", home / ".local", home / ".matplotlib",
              home / "Library" / "Jupyter", home / "Library" / "Caches"]
    roots += [Path(os.environ[name]) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME")
              if os.environ.get(name)]
    roots += more
    return tuple({os.path.normpath(root) + os.sep for root in roots if str(root) not in {"/", tempfile.gettempdir()}})
