"""The jobs that lie beside a notebook: found on disk, where `convert` wrote them, so that a list needs no memory of its own.

A bundle is checked, byte by byte, once for each state of its `job.yaml`; what is no sound bundle is left out of lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

from mlops_jupyter.api.here import sessions_of
from mlops_jupyter.api.jobs import JobDone
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import JobManifest, MlopsError, NotFoundError
from mlops_jupyter.jobs.bundle import MANIFEST, load
from mlops_jupyter.jobs.parameters import validate
from mlops_jupyter.jobs.run import RunOptions, run_bundle
from mlops_jupyter.jobs.work import new_work_folder, resolve_inputs

MOST_LISTED = 200


class JobEntry(msgspec.Struct, frozen=True):
    """A bundle, and where it lies: relative to the folder that the list was asked for with."""

    folder: str
    manifest: JobManifest


def bundles(place: Path, root: Path) -> list[JobEntry]:
    """The bundles in a folder or made from a notebook and lying in its folder, newest first; up to two levels down."""
    folder = place if place.is_dir() else place.parent
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder.name!r}", "give a path as the file browser shows it")
    files = [file for depth in ("", "*/", "*/*/") for file in folder.glob(depth + MANIFEST) if not _hidden(file, folder)]
    found = [JobEntry(file.parent.relative_to(root).as_posix(), manifest) for file in files[:MOST_LISTED]
             if (manifest := _sound(file)) is not None]
    if place != folder:
        found = _made_from(place, found)
    return sorted(found, key=lambda entry: -entry.manifest.created)


def bundle(digest: str, place: Path, root: Path) -> JobManifest:
    """The manifest of the bundle whose digest begins with `digest`."""
    for entry in bundles(place, root):
        if entry.manifest.digest.removeprefix("sha256:").startswith(digest.removeprefix("sha256:")):
            return entry.manifest
    raise NotFoundError(f"no job {digest!r} below {place.name or 'the folder'!r}", "list what there is: GET jobs?path=FOLDER")


def manifest_in(folder: Path) -> JobManifest | None:
    """What the bundle in `folder` is; None if there is no sound one."""
    return _sound(folder / MANIFEST)


def check(folder: Path, parameters: Mapping[str, object], inputs: Mapping[str, str]) -> None:
    """Raise what running the bundle with these would raise before it starts."""
    found = load(folder)
    validate(found.manifest.parameters, parameters)
    resolve_inputs(found, inputs)


def run_beside(folder: Path, parameters: Mapping[str, object], inputs: Mapping[str, str], options: RunOptions) -> JobDone:
    """`api.jobs.run_job` in a work folder beside the bundle, so that whoever sees the bundle sees what its runs left."""
    open_ledger()  # a store that cannot take the record is said before the job runs
    options.work = new_work_folder("run", folder.with_name(f"{folder.name}-runs"))
    done = run_bundle(folder, parameters, inputs, options)
    recorded = open_ledger().runs(session=done.session_id) if done.session_id else []
    return JobDone(done.session_id, done.outcome, recorded, done.output, done.checks, done.differs, done.cells, done.total)


def _made_from(notebook: Path, found: list[JobEntry]) -> list[JobEntry]:
    """Those made from this notebook: by its name, or by its experiment, which survives a rename."""
    experiments = {session.experiment_id for session in sessions_of(open_ledger(), notebook)} if found else set()
    return [entry for entry in found
            if Path(entry.manifest.notebook).name == notebook.name or entry.manifest.experiment_id in experiments]


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _sound(file: Path) -> JobManifest | None:
    try:
        status = file.stat()
        return _checked(str(file.parent), status.st_mtime_ns, status.st_size)
    except (MlopsError, OSError):
        return None


@lru_cache(maxsize=MOST_LISTED)
def _checked(folder: str, modified: int, size: int) -> JobManifest:
    """The manifest in `folder`; `modified` and `size` are of its job.yaml and make the answer last until that changes."""
    return load(folder).manifest
