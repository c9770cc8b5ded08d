"""Small bundles for the stories of sweeps, written by hand: no notebook has to be tracked for them."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from mlops_jupyter.entities import JobManifest, JobParameter, JobResult
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.convert import NOTEBOOK, Draft

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
SCORE = JobResult("score", "metric", 0.0)


def write_job(folder: Path, parameters: list[JobParameter], *cells: str,
              result: JobResult = SCORE) -> Path:
    """A bundle whose notebook is the parameters' cell and these cells."""
    lines = "\n".join(f"{each.name} = {each.default!r}" for each in parameters)
    first = new_code_cell(lines, id="parameters", metadata={"tags": ["parameters"]})
    rest = [new_code_cell(source, id=f"c{place}") for place, source in enumerate(cells, 1)]
    notebook = nbformat.writes(new_notebook(cells=[first, *rest], metadata=KERNEL)).encode()
    count = len(rest) + 1
    manifest = JobManifest("small", 1795000000.0, parameters, [], [result], count, count)
    bundle.write(Draft(manifest, {}, {NOTEBOOK: notebook}, [], []), folder)
    return folder
