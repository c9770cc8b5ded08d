"""Which session this is: notebook, kernel, user, host, experiment, from what the front ends tell and the options say.

The notebook's path comes from the options (the panel and the engine know it), else from the kernel's connection file and
Jupyter's `JPY_SESSION_NAME`, else from VS Code's `__vsc_ipynb_file__`. Ids follow from the absolute path; the store keeps one
id through renames.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
import time
from pathlib import Path

from mlops_jupyter.capture.options import TrackOptions
from mlops_jupyter.entities.ids import derived_id, new_id
from mlops_jupyter.entities.sessions import NotebookRef, Origin, Session


def writer_of(origin: Origin | None) -> str | None:
    """The name to write under: each attempt of a submission has one that begins with its id. None: any."""
    return f"{origin.submission}.{new_id()}" if origin is not None and origin.submission else None


def notebook_path(options: TrackOptions, vscode: object, cwd: Path, connection_file: str = "") -> Path | str | None:
    """The notebook's absolute path, or its address; None outside one. A contents path is looked for beside the kernel."""
    jupyter = told_by_server(connection_file) or os.environ.get("JPY_SESSION_NAME", "")
    told = options.notebook_path or jupyter or (vscode if isinstance(vscode, str) else "")
    if not told:
        return None
    if "://" in told:  # papermill took it from a bucket
        return told
    path = Path(told)
    if not path.is_absolute():
        beside = cwd / path.name
        path = beside if beside.exists() or not (cwd / path).exists() else cwd / path
    return path.absolute()


def told_by_server(connection_file: str) -> str:
    """The notebook's path in the kernel's connection file, which our server keeps through renames; "" if there is none."""
    try:
        facts = json.loads(Path(connection_file).read_bytes()) if connection_file else {}
    except (OSError, ValueError):
        return ""
    return str(facts.get("jupyter_session") or "") if isinstance(facts, dict) else ""


def kernel_id(connection_file: str) -> str:
    """`kernel-<id>.json` → `<id>`; "" for other names."""
    match = re.fullmatch(r"kernel-(.+)\.json", Path(connection_file).name)
    return match[1] if match else ""


def new_session(options: TrackOptions, writer: str, notebook: Path | str | None, connection_file: str, version: str) -> Session:
    """A session that begins now; `connection_file` "" outside a kernel. Environment and git state are added when known."""
    reference = None if notebook is None else NotebookRef(derived_id("notebook", str(notebook)), str(notebook))
    name = options.experiment or (Path(notebook).stem if notebook is not None else Path.cwd().name or "ipython")
    if options.experiment_id:
        experiment = options.experiment_id
    elif options.experiment or reference is None:
        experiment = derived_id("experiment", name)
    else:
        experiment = derived_id("experiment", reference.id)
    return Session(
        id=options.session_id or new_id(), writer=writer, experiment=name, experiment_id=experiment, started=time.time(),
        kind="ipython" if options.kind == "notebook" and not connection_file else options.kind, notebook=reference,
        kernel_id=kernel_id(connection_file),
        user=options.owner or _user(), host=socket.gethostname(), process=os.getpid(), outputs=options.outputs,
        tags=dict(options.tags), origin=options.origin, cwd=str(Path.cwd()), version=version,
    )


def _user() -> str:
    try:
        return os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container whose user id has no name
        return ""
