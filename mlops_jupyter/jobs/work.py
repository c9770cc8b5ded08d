"""The folder that a job or a verification works in: its own, new, with inputs and modules at the places the code expects.

Inputs are copied, so that code which changes its input in place cannot reach the original; above a size that makes copying
slow they are linked. Everything is checked before the folder is made.
"""

from __future__ import annotations

import base64
import difflib
import os
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlops_jupyter.entities import InputError, JobInput, NotFoundError
from mlops_jupyter.jobs.bundle import Bundle
from mlops_jupyter.jobs.inputs import names_of
from mlops_jupyter.jobs.storage import check_driver, check_no_password, fetch, with_credentials

COPY_BYTES = 256 * 1024 * 1024  # above this an input is linked
_FETCH_SECONDS = 60


def resolve_inputs(bundle: Bundle, given: Mapping[str, str]) -> dict[str, str]:
    """Input name → where its file is, for all inputs of a job. Raises before anything starts if one is missing."""
    inputs = bundle.manifest.inputs
    known = {each.name: each for each in inputs}
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, list(known), n=1)
            meant = f"did you mean {close[0]}? " if close else ""
            raise InputError(f"this job has no input {name!r}", f"{meant}inputs of this job: {names_of(inputs)}")
    needed = [each for each in inputs if each.kind != "query" or each.name in given]
    return {each.name: _resolve(bundle, each, given.get(each.name)) for each in needed}


def _resolve(bundle: Bundle, entry: JobInput, given: str | None) -> str:
    if given is not None and entry.kind == "query":
        raise InputError(f"input {entry.name} is a question to {entry.source or 'a database'}, and no file takes its place",
                         "read the rows from a file in the notebook, or make what it depends on a parameter; convert again")
    if given is not None:
        if entry.fixed:
            raise InputError(f"input {entry.name} cannot be replaced: the code opens {entry.path}, which no literal in it names",
                             "write the path as a literal in the notebook, and convert again")
        return _checked_uri(entry.name, given)
    if entry.kind == "url" and not entry.carried:
        return entry.source
    place = bundle.folder / entry.path if entry.carried else Path(entry.source or entry.path)
    if not place.is_file():
        raise NotFoundError(f"input {entry.name} is missing: the job does not carry it, and there is no file {place}",
                            f"give it: -i {entry.name}=PATH")
    return str(place)


def _checked_uri(name: str, given: str) -> str:
    try:
        parts = urllib.parse.urlsplit(given)
    except ValueError as error:
        raise InputError(f"input {name}: {given!r} is no address: {error}", f"-i {name}=PATH") from None
    check_no_password(f"input {name}", parts, f"-i {name}=")
    if parts.scheme in {"http", "https"}:
        return given
    if parts.scheme == "file":
        given = urllib.request.url2pathname(parts.path)
    elif "://" in given:
        check_driver(f"input {name}", given, f"fetch the file first: -i {name}=PATH")
        return given
    path = Path(given).expanduser().absolute()
    if path.is_dir():
        raise InputError(f"input {name}: {path} is a folder", f"give a file: -i {name}=PATH")
    if not path.is_file():
        raise NotFoundError(f"input {name}: there is no file {path}", f"check the path: -i {name}=PATH")
    if not os.access(path, os.R_OK):
        raise InputError(f"input {name}: {path} may not be read by you", f"ls -l {path}")
    return str(path)


def new_work_folder(name: str, base: str | Path | None = None) -> Path:
    """A new folder for one run: in `base`, else `$MLOPS_WORK`, else `mlops-runs` beside where the command was given."""
    root = Path(base or os.environ.get("MLOPS_WORK") or "mlops-runs").absolute()
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for count in range(1000):
        folder = root / (f"{name}-{stamp}" if not count else f"{name}-{stamp}-{count}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(f"no run can work in {root}: {error.strerror}", "set MLOPS_WORK to a writable folder") from None
        return folder
    raise InputError(f"{root} holds a thousand runs of this second", "set MLOPS_WORK to another folder")


def place_inputs(work: Path, inputs: Sequence[JobInput], found: Mapping[str, str]) -> dict[str, Path]:
    """Put each input where the code opens it; where that is. What is opened at an absolute path stays where it is."""
    places = {}
    for entry in inputs:
        if entry.name in found:
            places[entry.name] = Path(entry.path) if entry.fixed else work / entry.path
            if not entry.fixed:
                place(found[entry.name], work / entry.path, entry.name)
    return places


def place(source: str, target: Path, name: str) -> None:
    """Copy, link or fetch one file to `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.startswith(("http://", "https://")):
        _fetch(source, target, name)
    elif "://" in source:
        fetch(source, target, f"input {name}", f"look at the address, or fetch the file first: -i {name}=PATH")
    elif Path(source).stat().st_size > COPY_BYTES:
        target.symlink_to(source)
    else:
        shutil.copy2(source, target)
        target.chmod(target.stat().st_mode | 0o200)


def _fetch(url: str, target: Path, name: str) -> None:
    try:
        with urllib.request.urlopen(_request(url), timeout=_FETCH_SECONDS) as answer, target.open("wb") as file:  # noqa: S310 (http)
            shutil.copyfileobj(answer, file)
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        target.unlink(missing_ok=True)
        raise InputError(f"input {name}: {url} could not be fetched: {error}", f"fetch it, then -i {name}=PATH") from None


def _request(url: str) -> urllib.request.Request:
    """User and password of the address as a header: urllib takes neither."""
    parts = urllib.parse.urlsplit(with_credentials(url))
    host = parts.netloc.rpartition("@")[2]
    request = urllib.request.Request(urllib.parse.urlunsplit(parts._replace(netloc=host)))  # noqa: S310 (http, https)
    if parts.username is not None:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        request.add_header("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}")
    return request


def place_modules(bundle: Bundle, work: Path) -> None:
    """Copy what else of the bundle the code may open or import at a relative path: modules and their like."""
    inputs = {entry.path for entry in bundle.manifest.inputs}
    for name in bundle.manifest.files:
        if name.endswith(".py") and name not in inputs:
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle.folder / name, work / name)
