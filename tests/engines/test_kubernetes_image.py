"""The steps of a bundle's Containerfile, done without a builder, give what a pod needs to run `mlops run /job`.

No image is built: `FROM` is a virtual environment of the same Python, `RUN` is executed with uv's pip in place of pip, `COPY`
is the bundle where it lies, and `ENV` is the environment of the pod's process.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mlops_jupyter.api import submissions as verbs
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.cli import execute
from mlops_jupyter.jobs.interpreters import uv
from tests.cluster import Image, cluster
from tests.integration.sweep_jobs import KERNEL

ROOT = Path(__file__).resolve().parents[2]
CELLS = ("import sys\nimport numpy as np", "factor = 2",
         "total = float(np.arange(4).sum() * factor)\nprint('total', total, 'in', sys.prefix)")


def built(bundle: Path, folder: Path) -> Image:
    """What the Containerfile's instructions leave."""
    env: dict[str, str] = {}
    home = ""
    for line in (bundle / "Containerfile").read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            assert rest == f"python:{sys.version_info[0]}.{sys.version_info[1]}-slim"
            subprocess.run([*uv(), "venv", "-q", "--python", sys.executable, str(folder / "venv")], check=True)
        elif word == "COPY":
            home = rest.split()[-1] if rest.startswith(". ") else home
            assert (bundle / rest.split()[0]).exists()
        elif word == "RUN":
            pip = shlex.join([*uv(), "pip", "install", "-q", "--python", str(folder / "venv" / "bin" / "python")])
            step = rest.replace("python -m pip install --no-cache-dir", pip).replace("/job/", f"{bundle}/")
            assert step.startswith(pip)
            ours = {"MLOPS_JUPYTER": f"-e{ROOT}", "SKIP_JUPYTER_BUILDER": "1"}
            subprocess.run(["sh", "-c", step], env={**os.environ, **ours}, check=True)
        elif word == "ENV":
            env |= dict(pair.split("=", 1) for pair in rest.split())
    assert home == "/job"
    return Image({home: bundle}, folder / "venv" / "bin", env)


def test_a_pod_runs_the_job_in_what_the_containerfile_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in CELLS], metadata=KERNEL), "numbers.ipynb")
    assert execute(["convert", "numbers.ipynb", "-o", "job", "--yes", "--result", "total"]) == 0
    with cluster() as node:
        monkeypatch.setenv("KUBECONFIG", str(node.config(tmp_path)))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        node.images["registry.example/numbers:1"] = built(tmp_path / "job", tmp_path)
        node.claims["shared"] = tmp_path / "shared"
        shared = ["--set", f"claim=shared:{tmp_path / 'shared'}", "--deliver", str(tmp_path / "shared")]
        image = ["--set", "image=registry.example/numbers:1"]
        assert execute(["submit", "job", "--to", "kubernetes", *image, *shared, "-p", "factor=5"]) == 0
        [one] = verbs.submissions()
        node.until(lambda: verbs.submission(one.id).state not in {"queued", "running"})
        done = verbs.submission(one.id)
        assert done.state == "succeeded", verbs.logs(one.id)
        assert f"total 30.0 in {tmp_path / 'venv'}" in verbs.logs(one.id)
        assert [session.id for session in open_ledger().sessions(submission=one.id)] != []
        assert {"MLOPS_STORE", "MLOPS_STATE"} <= node.images["registry.example/numbers:1"].env.keys()
        [pod] = node.processes.values()
        assert not (pod.folder / "work" / "store").exists()  # its own store went with the attempt
