"""What the store costs beside MLflow's on SQLite, in one run: metrics, small runs, a search among many, as a Markdown table.

usage: python tests/benchmarks/store.py [RUNS] [PYTHON_WITH_MLFLOW]

RUNS (100,000) is the size of the store that is searched; MLflow is measured with a hundredth of it, or not at all without an
interpreter that has it. Read the ratios, not the milliseconds. No test asserts a time.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mlops_jupyter.api.ledger import derive_runs
from mlops_jupyter.entities import Metric, Observation, Param, Session
from mlops_jupyter.outbox import Outbox, ship
from mlops_jupyter.store import Store, open_store
from tests.unit.store.story import append, cell, run, session

METRICS = 50_000
FILTERS = {
    "one in two": "metrics.auc > 0.5",
    "one in a hundred": "metrics.auc > 0.99",
    "two of them": "metrics.auc > 0.9 and params.max_iter = 200",
    "none": "metrics.auc > 2",
    "ordered by a metric": "",
}
THEIRS = """
import json, os, sys, tempfile, time, statistics, random, logging
logging.disable(logging.CRITICAL)
import mlflow
from mlflow import MlflowClient
os.chdir(tempfile.mkdtemp())
mlflow.set_tracking_uri("sqlite:///mlflow.db")
client = MlflowClient()
experiment = client.create_experiment("e")
found = {}
run = client.create_run(experiment)
took = []
for step in range(300):
    started = time.perf_counter()
    client.log_metric(run.info.run_id, "loss", 0.5, step=step)
    took.append(time.perf_counter() - started)
found["log_metric"] = statistics.median(took) * 1e6
from mlflow.entities import Metric
batch = [Metric("many", 0.5, int(time.time() * 1000), step) for step in range(5000)]
started = time.perf_counter()
for at in range(0, len(batch), 1000):
    client.log_batch(run.info.run_id, metrics=batch[at:at + 1000])
found["metrics/s"] = len(batch) / (time.perf_counter() - started)
took = []
for number in range(int(sys.argv[1])):
    started = time.perf_counter()
    run = client.create_run(experiment)
    client.log_param(run.info.run_id, "max_iter", random.choice([100, 200]))
    client.log_metric(run.info.run_id, "auc", random.random())
    client.set_terminated(run.info.run_id)
    took.append(time.perf_counter() - started)
found["small run"] = statistics.median(took) * 1e3
took = []
for _ in range(9):
    started = time.perf_counter()
    client.search_runs([experiment], "metrics.auc > 0.5", max_results=50)
    took.append(time.perf_counter() - started)
found["search"] = statistics.median(took) * 1e3
print(json.dumps(found))
"""


def timed(action: Callable[[], object], times: int = 9) -> float:
    """Median milliseconds."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1e3


def metrics(folder: Path) -> tuple[float, float]:
    """(µs to record one metric in a kernel, metrics a second through outbox and store)."""
    outbox, store = Outbox(folder / "outbox"), open_store(str(folder / "metrics"))
    outbox.record(session("s1", outbox.writer))
    store.shipped(outbox.writer)  # it is made by now, as theirs is
    taken = []
    began = time.perf_counter()
    for seq in range(METRICS):
        started = time.perf_counter()
        outbox.record(Observation("s1", 1, seq, 1.0, "metric", "loss", value=0.5))
        taken.append(time.perf_counter() - started)
    outbox.close()
    ship(folder / "outbox", store)
    return statistics.median(taken) * 1e6, METRICS / (time.perf_counter() - began)


def small_runs(store: Store, count: int) -> float:
    """Milliseconds for a run of one session, two cells and a metric, from records to its row and marks."""
    append(store, session("small"))
    taken = []
    for number in range(count):
        started = time.perf_counter()
        append(store, cell(number * 2, session="small"), cell(number * 2 + 1, session="small"),
               Observation("small", number * 2 + 1, 0, 1.0, "metric", "auc", value=0.5))
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1e3


def jobs(folder: Path, count: int) -> tuple[float, float]:
    """(µs to record the small run of a job, ms until its row and marks stand) beside as many."""
    outbox, store = Outbox(folder / "jobs-outbox"), open_store(str(folder / "jobs"))
    store.shipped(outbox.writer)
    taken = []
    began = time.perf_counter()
    for number in range(count):
        name = f"j{number}"
        started = time.perf_counter()
        outbox.record(msgspec.structs.replace(session(name, outbox.writer), kind="job"))
        outbox.record(cell(1, session=name))
        outbox.record(cell(2, session=name))
        outbox.record(Observation(name, 2, 0, 1.0, "metric", "auc", value=0.5))
        taken.append(time.perf_counter() - started)
    ship(folder / "jobs-outbox", store)
    derive_runs(store)
    assert len(store.runs()) == count
    return statistics.median(taken) * 1e6, (time.perf_counter() - began) / count * 1e3


def fill(store: Store, count: int) -> None:
    """So many runs, a hundred in each session."""
    chance = random.Random(1)
    for number in range(count // 100):
        name = f"f{number}"
        append(store, Session(name, f"w{number}", "notebook", "e", f"exp{number % 50}", float(number)), writer=f"w{number}")
        runs = [run(f"{name}-{at}", name, f"{number % 50}", float(number * 100 + at), metrics=[Metric("auc", chance.random())],
                    params=[Param("max_iter", chance.choice([100, 200])), Param("C", chance.random())], tags={"k": str(at)})
                for at in range(100)]
        store.save_runs(name, runs, 1)


def history(folder: Path, points: int) -> tuple[float, float]:
    """Milliseconds to read a run with so long a history of one metric, and seconds to derive that run."""
    store = open_store(str(folder / "history"))
    box = Outbox(folder / "histories", "long")
    box.record(session("long", "long"))
    for step in range(points):
        box.record(Observation("long", 1, step, 1.0, "metric", "loss", value=1 / (step + 1), step=step, logged=True))
    box.record(cell(1, session="long"))
    box.close()
    ship(folder / "histories", store)
    began = time.perf_counter()
    derive_runs(store)
    derived = time.perf_counter() - began
    read = timed(lambda: store.runs(session="long"))
    store.close()
    return read, derived


def main() -> None:
    """One line a row: ours, MLflow's."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    theirs: dict[str, float] = {}
    if len(sys.argv) > 2:
        command = [sys.argv[2], "-c", THEIRS, str(max(100, count // 100))]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        theirs = json.loads(done.stdout.splitlines()[-1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MLOPS_STATE"] = str(folder / "state")
        one, many = metrics(folder)
        store = open_store(str(folder / "store"))
        small = small_runs(store, 200)
        waits, among = jobs(folder, min(count, 1000))
        began = time.perf_counter()
        fill(store, count)
        filled = (time.perf_counter() - began) / count * 1e3
        print(f"| {count:,} runs, Python {sys.version.split()[0]} | mlops_jupyter | MLflow |\n|---|---|---|")
        print(f"| record one metric, µs | {one:.1f} | {theirs.get('log_metric', float('nan')):.0f} |")
        print(f"| metrics a second, recorded and stored | {many:,.0f} | {theirs.get('metrics/s', float('nan')):,.0f} |")
        print(f"| a small run: what its code waits for, ms | {waits / 1e3:.3f} | {theirs.get('small run', float('nan')):.1f} |")
        print(f"| a small run, shipped alone, ms | {small:.2f} | |")
        print(f"| a small run of a thousand jobs, until it is found, ms | {among:.2f} | |")
        print(f"| a derived run stored with its marks, ms | {filled:.3f} | |")
        for words, text in FILTERS.items():
            order = "metrics.auc desc" if not text else ""
            took = timed(lambda text=text, order=order: store.search(text, order_by=order, limit=50))  # type: ignore[misc]
            shown = f"{theirs['search']:.1f} (of {max(100, count // 100):,})" if words == "one in two" and theirs else ""
            print(f"| 50 runs by a filter that {words} meet, ms | {took:.1f} | {shown} |")
        store.close()
        read, derived = history(folder, count * 10)
        print(f"| a run with a history of {count * 10:,} points, ms ({derived:.1f} s to derive it) | {read:.1f} | |")


if __name__ == "__main__":
    main()
