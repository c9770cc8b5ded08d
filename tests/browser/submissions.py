"""Submissions by the thousand, written to a store at once: on every runner, in every state. Nobody has handed them over."""

from __future__ import annotations

import time

from mlops_jupyter.entities import Outcome, Schedule, Submission, new_id
from mlops_jupyter.store import open_store
from tests.browser.labs import Lab

STATES = ("succeeded", "succeeded", "failed", "running", "cancelled", "timed-out", "died", "queued")
RUNNERS = ("local", "kubernetes", "github", "slurm", "dask", "airflow")


def many(lab: Lab, count: int) -> None:
    """Submissions of every state and runner, a schedule and a sweep among them; nobody here can ask their places."""
    store, now = open_store(str(lab.home / "store")), time.time()
    made: list[Submission] = []

    def put(job: str, runner: str, back: float, state: str, **more: object) -> None:
        at = now - back
        facts = {"place": "x", "host": "somebody@elsewhere", "started": at + 3, **more}
        made.append(Submission(new_id(), f"sha256:{job}", runner, at, state, **facts))  # type: ignore[arg-type]

    put("s", "airflow", 30, "scheduled", name="nightly-forecast", schedule=Schedule("0 6 * * 1-5", "Europe/Berlin"), started=None)
    for number in range(6):
        put("w", "slurm", 60, "succeeded" if number else "failed", name="grid", parent="sweep", parameters={"depth": number})
    for number in range(count):
        state = STATES[number % len(STATES)]
        failed = state in {"failed", "died", "timed-out"}
        put(str(number % 7), RUNNERS[number % len(RUNNERS)], 100 * number + 90, state, name=f"flight_delays-{number % 7}",
            parameters={"test_month": number % 12 + 1, "late_after": 15}, ended=None if state in {"running", "queued"} else now,
            outcome=Outcome(state, "ValueError: Input contains NaN", cell=4) if failed else None)  # type: ignore[arg-type]
    store.merge(made)
    store.close()
