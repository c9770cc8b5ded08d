"""A JupyterLab process with token and XSRF check on, in folders of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from tests.ports import free_port

SHOTS = Path(__file__).resolve().parents[2] / "test-results"
TOKEN = "a-token-for-the-browser-test"
QUIET = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
START_SECONDS = 60


@dataclass
class Lab:
    """A running JupyterLab."""

    url: str
    root: Path
    home: Path
    log: Path

    def address(self, notebook: str, *, reset: bool = True) -> str:
        """Where a notebook opens; `reset` forgets the layout of the last visit."""
        return f"{self.url}/lab/tree/{notebook}?{'reset&' if reset else ''}token={TOKEN}"

    def ask(self, route: str) -> object:
        """What our REST API answers."""
        request = urllib.request.Request(f"{self.url}/{route}", headers={"Authorization": f"token {TOKEN}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())


PATIENT = """
try:
    from mlops_jupyter.config import Settings
except ImportError:
    pass
else:
    Settings.current().hash_wait = 10.0
    del Settings
"""
"""In the kernels: where the other core is busy too, large values are still read to the end, and slices are what they are else."""


@contextlib.contextmanager
def start_lab(home: Path, root: Path, app: str = "lab", python: str = sys.executable) -> Iterator[Lab]:
    """Start JupyterLab (or Jupyter `notebook`) of the environment of `python`, wait until it answers, stop it at the end."""
    settings = home / "settings"
    notification = settings / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    notification.parent.mkdir(parents=True, exist_ok=True)
    notification.write_text(json.dumps(QUIET))
    startup = home / "ipython" / "profile_default" / "startup" / "patient.py"
    startup.parent.mkdir(parents=True, exist_ok=True)
    startup.write_text(PATIENT)
    port = free_port()
    log = home / "lab.log"
    with log.open("w") as out:
        command = _command(app, port, root, python)
        process = subprocess.Popen(command, env=_environment(home, python), stdout=out, stderr=subprocess.STDOUT, cwd=root)
        try:
            _wait(f"http://127.0.0.1:{port}/api/status", process, log)
            yield Lab(f"http://127.0.0.1:{port}", root, home, log)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _command(app: str, port: int, root: Path, python: str) -> list[str]:
    return [python, "-m", "jupyter", app, "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
            "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root}",
            f"--{'LabApp' if app == 'lab' else 'JupyterNotebookApp'}.expose_app_in_browser=True"]


def _environment(home: Path, python: str) -> dict[str, str]:
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
              "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython",
              "MLOPS_STORE": "store", "MLOPS_STATE": "state"}
    path = f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"
    # Threads of OpenMP wait by spinning: more of them than idle cores, and a fit of seconds takes minutes.
    return {**os.environ, **{name: str(home / folder) for name, folder in places.items()}, "PATH": path, "OMP_NUM_THREADS": "1"}


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    request = urllib.request.Request(url, headers={"Authorization": f"token {TOKEN}"})
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-4000:]}")


def shoot(page: Page, name: str) -> None:
    """A picture of the whole window, for people to look at."""
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")
