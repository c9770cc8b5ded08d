"""Is everything in place? Each check says what it found and, where it is not well, the command that helps. Changes nothing
but what reading always does: records that wait in outboxes are shipped."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import msgspec

from mlops_jupyter.api.announce import folder_size
from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.words import names, plural, size
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import MlopsError
from mlops_jupyter.outbox import pending
from mlops_jupyter.version import __version__

ASK_SECONDS = 20
PACKAGES = ("ipykernel", "ipython", "jupyter-client", "nbclient", "papermill", "jupyterlab", "jupyter-server")


class Check(msgspec.Struct):
    """One thing looked at."""

    name: str
    state: Literal["ok", "warning", "failed"]
    found: str
    remedy: str = ""


class Diagnosis(msgspec.Struct):
    """All checks. `exit_code`: that of the error that a reader of the store would meet, else 0."""

    checks: list[Check]
    exit_code: int = 0


def examine() -> Diagnosis:
    """Look at versions, store, outboxes and kernels."""
    checks = [Check("mlops_jupyter", "ok", f"{__version__} on Python {sys.version.split()[0]} ({sys.executable})"), _packages()]
    waiting = _outboxes()
    store, exit_code = _store()
    return Diagnosis([*checks, store, waiting, *_kernels()], exit_code)


def _packages() -> Check:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return Check("packages", "ok", names(found, most=len(found)))


def _store() -> tuple[Check, int]:
    url = Settings.current().store_url()
    try:
        store = open_ledger()
        sessions, runs = len(store.sessions()), len(store.runs())
    except MlopsError as error:
        return Check("store", "failed", error.what, error.remedy), error.exit_code
    space = f", {size(folder_size(Path(url), 1.0)[0])}" if "://" not in url else ""
    return Check("store", "ok", f"{url}: {plural(sessions, 'session')}, {plural(runs, 'run')}{space}"), 0


def _outboxes() -> Check:
    folder = Settings.current().outbox_folder()
    files = pending(folder) if folder.exists() else 0
    return Check("outboxes", "ok", f"{folder}: {plural(files, 'file')} before this reading, shipped by it" if files
                 else f"{folder}: nothing waits")


def _kernels() -> list[Check]:
    """The kernels that Jupyter knows here; those whose Python lacks us are named with the command for that kernel."""
    from jupyter_client.kernelspec import KernelSpecManager

    found = []
    for name, spec in KernelSpecManager().get_all_specs().items():
        if str(spec["spec"].get("language", "")).lower() == "python":
            found.append(_kernel(name, [str(word) for word in spec["spec"].get("argv", [])]))
    return found


def _kernel(name: str, argv: list[str]) -> Check:
    ours = {"python", *(f"python{'.'.join(map(str, sys.version_info[:parts]))}" for parts in (1, 2))}
    python = sys.executable if argv and argv[0] in ours else shutil.which(argv[0]) if argv else None  # as Jupyter starts it
    if python is None:
        return Check(f"kernel {name}", "warning", f"its interpreter {argv[0] if argv else '(none)'} is not there",
                     f"jupyter kernelspec remove {name}")
    ask = "import json, importlib.metadata as m; print(json.dumps(m.version('mlops_jupyter')))"
    answer = subprocess.run([python, "-c", ask], capture_output=True, text=True, timeout=ASK_SECONDS, check=False)
    if answer.returncode != 0:
        return Check(f"kernel {name}", "warning", f"{python} has no mlops_jupyter: its notebooks cannot be tracked",
                     f"{python} -m pip install mlops_jupyter=={__version__}")
    theirs = json.loads(answer.stdout)
    if theirs != __version__:
        return Check(f"kernel {name}", "warning", f"{python} has mlops_jupyter {theirs}, here it is {__version__}",
                     f"{python} -m pip install mlops_jupyter=={__version__}")
    return Check(f"kernel {name}", "ok", f"{python}, mlops_jupyter {theirs}")


def diagnosis_sheet(found: Diagnosis) -> Sheet:
    """One line a check."""
    lines = [[{"ok": "✓", "warning": "!", "failed": "✗"}[check.state], check.name, check.found] for check in found.checks]
    notes = [f"{check.name}: {check.remedy}" for check in found.checks if check.remedy]
    bad = sum(check.state != "ok" for check in found.checks)
    return Sheet("All well" if not bad else plural(bad, "remark"), [Block(columns=["", "", ""], rows=lines)], notes)
