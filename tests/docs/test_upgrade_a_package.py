"""The page on upgrading a package is done, line by line, with two real versions of scikit-learn."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "upgrade-a-package.md").read_text(encoding="utf-8")
CELLS = ["from sklearn.datasets import load_breast_cancer\nX, y = load_breast_cancer(return_X_y=True)",
         "from sklearn.tree import DecisionTreeClassifier\nmodel = DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, y)",
         "from sklearn.metrics import accuracy_score\npredicted = model.predict(X)\naccuracy = accuracy_score(y, predicted)"]


@pytest.mark.slow
def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    home = tmp_path / "work"
    home.mkdir()
    environment = {**os.environ, "MLOPS_STORE": str(home / "store"), "MLOPS_STATE": str(home / "state")}
    environment.pop("COLUMNS", None)  # a pipe is wide, and nothing is folded

    def mlops(*arguments: str) -> str:
        command = [str(Path(sys.executable).parent / "mlops"), *arguments]
        done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), home / "cancer.ipynb")
    mlops("convert", "cancer.ipynb", "-o", "job", "--yes", "--no-verify")
    said = {}
    for block in re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL):
        for line in block.strip().splitlines():
            words = shlex.split(line)
            assert words[0] == "mlops"
            said[line] = mlops(*words[1:])
    upgrade = said["mlops verify job --with scikit-learn==1.5.2"]
    assert re.search(r"scikit-learn \S+ → 1\.5\.2: identical", upgrade)
    assert re.search(r"predicted +identical +569 values +0 differ", upgrade)
    assert "no spread: the tolerance stays 1e-09" in said["mlops verify job --repeat 3"]
    assert "identical" in said["mlops inspect job"]
    assert (home / "job" / "Containerfile").is_file()
