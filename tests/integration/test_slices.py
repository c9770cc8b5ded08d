"""Cells needed, as a real kernel records them: the slice's sources run in a fresh namespace give what the kernel holds."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from mlops_jupyter.entities import CellExecution, Observation, Session
from mlops_jupyter.entities.records import decode
from mlops_jupyter.lineage.runs import derive
from mlops_jupyter.lineage.slice import Slice, find_results, slice_of
from mlops_jupyter.lineage.stale import rerun_plan, stale

START = "from mlops_jupyter.capture.ipython import start as _start\n_start(get_ipython())\ndel _start"


class Kernel:
    """A tracked kernel: `run` cells, then read back what its outbox holds."""

    def __init__(self, client: BlockingKernelClient, state: Path, work: Path) -> None:
        self.client, self.state, self.work = client, state, work

    def run(self, cell: str, source: str, *, silent: bool = False) -> None:
        content = {"code": source, "silent": silent, "store_history": not silent, "user_expressions": {}, "allow_stdin": False,
                   "stop_on_error": True}
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell})
        self.client.shell_channel.send(message)
        while True:
            reply = self.client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return

    def play(self, *cells: tuple[str, str]) -> list[tuple[str, str]]:
        for cell, source in cells:
            self.run(cell, source)
        return list(cells)

    def facts(self) -> tuple[list[CellExecution], list[Observation]]:
        executions: dict[int, CellExecution] = {}
        observations: dict[str, Observation] = {}
        for file in sorted(self.state.rglob("*.jsonl")):
            for line in file.read_bytes().splitlines(keepends=True):
                entity = decode(line).entity
                if isinstance(entity, CellExecution):
                    executions[entity.n] = entity
                elif isinstance(entity, Observation):
                    observations[entity.id] = entity
        return list(executions.values()), list(observations.values())

    def needed(self, name: str) -> Slice:
        executions, observations = self.facts()
        return slice_of(find_results(name, executions, observations)[0], executions, observations)

    def value(self, expression: str) -> str:
        """What the kernel holds, as text."""
        self.run("probe", f"with open('probe.txt', 'w') as _file:\n    _file.write(repr({expression}))", silent=True)
        return (self.work / "probe.txt").read_text()

    def check(self, name: str, expression: str = "") -> list[str]:
        """Ids of the cells needed, after they ran in a clean process and gave the same."""
        found = self.needed(name)
        assert not found.incomplete, found.notes
        expected = self.value(expression or name)
        executions = {one.n: one for one in self.facts()[0]}
        sources = [executions[n].source for n in found.cells]
        again = subprocess.run([sys.executable, "-c", "\n".join([*sources, f"print(repr({expression or name}))"])], check=False,
                               capture_output=True, text=True, cwd=self.work)
        assert again.stdout.splitlines()[-1:] == [expected], (found.because, again.stderr[-500:])
        return [executions[n].cell for n in found.cells]


@pytest.fixture
def kernel(own_home: Path, tmp_path: Path) -> Iterator[Kernel]:
    state = Path(os.environ["MLOPS_STATE"])
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path), env=dict(os.environ))
    tracked = Kernel(client, state, tmp_path)
    tracked.run("start", START, silent=True)
    yield tracked
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_exploration_in_place_changes_aliases_and_helpers(kernel: Kernel) -> None:
    kernel.play(
        ("data", "rows = [3, 1, 2]\nother = [9]"),
        ("look", "print(rows)\nrows"),
        ("alias", "view = rows"),
        ("rate", "rate = 2"),
        ("help", "def scaled(values):\n    return [value * rate for value in values]"),
        ("change", "view.append(10)"),
        ("rate2", "rate = 3"),
        ("use", "total = sum(scaled(rows))"),
        ("rate3", "rate = 100"),
    )
    cells = kernel.check("total")
    assert cells == ["data", "alias", "help", "change", "rate2", "use"]


def test_run_again_edited_and_deleted(kernel: Kernel) -> None:
    kernel.play(
        ("a", "rows = []"), ("b", "rows.append(len(rows))"), ("b", "rows.append(len(rows))"), ("gone", "k = 5"),
        ("c", "count = len(rows) + k"), ("gone2", "del k"), ("c2", "z = count + 1"),
    )
    assert kernel.check("z") == ["a", "b", "b", "gone", "c", "c2"]


def test_frames_changed_in_place(kernel: Kernel) -> None:
    pytest.importorskip("pandas")
    page = kernel.play(
        ("imports", "import numpy as np\nimport pandas as pd"),
        ("load", "df = pd.DataFrame({'a': [1.0, None, 3.0], 'b': [1, 2, 3]})"),
        ("head", "df.head()"),
        ("clean", "df = df.dropna()"),
        ("add", "df['c'] = df['a'] * 2"),
        ("explore", "df.groupby('b')['a'].mean()"),
        ("result", "total = float(df['c'].sum())"),
    )
    assert kernel.check("total") == ["imports", "load", "clean", "add", "result"]
    executions, _ = kernel.facts()
    assert stale(executions, page) == []
    edited = [(cell, source.replace("* 2", "* 3")) for cell, source in page]
    assert {one.id for one in stale(executions, edited)} >= {"add", "result", "explore"}
    assert rerun_plan(executions, edited)[-1] == "result"


def test_a_file_written_then_read(kernel: Kernel) -> None:
    kernel.play(
        ("text", "text = 'a,b'"), ("write", "with open('x.csv', 'w') as file:\n    file.write(text)"), ("noise", "noise = 1"),
        ("read", "back = open('x.csv').read().split(',')"),
    )
    assert kernel.check("back") == ["text", "write", "read"]


def test_seeds_and_draws(kernel: Kernel) -> None:
    kernel.play(
        ("imports", "import random"), ("seed", "random.seed(3)"), ("first", "first = random.random()"), ("calm", "calm = 1"),
        ("second", "second = random.random()"),
    )
    assert kernel.check("second") == ["imports", "seed", "first", "second"]
    assert kernel.needed("second").seed_cells


def test_models_and_metrics_of_a_real_session(kernel: Kernel) -> None:
    pytest.importorskip("sklearn")
    kernel.play(
        ("imports", "import numpy as np\nfrom sklearn.linear_model import LogisticRegression"),
        ("more imports", "from sklearn.metrics import roc_auc_score\nfrom sklearn.tree import DecisionTreeClassifier"),
        ("data", "X = np.arange(40.0).reshape(20, 2) % 7\ny = (np.arange(20) % 3 == 0).astype(int)"),
        ("look", "X.mean()"),
        ("base", "base = LogisticRegression(C=0.5)\nbase.fit(X, y)\nbase_auc = roc_auc_score(y, base.predict_proba(X)[:, 1])"),
        ("tree", "model = DecisionTreeClassifier(max_depth=2, random_state=0)\nmodel.fit(X, y)"),
        ("score", "auc = roc_auc_score(y, model.predict_proba(X)[:, 1])"),
    )
    assert kernel.check("auc") == ["imports", "more imports", "data", "tree", "score"]
    executions, observations = kernel.facts()
    runs = derive(Session(executions[0].session, "w", "notebook", "e", "e1", 1.0), executions, observations)
    assert [[metric.name for metric in run.metrics] for run in runs] == [["base_auc"], ["auc"]]
    assert runs[1].change == "model LogisticRegression→DecisionTreeClassifier"


CELLS = [
    "{a} = [{k}]", "{a} = {b}", "{a}.append({k})", "{a} = {b} + [{k}]", "def f{k}(x):\n    return x + {a}", "{a} = f{k}([{k}])",
    "{a}", "{a} += {b}", "if len({a}) > 3:\n    {b} = [{k}]", "for {b} in [[1], [2]]:\n    {a} = {a} + {b}",
    "{a}, {b} = {b}, {a}", "{a} = [v for {b} in [{c}] for v in {b}]", "{a} = [{k}]\n{a}.append(len({b}))", "{a} = np.array({b})",
    "{a} = list(np.array({b}))", "{a} = {b}[:2]", "{a} = {{'x': {b}}}['x']\n{a}.append({k})",
]


def test_random_notebooks_in_a_real_kernel(kernel: Kernel) -> None:
    draw = random.Random(11)
    kernel.run("np", "import numpy as np")
    for number in range(6):
        kernel.run(f"s{number}", "p, q, r = [0], [1], [2]\nf1 = f2 = f3 = lambda x: list(x)")
        for step in range(12):
            a, b, c = draw.sample("pqr", 3)
            kernel.run(f"{number}-{step}", draw.choice(CELLS).format(a=a, b=b, c=c, k=draw.randint(1, 3)))
        for name in "pqr":
            needed = kernel.needed(name)
            executions = {one.n: one for one in kernel.facts()[0]}
            if all(executions[n].state == "ok" for n in needed.cells):
                kernel.check(name)
