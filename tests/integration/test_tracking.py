"""A person tracks a notebook in a real kernel: what is recorded, and that nothing they see changes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from mlops_jupyter.capture.calls import UNSEEN
from mlops_jupyter.entities import CellExecution
from tests.integration.real_kernel import START, Kernel

EXPECTED = [] if sys.version_info >= (3, 12) else [UNSEEN]
"""What a session of this Python says of itself."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "work"
    place.mkdir()
    return place


@pytest.fixture
def kernel(tmp_path: Path, folder: Path) -> Iterator[Kernel]:
    kernel = Kernel(folder, tmp_path / "state")
    yield kernel
    kernel.close()


def writes(execution: CellExecution) -> dict[str, str]:
    return {write.name: write.how for write in execution.writes if not write.name.startswith("_")}


def reads(execution: CellExecution) -> set[str]:
    return {read.name for read in execution.reads}


def test_a_session_cell_by_cell(kernel: Kernel, folder: Path) -> None:
    (folder / "helper.py").write_text("FACTOR = 3\ndef times(x):\n    return x * FACTOR\n")
    (folder / "data.csv").write_text("a,b\n1,2\n3,4\n")
    kernel.run("early = [1]\nearly_alias = early")
    kernel.track("notebook_path='nb.ipynb', tags={'k': 'v'}")
    kernel.run("import helper\nx = helper.times(2)", cell="cell-1")
    one = kernel.last()
    assert (one.state, one.cell, one.source, one.executed) == ("ok", "cell-1", "import helper\nx = helper.times(2)", "")
    assert one.seconds is not None
    assert one.seconds >= 0
    assert one.cost > 0
    assert [module.relative for module in one.modules] == ["helper.py"]
    assert writes(one) == {"helper": "created", "x": "created"}

    kernel.run("early_alias.append(2)")
    assert writes(kernel.last()) == {"early": "mutated", "early_alias": "mutated"}

    kernel.run("scale = 10\ndef scaled(v):\n    return v * scale")
    kernel.run("y = scaled(x)")
    assert {read.name: read.via for read in kernel.last().reads} == {"scaled": "", "x": "", "scale": "scaled"}

    kernel.run("%%time\nz = x + 1")
    assert writes(kernel.last()) == {"z": "created"}
    assert reads(kernel.last()) == {"x"}
    assert kernel.last().executed != ""
    kernel.run("%%capture caught\nprint('hidden')\nw = 1")
    assert writes(kernel.last()) == {"caught": "created", "w": "created"}
    assert kernel.last().outputs == []
    kernel.run("del w")
    assert kernel.last().deletes == ["w"]
    kernel.run("y")
    kernel.run("_ + 1")
    assert reads(kernel.last()) == {f"_{kernel.last().prompt - 1}"}  # type: ignore[operator]

    kernel.run("import pandas as pd\ndf = pd.read_csv('data.csv')\ndf.to_parquet('out.parquet')\n"
               "back = pd.read_parquet('out.parquet')")
    files = {(file.relative, file.mode) for file in kernel.last().files}
    assert {("data.csv", "read"), ("out.parquet", "write"), ("out.parquet", "read")} <= files
    assert next(file for file in kernel.last().files if file.relative == "data.csv").fingerprint.digest
    assert "pandas" in kernel.last().imports
    kernel.run("df['c'] = 1")
    assert writes(kernel.last()) == {"df": "mutated"}

    states = [execution.state for execution in kernel.executions()]
    assert states[0] == "untracked"
    assert set(states[1:]) == {"ok"}
    first = kernel.executions()[0]
    assert first.source == "early = [1]\nearly_alias = early"
    assert first.started is None

    session = kernel.session()
    assert session.notebook is not None
    assert session.notebook.path == str(folder / "nb.ipynb")
    assert (session.experiment, session.kind, session.tags) == ("nb", "notebook", {"k": "v"})
    assert session.environment is not None
    assert len(session.environment.distributions) > 10
    assert any(one.name == "mlops_jupyter" and one.origin == "editable" for one in session.environment.distributions)
    assert session.hardware is not None
    assert session.notes == EXPECTED


def test_errors_and_interrupts_are_what_they_are(kernel: Kernel) -> None:
    kernel.track()
    shown = kernel.run("a = 1\n\n1 / 0\na = 2")
    error = kernel.last()
    assert error.state == "error"
    assert error.error is not None
    assert (error.error.name, error.error.message, error.error.line) == ("ZeroDivisionError", "division by zero", 3)
    assert "\x1b" not in error.error.traceback
    assert "interactiveshell" not in error.error.traceback
    assert [message["ename"] for message in shown if message["type"] == "error"] == ["ZeroDivisionError"]
    kernel.run("def broken(:")
    assert kernel.last().state == "error"
    assert kernel.last().error.name == "SyntaxError"
    kernel.run("import time\nprint('on', flush=True)\nfor _ in range(600):\n    time.sleep(0.1)", interrupt=True)
    assert kernel.last().state == "interrupted"
    assert kernel.last().error.name == "KeyboardInterrupt"
    kernel.run("after = 1")
    assert kernel.last().state == "ok"


def test_a_cell_is_on_disk_before_it_runs(kernel: Kernel) -> None:
    kernel.track()
    kernel.run("x = 1")
    pid = kernel.manager.provisioner.pid  # type: ignore[union-attr]
    kernel.client.execute("print('on', flush=True)\nimport time\ntime.sleep(600)")
    until = time.monotonic() + 30
    while time.monotonic() < until and len(kernel.executions()) < 2:
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    assert [execution.state for execution in kernel.executions()] == ["ok", "running"]


def test_outputs_policies_and_caps(kernel: Kernel) -> None:
    kernel.track("outputs='none'")
    kernel.run("print('secret')")
    assert kernel.last().outputs == []
    kernel.run("_mj.stop()", silent=True)
    kernel.track("outputs='text'")
    kernel.run("print('x' * 200_000)")
    assert [(len(output.text), output.cut_from) for output in kernel.entities()[-1].outputs] == [(65_536, 200_001)]  # type: ignore[attr-defined]


def test_start_from_json_and_the_end_of_a_session(kernel: Kernel, folder: Path) -> None:
    options = msgspec.json.encode({"experiment": "e", "kind": "job", "session_id": "fixed"}).decode()
    content = {"v": f"__import__('mlops_jupyter.capture.ipython', fromlist=['*']).start_from_json({options!r})"}
    assert kernel.ask(content) == "'fixed'"
    kernel.run("x = 1")
    assert [execution.session for execution in kernel.executions()] == ["fixed"]
    kernel.ask({"v": "__import__('mlops_jupyter.capture.ipython', fromlist=['*']).stop()"})
    assert (kernel.session().state, kernel.session().experiment, kernel.session().kind) == ("ended", "e", "job")
    kernel.run("y = 1")
    assert len(kernel.executions()) == 1


def test_what_the_user_logs(kernel: Kernel, folder: Path) -> None:
    (folder / "notes.txt").write_text("hello")
    kernel.track()
    kernel.run("import mlops_jupyter as mlops\nauc = 0.91\nmlops.log_metric('auc', auc)\n"
               "mlops.log_metrics({'a': 1, 'b': 2}, step=3)\n"
               "mlops.log_params({'depth': 3, 'key': 'AKIAIOSFODNN7EXAMPLE'})\nmlops.start_run('mine')\n"
               "mlops.log_artifact('notes.txt')\n"
               "mlops.log_model({'w': [1]}, 'weights')\nmlops.end_run()\n"
               "mlops.set_goal('good', metric='auc', at_least=0.9)", cell="c9")
    assert kernel.last().state == "ok", kernel.last().error
    found = {one.name: one for one in kernel.observations()}
    assert (found["auc"].value, found["auc"].variable, found["auc"].logged, found["auc"].n) == (0.91, "auc", True, 1)
    assert found["auc"].site is not None
    assert (found["auc"].site.place, found["auc"].site.line) == ("c9", 3)
    assert found["a"].step == 3
    assert found["depth"].value == 3
    assert "AKIA" not in str(found["key"].value)
    assert found["mine"].kind == "start-run"
    assert found["notes.txt"].blob
    assert found["weights"].blob
    assert [one.seq for one in kernel.observations()] == list(range(1, len(kernel.observations()) + 1))


def test_models_and_metrics_are_seen_without_a_call(kernel: Kernel) -> None:
    kernel.track()
    kernel.run("from sklearn.linear_model import LogisticRegression\nfrom sklearn.metrics import accuracy_score\n"
               "X, y = [[0], [1], [2], [3]], [0, 0, 1, 1]\nmodel = LogisticRegression(C=2.0).fit(X, y)\n"
               "acc = accuracy_score(y, model.predict(X))", cell="c1")
    assert [(one.kind, one.variable or one.name, one.value) for one in kernel.observations()] == [
        ("model", "model", None), ("metric", "acc", 1.0)]
    model, metric = kernel.observations()
    assert model.params["C"] == 2.0
    assert model.fingerprint is not None
    assert metric.models == [model.id]
    assert kernel.session().notes == EXPECTED


def test_skipped_cells_leave_no_source(kernel: Kernel) -> None:
    kernel.run("%load_ext mlops_jupyter")
    kernel.run("%mlops track")
    kernel.run("%%mlops skip\nhidden_value = 'nobody sees'\nprint('seen')")
    skipped = kernel.last()
    assert (skipped.state, skipped.source, skipped.executed, skipped.outputs) == ("skipped", "", "", [])
    assert "nobody sees" not in b"".join(file.read_bytes() for file in kernel.state.glob("*/outbox/*.jsonl")).decode()
    assert writes(skipped) == {"hidden_value": "created"}
    kernel.run("n = len(hidden_value)")
    assert reads(kernel.last()) == {"hidden_value"}
    assert kernel.last().n == skipped.n + 1
    kernel.run("%mlops off")
    assert kernel.session().state == "ended"


def test_disabled_by_the_environment(kernel: Kernel) -> None:
    kernel.run("import os; os.environ['MLOPS_DISABLE'] = '1'")
    shown = kernel.run(START.format(options=""))
    assert [message["ename"] for message in shown] == ["ConflictError"]
    assert kernel.entities() == []


def test_log_metric_without_tracking_warns_once(kernel: Kernel) -> None:
    shown = kernel.run("import mlops_jupyter as mlops\nmlops.log_metric('a', 1)\nmlops.log_metric('a', 2)")
    text = "".join(str(message.get("text", "")) for message in shown)
    assert text.count("not tracked") == 1
    assert "%mlops track" in text
    assert all(message["type"] == "stream" for message in shown)


def test_three_failures_of_ours_switch_it_off_and_no_cell_notices(kernel: Kernel) -> None:
    kernel.run("import os; os.environ.pop('MLOPS_TESTING')")
    kernel.track()
    kernel.run("import mlops_jupyter.capture.namespace as _n\ndef _broken(*a, **k):\n    raise RuntimeError('ours')\n"
               "_n.Namespace.after = _broken\n_mj._current._watch.namespace.after = _broken", silent=True)
    printed = []
    for number in range(5):
        shown = kernel.run(f"x = {number}\nprint(x)")
        assert {"type": "stream", "name": "stdout", "text": f"{number}\n"} in shown
        assert not [message for message in shown if message["type"] == "error"]
        printed += [str(message["text"]) for message in shown if message.get("name") == "stderr"]
    assert "".join(printed).count("tracking stopped itself") == 1
    assert kernel.session().state == "ended"
    assert any("ours" in note for note in kernel.session().notes)


def test_tracking_loads_no_heavy_library(kernel: Kernel) -> None:
    kernel.track()
    shown = kernel.run("import sys\n[m for m in 'pandas sklearn papermill sqlalchemy numpy alembic'.split() if m in sys.modules]")
    assert [message["data"]["text/plain"] for message in shown] == ["[]"]  # type: ignore[index]


def test_a_cell_whose_start_failed_is_not_left_running(kernel: Kernel) -> None:
    kernel.run("import os; os.environ.pop('MLOPS_TESTING')")
    kernel.track()
    kernel.run("_mj._current._watch.namespace.before = None", silent=True)
    kernel.run("x = 1")
    assert kernel.last().state == "ok"
    assert kernel.last().opaque == ["tracking failed at the start of this cell"]
