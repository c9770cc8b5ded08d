"""Sweeps whose children a runner has: handed over together, watched until the last has ended, gone on with, taken back.

Each child is a submission like any other, so it goes on whoever watches; the record in the sweep's folder says which. Whoever
goes on with the sweep watches those that have not ended, and hands over again only those that ended without success.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from mlops_jupyter.api.handing import Handing, runner_of, submit_all
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.submissions import by_runner, look
from mlops_jupyter.api.sweeps import take_metrics
from mlops_jupyter.entities import AnyStore, InputError, NotFoundError, Submission, new_id
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.jobs.fleet import BY_BUDGET, BY_USER, FleetOptions, Step, job_of
from mlops_jupyter.jobs.sweep import Child, Elsewhere
from mlops_jupyter.jobs.sweep_folder import SweepFolder

LOOK = 1.0
"""Seconds between two looks at the children."""


def run_elsewhere(place: SweepFolder, elsewhere: Elsewhere, options: FleetOptions | None = None) -> None:
    """Hand over what has not succeeded and does not run already; watch until all have ended.

    KeyboardInterrupt ends the watching only. What the options say of time and failures cancels children, as in a sweep here.
    """
    with place.held():
        job_of(place)
        place.sweep.elsewhere, place.sweep.id = elsewhere, place.sweep.id or new_id()
        _Watch(place, elsewhere, options or FleetOptions()).run()


def handing(to: Elsewhere, sweep: str = "") -> Handing:
    """How the children of the sweep with that id are handed over."""
    return Handing(options=to.options, unverified=to.unverified, deliver=to.deliver, retries=to.retries, timeout=to.timeout,
                   parent=sweep)


def stop(place: SweepFolder) -> list[Submission]:
    """Ask the runner to stop every child that has not ended; which those are."""
    if place.sweep.elsewhere is None:
        raise InputError(f"no runner has the children of the sweep in {place.folder}", "stop it with Ctrl-C where it runs")
    store = open_ledger()
    found = [one for one in look(store, _submissions(store, place)) if one.state in NO_END and one.place]
    _cancel(found)
    return found


def _submissions(store: AnyStore, place: SweepFolder) -> list[Submission]:
    """Those of this sweep's children, newest first."""
    return [one for one in store.submissions(job=place.sweep.job) if place.sweep.id and one.parent == place.sweep.id]


def _cancel(found: Sequence[Submission]) -> None:
    """Each runner is asked once, and where it does not know one of them any more, for each."""
    for name, options, group in by_runner(found):
        mine = [one.place for one in group]
        runner = runner_of(name, options)
        try:
            runner.cancel(mine)
        except NotFoundError:
            for one in mine:
                with suppress(NotFoundError):
                    runner.cancel([one])


class _Watch:
    """One going through the children of a sweep that a runner has."""

    def __init__(self, place: SweepFolder, elsewhere: Elsewhere, options: FleetOptions) -> None:
        self._place, self._elsewhere, self._options = place, elsewhere, options
        self._store = open_ledger()
        self._tick = threading.Event()
        self._open: dict[str, tuple[Child, Submission]] = {}
        self._failures = 0

    def run(self) -> None:
        """Hand over, watch, write the end down."""
        sweep = self._place.sweep
        sweep.stopped, sweep.ended = "", None
        self._find()
        self._hand_over([child for child in sweep.children if child.state != "succeeded" and child.submission not in self._open])
        began = time.monotonic()
        try:
            while self._look():
                over = self._options.budget is not None and time.monotonic() - began > self._options.budget
                if over or self._options.cancel.is_set():
                    self._stop(BY_BUDGET if over else BY_USER, [one for _, one in self._open.values()])
                (self._tick if self._options.cancel.is_set() else self._options.cancel).wait(LOOK)
            sweep.ended = time.time()
        finally:
            self._place.save(now=True)

    def _find(self) -> None:
        """Children that were handed over before and may run yet, also those that the record does not know of."""
        there = _submissions(self._store, self._place)
        taken = {child.submission for child in self._place.sweep.children}
        for child in self._place.sweep.children:
            mine = (one for one in there if one.id == child.submission
                    or (one.parameters == child.parameters and one.id not in taken))
            newest = next(mine, None)
            if newest is not None and child.state != "succeeded" and (newest.state in NO_END or newest.state == "succeeded"):
                taken.add(newest.id)
                child.submission = newest.id
                self._open[newest.id] = (child, newest)

    def _hand_over(self, children: Sequence[Child]) -> None:
        if not children:
            return
        to, sweep = self._elsewhere, self._place.sweep
        given = [child.parameters for child in children]
        made = submit_all(sweep.bundle, to.runner, given, sweep.inputs, handing(to, sweep.id))
        for child, one in zip(children, made, strict=True):
            child.submission, child.state, child.attempt = one.id, one.state, child.attempt + 1
            child.error, child.cell, child.session, child.metrics, child.seconds = "", None, "", {}, 0.0
            self._open[one.id] = (child, one)
        self._place.save(now=True)

    def _look(self) -> bool:
        """Take in how each stands now; whether any has not ended."""
        for one in look(self._store, [one for _, one in self._open.values()]):
            child = self._open[one.id][0]
            if one.state in NO_END:
                self._open[one.id] = (child, one)
                news = one.state == "running" and child.state != "running"
                child.state, child.error = one.state, one.outcome.error if one.outcome else ""
            else:
                del self._open[one.id]
                news = True
                self._ended(child, one)
            if news:
                self._options.report(Step(child))
        self._place.save()
        return bool(self._open)

    def _ended(self, child: Child, one: Submission) -> None:
        outcome, sweep = one.outcome, self._place.sweep
        child.state = one.state
        if outcome is not None:
            child.error, child.cell, child.seconds = outcome.error, outcome.cell, outcome.seconds
        if child.state == "cancelled" and sweep.stopped:
            child.error = sweep.stopped
        child.session = self._session(one)
        take_metrics([child])
        self._failures += child.state not in {"succeeded", "cancelled"}
        if self._options.max_failures and self._failures >= self._options.max_failures:
            self._stop(f"{self._failures} failed", [one for _, one in self._open.values() if one.state == "queued"])

    def _session(self, one: Submission) -> str:
        """The session that made the run; of several attempts the last."""
        found = self._store.sessions(submission=one.id)
        made = [session.id for session in found if one.run in {run.id for run in self._store.runs(session=session.id)}]
        return next(iter(made or [session.id for session in found]), "")

    def _stop(self, why: str, those: Sequence[Submission]) -> None:
        sweep = self._place.sweep
        if not sweep.stopped and those:
            sweep.stopped = why
            _cancel(those)
