"""Virtual environments of jobs: built from a lock, kept under the hash of everything that decides what is in them.

A virtual environment cannot be moved, so that it is built where it stays; what makes it whole is the last file written into it,
which names every package in it. A folder without that file is wiped and built again. One in which packages changed since (a cell
that installs) is not what its name says: it is left to whoever runs in it, and the next number is built. One builder at a time.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import msgspec
from packaging.utils import canonicalize_name

from mlops_jupyter.capture.environment import installed
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import InputError, JobFailedError, content_hash
from mlops_jupyter.jobs.interpreters import Interpreter, find, uv
from mlops_jupyter.jobs.locked import Locked

try:
    import fcntl
except ImportError:  # Windows: two builders at once then each find the other's half, and the later one builds again
    fcntl = None  # type: ignore[assignment]

Told = Callable[[str], None]
FORMAT = 1
"""Counts up when the same lock is built in another way."""
WHOLE = "whole.json"
_LAST_LINES = 12


class Ours(msgspec.Struct, frozen=True):
    """How mlops_jupyter gets into an environment: words for the installer, and what tells two states of the same words apart."""

    words: tuple[str, ...]
    content: str = ""


def ours() -> Ours:
    """From where this process has it: a release by version, a checkout by its path, a repository by its commit."""
    found = next((one for one in installed() if canonicalize_name(one.name) == "mlops-jupyter"), None)
    if found is None:
        raise InputError(f"mlops_jupyter runs from {Path(__file__).parents[2]} without being installed, so that no environment "
                         "can be given it", f"pip install -e {Path(__file__).parents[2]}")
    if found.origin == "editable":  # its code is read where it lies; what it requires and offers is fixed when it is installed
        return Ours(("-e", _path(found.url)), _digest(Path(_path(found.url)) / "pyproject.toml"))
    if found.origin == "local":
        record = Path(__file__).parents[2] / f"{found.name}-{found.version}.dist-info" / "RECORD"
        return Ours((_path(found.url),), _digest(record))
    if found.url:
        return Ours((f"mlops_jupyter @ {found.url}",))
    return Ours((f"mlops_jupyter=={found.version}",))


def _digest(file: Path) -> str:
    return content_hash(file.read_bytes()) if file.is_file() else ""


def _path(url: str) -> str:
    return urllib.request.url2pathname(urllib.parse.urlsplit(url).path)


def environment_of(lock: Locked, told: Told | None = None, own: Ours | None = None) -> Path:
    """The interpreter of an environment with what the lock names and mlops_jupyter; built now if it is not there yet.

    `told` hears what takes long; `own`: how mlops_jupyter gets in, else from where this process has it. Raises InputError
    where there is no Python for it, JobFailedError where the installer fails.
    """
    base, own, tool = find(lock.python), own or ours(), uv()
    decides = [FORMAT, base.version, base.build, sorted(lock.lines), own]
    key = content_hash(msgspec.json.encode(decides)).removeprefix("sha256:")[:16]
    home = Settings.current().environments_folder()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"no environment can be kept in {home}: {error.strerror}",
                         "set MLOPS_STATE to a writable folder") from None
    told = told or (lambda words: None)
    with _alone(home / f"{key}.lock", told):
        for number in itertools.count(1):
            folder = home / f"{key}-{number}"
            if not (folder / WHOLE).exists():
                told(f"building an environment of {len(lock.lines)} packages with {'uv' if tool else 'pip'}, kept for later")
                build(folder, base, lock.lines, own, tool)
            if _is_whole(folder):
                return _python(folder)
    raise AssertionError("unreachable: the numbers do not end")


@contextmanager
def _alone(file: Path, told: Told) -> Iterator[None]:
    """Hold the lock of one environment; it is free again when this process ends, however it ends."""
    with file.open("a") as handle:
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                told("another process is building this environment: waiting for it")
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def build(folder: Path, base: Interpreter, lines: Sequence[str], own: Ours, tool: Sequence[str]) -> None:
    """Make the environment in `folder` with these requirements, by uv (`tool`: the words that start it), else by pip.

    The folder is gone again if it does not come about.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        make, install = _by_uv(tool, base, folder) if tool else _by_pip(base, folder)
        _run(make)
        requirements = folder / "requirements.txt"
        requirements.write_text("\n".join(lines) + "\n", encoding="utf-8")
        _run([*install, "-r", str(requirements), *own.words])
        partial = folder / f".{WHOLE}.part"
        partial.write_bytes(msgspec.json.encode(_packages(folder)))
        partial.replace(folder / WHOLE)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _by_uv(tool: Sequence[str], base: Interpreter, folder: Path) -> tuple[list[str], list[str]]:
    """(the command that makes the environment, the one that installs into it)"""
    return ([*tool, "venv", "--quiet", "--python", base.path, str(folder)],
            [*tool, "pip", "install", "--quiet", "--python", str(_python(folder))])


def _by_pip(base: Interpreter, folder: Path) -> tuple[list[str], list[str]]:
    """The same by our own pip, from outside, which saves seconds; where we have none, by one inside."""
    own = [sys.executable, "-m", "pip", "--python", str(_python(folder))] if find_spec("pip") is not None else []
    return ([base.path, "-m", "venv", *(["--without-pip"] if own else []), str(folder)],
            [*(own or [str(_python(folder)), "-m", "pip"]), "install", "--quiet", "--disable-pip-version-check", "--no-input"])


def _run(words: list[str]) -> None:
    """One step of the installer; JobFailedError with the last lines that it printed."""
    # what these name belongs to the calling shell's environment, not to the one being built
    foreign = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER"}
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    environment["SKIP_JUPYTER_BUILDER"] = "1"  # a checkout of ours is needed for its kernel part: no front end is built
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False, env=environment,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        lines = [line.rstrip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        said = "\n  ".join(lines[-_LAST_LINES:]) or f"exit code {done.returncode}, and not a word"
        raise JobFailedError(f"the environment could not be built:\n  {said}",
                             "what must change together is replaced together: --with A==1 --with B==2; an index of your own is "
                             "named in the installer's own settings")


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _packages(folder: Path) -> list[str]:
    """Names of the metadata folders: each has name and version in it."""
    places = ("lib/python*/site-packages", "Lib/site-packages")
    return sorted({place.name for where in places for place in folder.glob(f"{where}/*.dist-info")})


def _is_whole(folder: Path) -> bool:
    """Whether every package is there that was there when it was built, no other, and the Python under it too."""
    return msgspec.json.decode((folder / WHOLE).read_bytes()) == _packages(folder) and _python(folder).exists()
