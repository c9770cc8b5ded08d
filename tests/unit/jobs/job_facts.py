"""Facts in few words, for tests of jobs that need no kernel."""

from __future__ import annotations

from collections.abc import Callable

from mlops_jupyter.entities import CellExecution, FileAccess, Fingerprint, VariableVersion

Cells = Callable[..., list[CellExecution]]


def wrote(name: str, digest: str | None, how: str = "created") -> VariableVersion:
    """A variable version with a scalar fingerprint."""
    return VariableVersion(name, how, Fingerprint("scalar", digest))  # type: ignore[arg-type]


def access(path: str, mode: str, digest: str = "fp1:d", relative: str | None = None) -> FileAccess:
    """A file access; inside the folder unless `relative` says otherwise."""
    return FileAccess(path, mode, Fingerprint("file", digest), relative=path if relative is None else relative)  # type: ignore[arg-type]
