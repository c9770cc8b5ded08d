"""The page on sweeps is done, line by line, on a small job."""

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
PAGE = (ROOT / "docs" / "how-to" / "run-a-sweep.md").read_text(encoding="utf-8")


def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    write_job(tmp_path / "job", [JobParameter("strength", "number", 1.0), JobParameter("rounds", "integer", 10)],
              "%load_ext mlops_jupyter\nimport mlops_jupyter as mlops\nmlops.log_metric('score', strength * rounds)")
    (tmp_path / "segments.csv").write_text("strength\n0.5\n2\n")
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    told = []
    for line in (line for block in blocks for line in block.strip().splitlines()):
        words = shlex.split(line)
        assert words[0] == "mlops"
        command = [str(Path(sys.executable).parent / "mlops"), *words[1:], "--json"]
        done = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        told.append(json.loads(done.stdout))
    grid, drawn, rows, again = told
    assert [(best["parameters"], best["metrics"]) for best in grid["children"][:1]] == [
        ({"strength": 10.0, "rounds": 200}, {"score": 2000.0})]
    assert len(grid["children"]) == 6
    assert (drawn["seed"], len({child["parameters"]["strength"] for child in drawn["children"]})) == (1, 4)
    assert [child["parameters"] for child in rows["children"]] == [{"rounds": 100, "strength": best} for best in (2.0, 0.5)]
    assert rows["folder"] == str(tmp_path / "by-segment")
    assert Path(rows["picture"]).is_file()
    assert again["children"] == rows["children"]  # all had succeeded
