"""Contents paths become folders under the server's root, and nothing outside of it.

A contents path is what the file browser shows: relative, with `/`. It may lie on a drive (`RTC:a.ipynb`), and then it is no
file. `..`, absolute and hidden paths are refused as text; a symbolic link that leads out is refused once it is resolved.
"""

from __future__ import annotations

from pathlib import Path

from mlops_jupyter.entities import InputError, NotFoundError

_REMEDY = "give a folder as the file browser shows it, such as `jobs/flight`"


def resolve(root: Path, path: str) -> Path:
    """The file or folder at contents path `path`. InputError for what is no contents path, NotFoundError for what leads out."""
    parts = path.split("/")
    if path.startswith(("/", "~")) or "\\" in path or "\0" in path or ":" in parts[0]:
        raise InputError(f"{path!r} is not a path below the server's folder", _REMEDY)
    if ".." in parts:
        raise InputError(f"{path!r} leads out of the server's folder", _REMEDY)
    if any(part.startswith(".") and part != "." for part in parts):
        raise InputError(f"{path!r} is hidden", _REMEDY)
    top = root.resolve()
    found = (top / path).resolve()
    if not found.is_relative_to(top):
        raise NotFoundError(f"{path!r} leads out of the server's folder by a symbolic link", _REMEDY)
    return found


def contents_path(root: Path, file: Path) -> str:
    """The contents path of `file`; "" if it does not lie below `root`."""
    top, found = root.resolve(), file.resolve()
    return found.relative_to(top).as_posix() if found.is_relative_to(top) else ""
