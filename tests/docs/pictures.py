"""Makes the pictures of README and tutorial anew: runs the browser journeys that take them, and copies them to `docs/images`.

usage: python tests/docs/pictures.py [--copy]

`--copy`: only copy what the journeys have left in `test-results`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JOURNEYS = ("main_job", "stale_cells", "runs", "lineage_and_data", "jobs_tab", "submissions")
PICTURES = {"panel-light": "panel-light", "panel-dark": "panel-dark", "30-stale-light": "stale-cells",
            "runs-table-800-light": "runs-table",
            "runs-charts-800-light": "runs-charts", "runs-compare-800-light": "runs-compare", "65-lineage-800-light": "lineage",
            "70-dataset-two-versions-800-light": "dataset", "jobs-many-light-800": "jobs"}
"""What a journey calls it → what it is called in the docs."""


def main() -> int:
    """Take, copy. Exit code 1 if a journey failed."""
    if "--copy" not in sys.argv[1:]:
        files = [f"tests/browser/test_{name}.py" for name in JOURNEYS]
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", *files], cwd=ROOT, check=False)
        if done.returncode:
            return 1
    for taken, name in PICTURES.items():
        shutil.copyfile(ROOT / "test-results" / f"{taken}.png", ROOT / "docs" / "images" / f"{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
