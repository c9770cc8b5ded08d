"""Thousands of runs of one notebook, written to a store at once: what a month of tuning leaves. No kernel has run them."""

from __future__ import annotations

import math
import random
import time
from pathlib import Path

from mlops_jupyter.entities import (
    CellExecution,
    Dataset,
    Distribution,
    Entity,
    Environment,
    Fingerprint,
    Metric,
    ModelRef,
    NotebookRef,
    Param,
    Record,
    Run,
    Session,
    derived_id,
)
from mlops_jupyter.store import Store, open_store

NOTEBOOK = "margins.ipynb"
EXPERIMENT = derived_id("experiment", NOTEBOOK)
A_SESSION = 100
MONTH = 30 * 86_400.0
READ = "import pandas as pd\nflights = pd.read_parquet('flights.parquet')\n"
LATE = "flights = flights[flights.dep_delay.notna()]\nflights['late'] = flights.dep_delay > 15"
LOADS = [READ + "flights = flights.dropna()", READ + LATE]
FIT = ("model = HistGradientBoostingClassifier(learning_rate={rate}, max_depth={depth}).fit(X, y)\n"
       "auc = roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])")
RATES = (0.01, 0.03, 0.1, 0.3)


def fill(folder: Path, count: int, seed: int = 1) -> None:
    """So many runs, the newest a minute ago, a hundred a session."""
    store, chance, now = open_store(str(folder)), random.Random(seed), time.time()
    sessions = math.ceil(count / A_SESSION)
    for number in range(sessions):
        name, last = f"many{number:04}", number == sessions - 1
        began = now - 60.0 - (MONTH * (sessions - 1 - number)) / max(1, sessions - 1) - A_SESSION * 90.0
        _append(store, name, _session(name, began, number), *_cells(name, number))
        here = min(A_SESSION, count - number * A_SESSION)
        runs = [_run(chance, name, at, began + at * 90.0, last=last) for at in range(here)]
        store.save_runs(name, runs, store.revision(name))
    store.close()


def _append(store: Store, writer: str, *entities: Entity) -> None:
    records = [Record(writer, place, 1.0, entity) for place, entity in enumerate(entities, start=1)]
    assert store.append(writer, 0, records, 10)


def _session(name: str, began: float, number: int) -> Session:
    packages = (Distribution("scikit-learn", "1.9.1" if number % 2 else "1.9.0"), Distribution("pandas", "3.1.1"))
    environment = Environment(f"env{number % 2}", "3.11.7", "CPython", "Linux", "x86_64", packages)
    return Session(name, name, "notebook", "margins", EXPERIMENT, began, state="ended", ended=began + A_SESSION * 90.0,
                   notebook=NotebookRef(derived_id("notebook", NOTEBOOK), NOTEBOOK), environment=environment)


def _cells(name: str, number: int) -> list[CellExecution]:
    fits = [CellExecution(name, n, FIT.format(rate=rate, depth=n), "ok", cell=f"fit{n}") for n, rate in enumerate(RATES, start=2)]
    return [CellExecution(name, 1, LOADS[number % 2], "ok", cell="load"), *fits]


def _run(chance: random.Random, session: str, at: int, started: float, *, last: bool) -> Run:
    which = chance.randrange(len(RATES))
    rate, depth = RATES[which], chance.randrange(2, 12)
    auc = 0.72 + 0.05 * which - 0.01 * abs(depth - 7) + chance.gauss(0, 0.01)
    loss = tuple(0.7 * math.exp(-step * rate * 3) + 0.3 + chance.gauss(0, 0.004) for step in range(40)) if last else (1 - auc,)
    rows = 327_346 + (9_000 if last and at > A_SESSION // 2 else 0)
    data = Fingerprint("frame", f"fp1:{rows}", "pandas.DataFrame", shape=(rows, 6))
    return Run(
        f"{session}-{at:03}", EXPERIMENT, "margins", session, "finished", started, ended=started + 20 + 60 * chance.random(),
        change=f"learning_rate {chance.choice(RATES)}→{rate}, max_depth {depth}", notebook=NOTEBOOK, slice_digest=f"d{which}",
        metrics=[Metric("auc", auc), Metric("log_loss", loss[-1], series=loss if len(loss) > 1 else ()),
                 Metric("accuracy", min(0.99, auc + 0.05)),
                 *(Metric("auc", auc - 0.01 * i, key=key) for i, key in enumerate(("AA", "UA")))],
        params=[Param("learning_rate", rate), Param("max_depth", depth), Param("l2_regularization", chance.choice([0.0, 0.1])),
                Param("loss", "log_loss", shown=False), Param("max_iter", chance.choice([100, 200, 400]))],
        models=[ModelRef(f"{session}:{which + 2}:0", "model", "sklearn.ensemble.HistGradientBoostingClassifier")],
        datasets=[Dataset("flights", data, "flights.parquet")], cells=[1, which + 2],
    )
