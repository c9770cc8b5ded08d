"""`kill -9` of a kernel, fifty times, between cells and inside them: what was acknowledged is in the store, once, and nothing
says that it is still running.

A cell is acknowledged when the front end has its reply, a metric when `log_metric` has returned; the kernel says so on stdout
before it goes on to a loop without end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import Observation, Session
from mlops_jupyter.outbox import Outbox, pending, ship
from mlops_jupyter.store import open_store

KILLS = 50
PATIENCE = 60


@dataclass
class Killed:
    """What one kernel had acknowledged when it died."""

    kernel: str
    cells: int
    inside: bool


def run_cell(client: BlockingKernelClient, source: str) -> None:
    reply = client.execute_interactive(source, timeout=PATIENCE, output_hook=lambda _: None)
    assert reply["content"]["status"] == "ok", reply["content"]


def wait_for_text(client: BlockingKernelClient, text: str) -> None:
    """Until the kernel has printed `text`."""
    seen = ""
    while text not in seen:
        message = client.get_iopub_msg(timeout=PATIENCE)
        seen += message["content"].get("text", "") if message["msg_type"] == "stream" else ""


def live_and_die(number: int) -> Killed:
    """One kernel: tracked, a few cells, killed between two of them or in the middle of one."""
    manager = KernelManager()
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    inside, cells = number % 2 == 1, number % 5
    try:
        client.wait_for_ready(timeout=PATIENCE)
        run_cell(client, f"%load_ext mlops_jupyter\n%mlops track --experiment kill{number}")
        for cell in range(cells):
            run_cell(client, f"from mlops_jupyter import log_metric\nlog_metric('score', {cell})")
        if inside:
            client.execute("log_metric = __import__('mlops_jupyter').log_metric\nlog_metric('last', 1)\n"
                           "print('acknowledged', flush=True)\nwhile True: pass")
            wait_for_text(client, "acknowledged")
        pid = manager.provisioner.pid
        os.kill(pid, signal.SIGKILL)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    open_ledger()  # two threads ship at once, and while the other's kernel is at work
    return Killed(f"kill{number}", cells, inside)


@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9_and_nothing_says_it_still_runs(own_home: Path) -> None:
    assert sys.platform != "win32"
    with ThreadPoolExecutor(2) as pool:
        killed = list(pool.map(live_and_die, range(KILLS)))
    store = open_ledger()
    assert pending(Settings.current().outbox_folder()) == 0
    sessions = {session.experiment: session for session in store.sessions()}
    assert set(sessions) == {one.kernel for one in killed}
    assert len(store.sessions()) == KILLS
    for one in killed:
        session = sessions[one.kernel]
        executions = [execution for execution in store.executions(session.id) if execution.state != "untracked"]
        metrics = Counter((seen.name, seen.value) for seen in store.observations(session.id) if seen.kind == "metric")
        tracked = [execution for execution in executions if "log_metric" in execution.source]
        assert [execution.state for execution in tracked] == ["ok"] * one.cells + ["interrupted"] * one.inside
        assert len({execution.n for execution in executions}) == len(executions)
        assert metrics == Counter([("score", float(cell)) for cell in range(one.cells)] + [("last", 1.0)] * one.inside)
        assert session.state == ("interrupted" if one.inside else "ended")
        assert session.ended is not None
        runs = store.runs(session=session.id)
        assert bool(runs) == bool(metrics)
        for run in runs:
            assert run.state == ("interrupted" if one.inside else "finished"), run
    store.close()


SHIPPER = """
import sys
from pathlib import Path
from mlops_jupyter.outbox import ship
from mlops_jupyter.store import open_store
store = open_store(sys.argv[1])
print("ships", flush=True)
print(ship(Path(sys.argv[2]), store, batch=3).records, flush=True)
"""


@pytest.mark.slow
def test_a_shipper_killed_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    folder, count = tmp_path / "outbox", 300
    for writer in ("w1", "w2", "w3"):
        box = Outbox(folder, writer)
        box.record(Session(writer, writer, "notebook", "a", "exp-a", 1.0))
        for seq in range(count):
            box.record(Observation(writer, 1, seq, 1.0, "artifact", "picture", blob=box.blob(b"%d" % (seq % 50))))
        box.close()
    killed = 0
    for milliseconds in range(0, 400, 50):
        shipper = subprocess.Popen([sys.executable, "-c", SHIPPER, str(tmp_path / "store"), str(folder)], stdout=subprocess.PIPE)
        assert shipper.stdout is not None
        shipper.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            shipper.wait(milliseconds / 1000)
        killed += shipper.poll() is None
        shipper.kill()
        shipper.wait()
        shipper.stdout.close()
    assert killed > 0
    store = open_store(str(tmp_path / "store"), create=False)
    ship(folder, store)
    assert pending(folder) == 0
    for writer in ("w1", "w2", "w3"):
        seen = store.observations(writer)
        assert [one.seq for one in seen] == list(range(count))
        assert store.session(writer).state == "ended"
    assert len(store.blobs()) == 50
    assert all(store.get_blob(digest) for digest, _ in store.blobs())
    with store.database.read() as connection:
        assert connection.exec_driver_sql("pragma integrity_check").scalar() == "ok"
