"""The table of runs in windows, the overview by day, what changed, and what people say."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from mlops_jupyter.api import runtable
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.runs import RunFilter, rows
from mlops_jupyter.api.runtable import About
from mlops_jupyter.entities import Goal, InputError, Metric, NotFoundError, Param, Run
from mlops_jupyter.store import Store
from tests.unit.store.story import append, cell, run, session

DAY = 86_400.0
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


def filled(count: int = 30) -> Store:
    """Runs of one experiment, two hours apart."""
    store = open_ledger()
    assert isinstance(store, Store)
    append(store, session("s1"), cell(1))
    made = [run(f"r{at}", started=NOON + at * 7200.0, ended=NOON + at * 7200.0 + 2, change=f"C {at}", cells=[1],
                metrics=[Metric("log_loss", 1 - at / 100, series=(1.0, 0.5) if at % 2 else ()), Metric("auc", 0.1, key="UA")],
                params=[Param("C", at)]) for at in range(count)]
    store.save_runs("s1", made, store.revision("s1") + 1)  # newer than what a watcher left by another test derives
    return store


def test_a_window_is_a_part_of_the_table_with_its_size() -> None:
    filled()
    found = runtable.window(About("exp-a"), "metrics.log_loss", offset=2, limit=3)
    assert (found.total, found.offset, [one.number for one in found.lines]) == (30, 2, [28, 27, 26])
    line = found.lines[0]
    assert (line.title, line.seconds, line.params, line.metrics) == ("C 27", 2.0, {"C": 27}, {"log_loss": pytest.approx(0.73)})
    assert runtable.window(About(filter="params.C < 5")).total == 5


def test_a_filter_that_cannot_be_read_names_the_place_in_what_was_typed() -> None:
    filled(1)
    with pytest.raises(InputError, match=r"at 'whatever.*character 1\)"):
        runtable.window(About("exp-a", "whatever = 3"))


def test_the_overview_has_the_newest_and_the_days_of_the_rest_in_the_users_zone() -> None:
    filled().remark("r3", starred=True)
    found = runtable.overview(About("exp-a"), "Pacific/Kiritimati")  # 14 hours before UTC: noon is 2 o'clock of the next day
    assert (found.total, len(found.newest), found.newest[0].id, found.zone) == (30, 20, "r29", "Pacific/Kiritimati")
    assert [(day.day, day.offset, day.runs) for day in found.days] == [("2026-03-02", 20, 10)]
    days = runtable.overview(About("exp-a"), "UTC").days
    assert [(day.day, day.runs) for day in days] == [("2026-03-02", 4), ("2026-03-01", 6)]
    assert runtable.overview(About("exp-a"), "No/Where").zone == "UTC"
    assert [one.id for one in found.starred] == ["r3"]


def test_the_best_is_by_the_goal_else_by_the_metric_that_most_have_in_the_direction_of_its_name() -> None:
    store = filled()
    best = runtable.overview(About("exp-a")).best
    assert best is not None
    assert (best.metric, best.least, best.goal, best.run.id) == ("log_loss", True, False, "r29")
    store.put(Goal("exp-a", time.time(), "little", metric="log_loss", at_least=0.9))
    best = runtable.overview(About("exp-a")).best
    assert best is not None
    assert (best.least, best.goal, best.run.id, best.run.goal) == (False, True, "r0", "met")


@pytest.mark.parametrize(("name", "least"), [
    ("log_loss", True), ("val_loss", True), ("rmse", True), ("mean_squared_error", True), ("fit_seconds", True), ("auc", False),
    ("accuracy", False), ("r2", False), ("timeliness", False), ("gloss", True)])
def test_names_tell_the_direction(name: str, least: bool) -> None:
    assert runtable.is_least_best(name) is least


def test_what_changed_is_since_the_run_before_or_another() -> None:
    filled(3)
    found = runtable.changes("r2")
    assert (found.a.id, found.b.id, [(one.name, one.a, one.b) for one in found.found.params]) == ("r1", "r2", [("C", 1, 2)])
    assert runtable.changes("r2", "r0").a.id == "r0"
    with pytest.raises(NotFoundError, match="#1 is the first run of a"):
        runtable.changes("r0")


def test_curves_are_of_the_metrics_that_have_one() -> None:
    filled(4)
    assert [(one.run, one.metric, one.steps, one.values) for one in runtable.curves(["r0", "r1"])] == [
        ("r1", "log_loss", [0, 1], [1.0, 0.5])]
    with pytest.raises(InputError, match="more than 20"):
        runtable.curves(["r0"] * 21)


def test_what_people_say_is_in_lines_and_lists() -> None:
    filled(3)
    said: Run = runtable.remark("r1", starred=True, baseline=True, tags={"paper": ""})
    assert (said.starred, said.baseline, said.tags) == (True, True, {"paper": ""})
    found = runtable.window(About("exp-a", "params.C = 0"))
    assert found.baseline is not None
    assert found.baseline.id == "r1"
    assert [row.run.id for row in rows(RunFilter(starred=True))] == ["r1"]
    with pytest.raises(InputError, match="no name of a tag"):
        runtable.remark("r1", tags={" ": "x"})
