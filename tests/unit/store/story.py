"""Small facts for the store's tests."""

from __future__ import annotations

from mlops_jupyter.entities import (
    AnyStore,
    CellExecution,
    Distribution,
    Entity,
    Environment,
    Metric,
    NotebookRef,
    Observation,
    Record,
    Run,
    Session,
    Verification,
)

ENVIRONMENT = Environment("env1", "3.11.7", "CPython", "Linux", "x86_64", (Distribution("numpy", "2.0"),))


def session(id: str = "s1", writer: str = "w1", path: str = "a.ipynb", **fields: object) -> Session:
    name = path.removesuffix(".ipynb")
    facts: dict[str, object] = {"notebook": NotebookRef(f"nb-{name}", path), "environment": ENVIRONMENT, **fields}
    return Session(id, writer, "notebook", name, f"exp-{name}", 100.0, **facts)


def cell(n: int, state: str = "ok", session: str = "s1", **fields: object) -> CellExecution:
    return CellExecution(session, n, f"x = {n}", state, **fields)


def metric(n: int, seq: int = 0, value: float = 0.5, session: str = "s1", **fields: object) -> Observation:
    return Observation(session, n, seq, 1.0, "metric", "auc", value=value, **fields)


def run(id: str, session: str = "s1", experiment: str = "a", started: float = 1.0, **fields: object) -> Run:
    facts: dict[str, object] = {"state": "open", **fields}
    return Run(id, f"exp-{experiment}", experiment, session, started=started, **facts)


def scored(id: str, observation: str, **fields: object) -> Run:
    return run(id, metrics=[Metric("auc", 0.5, observation=observation)], **fields)


def verdict(id: str, run: str, at: float, word: str = "identical") -> Verification:
    return Verification(id, run, "s1", "auc", at, word)


def append(store: AnyStore, *entities: Entity, writer: str = "w1") -> None:
    """Ship entities as the next records of a writer."""
    n, offset = store.shipped(writer)
    records = [Record(writer, n + place, 1.0, entity) for place, entity in enumerate(entities, start=1)]
    assert store.append(writer, n, records, offset + 10 * len(records))
