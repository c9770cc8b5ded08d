"""The page on parameters and inputs is done, line by line, on two real notebooks."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "set-parameters-and-inputs.md").read_text(encoding="utf-8")
PENGUINS = ["import pandas as pd\nfrom sklearn.neighbors import KNeighborsRegressor",
            "neighbours = 3\nweights = 'uniform'\ncutoff = 2500",
            "penguins = pd.read_csv('penguins.csv')\ntable = penguins[penguins['mass'] > cutoff].reset_index(drop=True)",
            "model = KNeighborsRegressor(neighbours, weights=weights).fit(table[['length']], table['mass'])",
            "mass = float(model.predict(pd.DataFrame({'length': [45.0]}))[0])"]
REPORT = ["import pandas as pd\ntable = pd.read_csv('table.csv')\nheaviest = int(table['mass'].max())"]
ROWS = "length,mass\n" + "".join(f"{30 + at},{2000 + 100 * at}\n" for at in range(30))


def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    environment = {**os.environ, "MLOPS_STORE": str(tmp_path / "store"), "MLOPS_STATE": str(tmp_path / "state")}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for name, sources in (("penguins", PENGUINS), ("report", REPORT)):
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / f"{name}.ipynb")
    (tmp_path / "penguins.csv").write_text(ROWS)
    (tmp_path / "later.csv").write_text(ROWS + "61,9000\n")
    (tmp_path / "table.csv").write_text("length,mass\n30,1\n")
    said = {}
    blocks = re.findall(r"^```(bash|python)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    for language, block in blocks:
        lines = block.strip().splitlines() if language == "bash" else [block]
        for line in lines:
            words = shlex.split(line) if language == "bash" else []
            program = [str(Path(sys.executable).parent / "mlops"), *words[1:]] if words else [sys.executable, "-c", line]
            done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
            said[line] = done
    told = " ".join(said["mlops run job --help"].stdout.split())
    assert "--neighbours INTEGER how many are asked; 1 to 50; default 3" in told
    assert "--lightest INTEGER default 2500" in told
    assert "penguins" in said["mlops inspect job"].stdout
    assert "schema changed" not in said["mlops run job -i penguins=later.csv"].stderr
    (tmp_path / "broken.csv").write_text("")
    broken = [str(Path(sys.executable).parent / "mlops"), "run", "job", "-i", "penguins=broken.csv"]
    refused = subprocess.run(broken, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "broken" in refused.stderr
