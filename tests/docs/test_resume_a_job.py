"""The page on resuming is done, line by line, on a small job with a slow cell."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from mlops_jupyter.entities import JobParameter
from tests.integration.sweep_jobs import write_job

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "resume-a-job.md").read_text(encoding="utf-8")
CELLS = ("%load_ext mlops_jupyter\nimport time\nimport mlops_jupyter as mlops",
         "time.sleep(0.8)\nforest = list(range(trees))\nprint('slow')", "mlops.log_metric('score', sum(forest) * threshold)")


def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    write_job(tmp_path / "job", [JobParameter("trees", "integer", 100), JobParameter("threshold", "number", 0.5)], *CELLS)
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    told = []
    for line in (line for block in blocks for line in block.strip().splitlines()):
        command = [str(Path(sys.executable).parent / "mlops"), *shlex.split(line)[1:], "--json"]
        done = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        told.append(json.loads(done.stdout))
    scores = [[metric["value"] for run in one["runs"] for metric in run["metrics"]] for one in told]
    assert scores == [[9950.0], [9950.0], [13930.0], [9950.0]]
    first, again, other, none = ([(one["cell"], "taken" if one.get("taken") else "kept") for one in run["cells"]] for run in told)
    assert (first, again, other, none) == ([(3, "kept")], [(3, "taken")], [(3, "taken")], [])
    session = subprocess.run([str(Path(sys.executable).parent / "mlops"), "sessions", "show", told[1]["session"]], cwd=tmp_path,
                             env=os.environ, capture_output=True, text=True, check=True)
    assert "  taken " in session.stdout, session.stdout
    assert f"Taken, not run, from 1 session: {told[0]['session']}" in session.stdout
