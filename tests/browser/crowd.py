"""A store with as much in it as a busy year leaves: one notebook with thousands of runs, and a session of a thousand cells."""

from __future__ import annotations

import random

from mlops_jupyter.entities import CellExecution, Fingerprint, Metric, NotebookRef, Param, Read, Run, Session, VariableVersion
from mlops_jupyter.store import open_store
from tests.unit.store.story import append

NOTEBOOK = "crowd.ipynb"
EXPERIMENT = "crowd"
_NAMES = 40


def crowd(store: str, notebook: str, runs: int = 10_000, cells: int = 1_000) -> None:
    """Write it, as sessions of `notebook` that have ended, a hundred runs each, newest last."""
    chance, ledger = random.Random(1), open_store(store)
    for number in range(max(1, runs // 100)):
        name, writer, started = f"crowd{number:03}", f"crowd{number:03}", 1_790_000_000.0 + number * 40_000
        session = Session(name, writer, "notebook", EXPERIMENT, "crowd-experiment", started, ended=started + 3600, state="ended",
                          notebook=NotebookRef("crowd-id", notebook), user="ana")
        last = number == max(1, runs // 100) - 1
        append(ledger, session, *(_cell(name, n, started + n) for n in range(1, (cells if last else 3) + 1)), writer=writer)
        ledger.save_runs(name, [_run(name, number * 100 + at, started + at, chance) for at in range(min(100, runs))], 1)
    ledger.close()


def _cell(session: str, n: int, started: float) -> CellExecution:
    name, before = f"value_{n % _NAMES}", f"value_{(n - 1) % _NAMES}"
    wrote = VariableVersion(name, "rebound", Fingerprint("scalar", f"{n:064x}", type_name="float"))
    return CellExecution(session, n, f"{name} = transform({before}, {n})\n{name}.head()", "ok", cell=f"cell-{n}", prompt=n,
                         started=started, ended=started + 0.2, reads=[Read(before)], writes=[wrote])


def _run(session: str, number: int, started: float, chance: random.Random) -> Run:
    depth, rate = chance.choice([3, 5, 8]), chance.random()
    auc = 0.5 + 0.4 * rate + 0.01 * depth * chance.random()
    params = [Param("max_depth", depth), Param("learning_rate", rate), Param("seed", number)]
    return Run(f"{session}-{number:05}", "crowd-experiment", EXPERIMENT, session, "finished", started, ended=started + 2,
               change=f"max_depth 5→{depth}", user="ana", params=params,
               metrics=[Metric("auc", auc, series=tuple(auc * step / 20 for step in range(20))), Metric("loss", 1 - auc)],
               cells=[1, 2, 3], slice_digest=f"{number:064x}")
