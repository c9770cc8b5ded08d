"""The page on a team's store is done, line by line: a real PostgreSQL, a real `mlops server`, the commands over it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from tests.ports import free_port
from tests.postgres import Cluster

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "share-a-store.md").read_text(encoding="utf-8")
MLOPS = str(Path(sys.executable).parent / "mlops")
CELLS = {
    "data": "from sklearn.datasets import load_breast_cancer\nX, y = load_breast_cancer(return_X_y=True)",
    "fit": "from sklearn.linear_model import LogisticRegression\nmodel = LogisticRegression(max_iter=5000).fit(X, y)",
    "score": "accuracy = model.score(X, y)\nprint(accuracy)",
}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    cluster = Cluster()
    yield cluster
    cluster.remove()


def blocks() -> list[list[str]]:
    """The commands of the page, block by block."""
    return [block.strip().splitlines() for block in re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)]


class Machine:
    """A shell of somebody: what the page exports, and a home of its own."""

    def __init__(self, folder: Path, words: dict[str, str]) -> None:
        self.folder, self.words = folder, words
        folder.mkdir()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("MLOPS_")}
        self.environment |= {"MLOPS_STATE": str(folder / "state"), "HOME": str(folder), "IPYTHONDIR": str(folder / "ipython"),
                             "JUPYTER_PLATFORM_DIRS": "0"}
        self.background: list[subprocess.Popen[str]] = []

    def says(self, line: str) -> None:
        """One line of the page: an `export` is kept."""
        for word, value in self.words.items():
            line = line.replace(word, value)
        name, _, value = line.removeprefix("export ").partition("=")
        assert line.startswith("export "), line
        self.environment[name] = value

    def mlops(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run([MLOPS, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True,
                              check=False)
        assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout


def test_the_page_does_what_it_says(postgres: Cluster, tmp_path: Path) -> None:
    port = str(free_port())
    setup, people, everybody = blocks()
    words = {"postgresql+psycopg://mlops@127.0.0.1/ledger": postgres.database(), "/srv/mlops/blobs": str(tmp_path / "blobs"),
             "https://mlops.example.org": f"http://127.0.0.1:{port}"}
    server = Machine(tmp_path / "server", words)
    assert setup[0].startswith("pip install")
    server.says(setup[1])
    server.says(setup[2])
    assert server.mlops("server", code=3) == ""  # nobody could come in yet
    assert setup[3].split()[0] == people[0].split()[0] == "mlops"
    admin = server.mlops(*setup[3].split()[1:]).strip()
    assert setup[4] == "mlops server --port 8890"
    running = subprocess.Popen([MLOPS, "server", "--port", port], cwd=server.folder, env=server.environment, text=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_for(int(port), running)
        boss = Machine(tmp_path / "boss", words)
        boss.says(everybody[0])
        boss.environment["MLOPS_TOKEN"] = admin
        ann_secret = boss.mlops(*people[0].split()[1:]).strip()
        ann = Machine(tmp_path / "ann", {**words, "mlops_…": ann_secret})
        for line in everybody[:2]:
            ann.says(line)
        assert f"{words['https://mlops.example.org']}: 0 sessions" in ann.mlops(*everybody[2].split()[1:])
        the_main_job(ann)
        ann.mlops("token", "list", code=3)
        boss.mlops("token", "revoke", "ann")
        ann.mlops("runs", "list", code=3)
    finally:
        running.terminate()
        assert running.stderr is not None
        log = running.communicate(timeout=30)[1]
    assert running.returncode == 0, log
    assert admin not in log
    assert ann_secret not in log
    assert postgres.folder.as_posix() not in log


def the_main_job(ann: Machine) -> None:
    """Track, look, verify, delete, restore, forget: the answers are those of a store in a folder."""
    cells = [nbformat.v4.new_code_cell(source, id=name) for name, source in CELLS.items()]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), ann.folder / "cancer.ipynb")
    ann.mlops("track", "cancer.ipynb")
    run = json.loads(ann.mlops("runs", "list", "--json"))[0]
    assert [metric["name"] for metric in run["metrics"]] == ["accuracy"]
    session = json.loads(ann.mlops("sessions", "list", "--json"))[0]
    assert [row["state"] for row in json.loads(ann.mlops("sessions", "show", session["id"], "--json"))] == ["ok"] * 3
    why = json.loads(ann.mlops("why", "accuracy", "--notebook", "cancer.ipynb", "--json"))
    assert [cell["id"] for cell in why["cells"]] == list(CELLS)
    assert json.loads(ann.mlops("stale", "cancer.ipynb", "--json")) == []
    assert json.loads(ann.mlops("verify", run["id"], "--json"))["verdict"] == "identical"
    assert json.loads(ann.mlops("runs", "show", run["id"], "--json"))["verification"]["verdict"] == "identical"
    ann.mlops("runs", "delete", run["id"])
    assert json.loads(ann.mlops("runs", "list", "--json")) == []
    ann.mlops("runs", "restore", run["id"])
    ann.mlops("forget", run["id"], "--yes")
    assert json.loads(ann.mlops("runs", "list", "--json")) == []


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    """Until it answers."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()[1]
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the server did not answer")
