"""The page on looking after a store is done, line by line, on a real tracked notebook."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "look-after-a-store.md").read_text(encoding="utf-8")
CELLS = ["from sklearn.datasets import load_iris\nX, y = load_iris(return_X_y=True)",
         "from sklearn.tree import DecisionTreeClassifier\nmodel = DecisionTreeClassifier(random_state=0).fit(X, y)",
         "accuracy = model.score(X, y)\nprint(accuracy)"]


def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    home = tmp_path / "work"
    home.mkdir()
    environment = {**os.environ, "MLOPS_STORE": str(home / "store"), "MLOPS_STATE": str(home / "state")}

    def mlops(*arguments: str) -> str:
        command = [str(Path(sys.executable).parent / "mlops"), *arguments]
        done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), home / "iris.ipynb")
    mlops("track", "iris.ipynb")
    said = {}
    for block in re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL):
        for line in block.strip().splitlines():
            words = shlex.split(line)
            assert words[0] == "mlops"
            said[line] = mlops(*words[1:])
    assert "accuracy" in said["mlops --store run.mlops runs list"]
    assert "all whole" in said["mlops fsck"]
    page = (home / "run.html").read_text(encoding="utf-8")
    assert "DecisionTreeClassifier(random_state=0)" in page
    assert "accuracy" in mlops("--store", "../restored", "runs", "list")
