"""A task ends once, says how, and can be stopped."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest

from mlops_jupyter.entities import ConflictError, JobFailedError, NotFoundError
from mlops_jupyter.server.tasks import Report, Task, Tasks

Events = list[dict[str, object]]


def run(story: Callable[[Tasks, Events], object]) -> Events:
    """Play `story` on an event loop; the events that were emitted."""
    events: Events = []

    async def play() -> None:
        tasks = Tasks(events.append, logging.getLogger("test"))
        await story(tasks, events)  # type: ignore[misc]
        await asyncio.sleep(0)

    asyncio.run(play())
    return events


async def ended(task: Task) -> None:
    while task.ended is None:
        await asyncio.sleep(0.005)


def test_progress_result_and_end_are_told() -> None:
    async def story(tasks: Tasks, events: Events) -> None:
        def work(report: Report) -> object:
            report("cell 1 of 2", 1, 2)
            return {"verdict": "identical"}

        task = tasks.start("verify", "run", work)
        assert tasks.all() == [task]
        await ended(task)
        assert (task.state, task.message, task.done, task.total) == ("succeeded", "cell 1 of 2", 1, 2)
        assert task.result == {"verdict": "identical"}

    events = run(story)
    assert {event["noun"] for event in events} == {"task"}
    assert events[-1]["state"] == "succeeded"


@pytest.mark.parametrize(("error", "what", "remedy"), [
    (JobFailedError("cell 3 failed", "look at it"), "cell 3 failed", "look at it"),
    (ValueError("x"), "ValueError: x", "the server's log holds the details"),
])
def test_a_failure_says_what_and_what_helps(error: Exception, what: str, remedy: str) -> None:
    async def story(tasks: Tasks, events: Events) -> None:
        def work(report: Report) -> object:
            raise error

        task = tasks.start("run", "job", work)
        await ended(task)
        assert task.state == "failed"
        assert task.error is not None
        assert (task.error.what, task.error.remedy) == (what, remedy)

    run(story)


def test_cancel_unwinds_the_verb_at_its_next_report() -> None:
    async def story(tasks: Tasks, events: Events) -> None:
        begun, cleaned = threading.Event(), threading.Event()

        def work(report: Report) -> object:
            try:
                begun.set()
                while True:
                    report("working")
                    report.cancelled.wait(0.005)
            finally:
                cleaned.set()

        task = tasks.start("run", "job", work)
        while not begun.is_set():
            await asyncio.sleep(0.005)
        tasks.cancel(task.id)
        await ended(task)
        assert task.state == "cancelled"
        assert cleaned.is_set()
        with pytest.raises(ConflictError, match="cancelled already"):
            tasks.cancel(task.id)

    run(story)


def test_a_third_task_waits_its_turn() -> None:
    async def story(tasks: Tasks, events: Events) -> None:
        gate = threading.Event()
        running = [tasks.start("run", "job", lambda report: gate.wait(10)) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert [task.message for task in running] == ["starting", "starting", "waiting for its turn"]
        assert tasks.running()
        gate.set()
        for task in running:
            await ended(task)
        assert not tasks.running()

    run(story)


def test_an_unknown_task_is_named() -> None:
    async def story(tasks: Tasks, events: Events) -> None:
        with pytest.raises(NotFoundError, match="nope"):
            tasks.get("nope")

    run(story)
