"""The pure part: order, numbers, nesting."""

from __future__ import annotations

from mlops_jupyter.capture.observer import Draft
from mlops_jupyter.capture.tracker import CellExecuted, CellStarted, Tracker
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.entities.sessions import Read, VariableVersion


def started(source: str, **more: object) -> CellStarted:
    return CellStarted(at=1.0, source=source, **more)  # type: ignore[arg-type]


def test_an_execution_is_written_running_and_then_whole() -> None:
    tracker = Tracker("s")
    running = tracker.start(started("x = 1", cell="c1", prompt=3))
    assert running is not None
    assert (running.n, running.state, running.cell, running.prompt) == (1, "running", "c1", 3)
    done = tracker.finish(CellExecuted(at=2.0, state="ok", reads=[Read("y")]), 0)
    assert done is not None
    assert (done.n, done.state, done.seconds, done.reads) == (1, "ok", 1.0, [Read("y")])


def test_a_nested_cell_is_part_of_the_outer_one() -> None:
    tracker = Tracker("s")
    tracker.start(started("run_cell('x')"))
    assert tracker.start(started("x")) is None
    assert tracker.finish(CellExecuted(at=2.0, state="ok"), 0) is None
    outer = tracker.finish(CellExecuted(at=3.0, state="ok"), 0)
    assert outer is not None
    assert outer.n == 1


def test_cells_that_our_own_magic_runs_count_for_themselves() -> None:
    tracker = Tracker("s")
    tracker.start(started("%mlops rerun", ours=True))
    inner = tracker.start(started("x = 1"))
    assert inner is not None
    assert inner.n == 2
    assert tracker.start(started("deeper")) is None


def test_threads_have_stacks_of_their_own() -> None:
    tracker = Tracker("s")
    tracker.start(started("a", thread=1))
    other = tracker.start(started("b", thread=2))
    assert other is not None
    assert other.n == 2
    first = tracker.finish(CellExecuted(at=2.0, state="ok"), 1)
    assert first is not None
    assert first.n == 1


def test_a_skipped_cell_keeps_nothing_but_that_names_changed() -> None:
    tracker = Tracker("s")
    running = tracker.start(started("%%mlops skip\nsecret = 1", skip=True, ours=True))
    assert running is not None
    assert running.source == ""
    assert running.executed == ""
    write = VariableVersion("x", "created", Fingerprint(kind="scalar", digest="fp1:xxh3-128:0", type_name="int"))
    done = tracker.finish(CellExecuted(at=2.0, state="ok", writes=[write], reads=[Read("y")]), 0)
    assert done is not None
    assert done.state == "skipped"
    assert done.reads == []
    assert done.writes[0].fingerprint == Fingerprint(kind="opaque")
    assert tracker.start(started("next")) is not None


def test_a_cell_that_a_skipped_one_runs_is_not_recorded() -> None:
    tracker = Tracker("s")
    tracker.start(started("%%mlops skip\nx", skip=True, ours=True))
    assert tracker.start(started("x")) is None


def test_observations_are_numbered_within_their_execution() -> None:
    tracker = Tracker("s")
    tracker.start(started("a"))
    keys = [tracker.observation(Draft(kind="metric", name="auc"), 1.0, 0).id for _ in range(2)]
    tracker.finish(CellExecuted(at=2.0, state="ok"), 0)
    tracker.start(started("b"))
    keys.append(tracker.observation(Draft(kind="metric", name="auc"), 1.0, 0).id)
    assert keys == ["s:1:1", "s:1:2", "s:2:1"]


def test_an_observation_outside_any_cell_belongs_to_the_last_one() -> None:
    tracker = Tracker("s")
    tracker.start(started("a"))
    tracker.finish(CellExecuted(at=2.0, state="ok"), 0)
    assert tracker.observation(Draft(kind="metric", name="auc"), 1.0, 7).n == 1


def test_an_end_without_a_start_is_nothing() -> None:
    assert Tracker("s").finish(CellExecuted(at=1.0, state="ok"), 0) is None
