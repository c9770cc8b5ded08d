"""Which Python: the one behind a kernel's name, and the one on this machine that a job's environment can be built with.

Packages are compiled for a minor version, so that any patch release of it will do; the exact one is preferred. Nothing is
downloaded: whoever wants a Python that is not there installs it.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import msgspec

from mlops_jupyter.entities import InputError

_ASK_SECONDS = 30
_ASK = ("import json, platform as p; "
        "print(json.dumps([p.python_version(), f'{p.python_implementation()} {p.system()} {p.machine()}']))")


class Interpreter(msgspec.Struct, frozen=True):
    """A Python: its path, its version, and what its compiled packages are made for."""

    path: str
    version: str
    build: str

    @property
    def minor(self) -> str:
        """`3.11`."""
        return minor(self.version)


def minor(python: str) -> str:
    """`3.11` of `3.11.7`."""
    return ".".join(python.split(".")[:2])


def of_kernel(name: str) -> str:
    """The interpreter that a kernel of this name starts; "" where there is no such kernel."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        argv = KernelSpecManager().get_kernel_spec(name).argv
    except NoSuchKernel:
        return ""
    # jupyter_client starts its own interpreter for these words, whatever the PATH says
    own = {"python", f"python{sys.version_info[0]}", f"python{minor(platform.python_version())}"}
    return sys.executable if not argv or argv[0] in own else str(argv[0])


def uv() -> list[str]:
    """The words that start uv: from the PATH, else as a package of this interpreter; none where there is no uv."""
    found = which("uv")
    if found is not None:
        return [found]
    return [sys.executable, "-m", "uv"] if find_spec("uv") is not None else []


def find(version: str) -> Interpreter:
    """The Python of this version on this machine ("": any), else one of its minor version. InputError if there is none."""
    return choose(version, _here(version))


def choose(version: str, known: Iterable[Interpreter]) -> Interpreter:
    """The first of exactly this version, else the first of its minor version. No more are looked at than needed."""
    close: Interpreter | None = None
    for each in known:
        if version in {"", each.version}:
            return each
        if close is None and each.minor == minor(version):
            close = each
    if close is None:
        raise InputError(f"the job was made with Python {version}, and there is no Python {minor(version)} here",
                         f"uv python install {minor(version)}, or put python{minor(version)} on the PATH")
    return close


def _here(version: str) -> Iterator[Interpreter]:
    build = f"{platform.python_implementation()} {platform.system()} {platform.machine()}"
    yield Interpreter(sys.executable, platform.python_version(), build)
    paths = [path for wanted in (version, minor(version)) if (path := _by_uv(wanted))]
    paths += [found for folder in os.get_exec_path() if (found := which(f"python{minor(version)}", path=folder))]
    for path in dict.fromkeys(paths):
        if (known := asked(path)) is not None:
            yield known


def _by_uv(version: str) -> str:
    command = uv()
    done = _run([*command, "python", "find", "--no-python-downloads", version]) if command else ""
    return done if done and Path(done).exists() else ""


def asked(path: str) -> Interpreter | None:
    """What the interpreter says of itself; None for a file that is none, or a launcher with nothing behind it."""
    try:
        version, build = msgspec.json.decode(_run([path, "-I", "-c", _ASK]), type=tuple[str, str])
    except msgspec.DecodeError:
        return None
    return Interpreter(path, version, build)


def _run(words: list[str]) -> str:
    """What a command printed; "" if it failed."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_ASK_SECONDS, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
