"""The environment that a job runs in: the kernel's, or a fresh one from the job's lock; and how it differs from the lock.

The lock is a contract. Where it is not kept that is said before the first cell runs, and kept with the answer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import msgspec

from mlops_jupyter.jobs.bundle import Bundle
from mlops_jupyter.jobs.interpreters import of_kernel
from mlops_jupyter.jobs.locked import PYLOCK, differs, read_lock, replaced
from mlops_jupyter.jobs.venvs import environment_of


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """Where to run. `fresh`: in an environment from the lock; `replace`: with these versions instead, as `NAME==VERSION`.

    `told` hears what takes long, `warned` how the environment differs from the lock, before anything runs.
    """

    fresh: bool = False
    replace: Sequence[str] = ()
    told: Callable[[str], None] | None = None
    warned: Callable[[Sequence[str]], None] | None = None


class Place(msgspec.Struct, frozen=True):
    """The interpreter ("": the kernel's own), what its processes need to find it, and how it differs from the lock."""

    executable: str = ""
    env: dict[str, str] = {}
    differs: list[str] = []


def place_of(bundle: Bundle, where: Where) -> Place:
    """Choose the interpreter, build it if it is to be built, and say how it differs from the lock."""
    if where.fresh or where.replace:
        place = _fresh(bundle, where)
    else:
        executable = of_kernel(bundle.manifest.kernel)
        known = executable and PYLOCK in bundle.manifest.files
        place = Place(differs=differs(read_lock(bundle), executable) if known else [])
    if place.differs and where.warned is not None:
        where.warned(place.differs)
    return place


def _fresh(bundle: Bundle, where: Where) -> Place:
    lock = read_lock(bundle)
    python = environment_of(replaced(lock, where.replace), where.told)
    folder = python.parent
    env = {"PATH": os.pathsep.join([str(folder), os.environ.get("PATH", "")]), "VIRTUAL_ENV": str(folder.parent),
           "PYTHONPATH": str(bundle.folder)}  # without the caller's: its packages are not in the lock
    return Place(str(python), env, differs(lock, str(python)))
