"""The routes of jobs on their way: runners, submissions, their logs, handing over, taking back, once more; and sweeps.

What starts code asks for the permission `execute`. Handing over is one call of a runner and is waited for; a sweep that runs here
takes minutes and is a task.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import msgspec

from mlops_jupyter.api import handovers, runners, sweeps, sweeptables
from mlops_jupyter.api.handing import Handing, runner_of, submit
from mlops_jupyter.api.handovers import Handover, LogPart
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.runners import Known
from mlops_jupyter.api.schedules import shown
from mlops_jupyter.api.submissions import cancel
from mlops_jupyter.api.sweeping import run_elsewhere
from mlops_jupyter.api.sweeptables import SweepTable
from mlops_jupyter.entities import InputError, Schedule, Submission
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.jobs.fleet import FleetOptions, Step
from mlops_jupyter.jobs.sweep import Axes, Elsewhere
from mlops_jupyter.jobs.sweep_folder import SweepFolder
from mlops_jupyter.server.bodies import Value
from mlops_jupyter.server.follower import told
from mlops_jupyter.server.handler import MlopsHandler, NotebookHandler
from mlops_jupyter.server.paths import contents_path
from mlops_jupyter.server.routes_jobs import Accepted, input_place
from mlops_jupyter.server.tasks import Report

AT_ONCE = 2
"""Children of a sweep that run here at the same time, unless it is told otherwise: whoever works here needs a core too."""


class SubmitBody(msgspec.Struct, forbid_unknown_fields=True):
    """Hand a bundle to a runner. `options` are the runner's; `schedule` where it is to start again and again."""

    folder: str
    runner: str
    parameters: dict[str, Value] = {}
    inputs: dict[str, str] = {}
    options: dict[str, str] = {}
    deliver: str = ""
    unverified: bool = False
    retries: int = 0
    timeout: float | None = None
    schedule: Schedule | None = None


class SweepBody(msgspec.Struct, forbid_unknown_fields=True):
    """Run a bundle many times. `grid`: parameter → values with commas between; `random` draws from `ranges`.

    With `resume`, the id of one of its sweeps, only what did not succeed in that runs again, and nothing else is taken.
    """

    folder: str
    grid: dict[str, str] = {}
    fixed: dict[str, str] = {}
    random: int = 0
    ranges: dict[str, str] = {}
    seed: int | None = None
    inputs: dict[str, str] = {}
    at_once: int = 0
    runner: str = ""
    options: dict[str, str] = {}
    unverified: bool = False
    resume: str = ""


class SubmissionDetails(msgspec.Struct, frozen=True):
    """One submission: its line, and all that is known of it."""

    line: Handover
    submission: Submission


class RunnersHandler(NotebookHandler):
    """GET runners"""

    async def read(self, *ids: str) -> list[Known]:
        """The places that jobs can be handed to, with their options; of one that lacks something, what brings it."""
        return await self.mlops.work(runners.runners)


class SubmissionsHandler(NotebookHandler):
    """GET submissions?job=&parent=&limit=, POST submissions"""

    runs_code = True
    asks: ClassVar[dict[str, type]] = {"job": str, "parent": str, "limit": int}
    body_type: ClassVar[object] = SubmitBody

    async def read(self, *ids: str) -> list[Handover]:
        """Submissions of all runners, newest first; what schedules have started only with `parent`."""
        self.mlops.looked()
        found = await self.mlops.work(handovers.handovers, self.query("job"), self.query("parent"), self.limit(100))
        return [_here(self, one) for one in found]

    async def act(self, *ids: str) -> Handover:
        """Hand a job over. What can be wrong with it is said before anything is."""
        body = self.body(SubmitBody)
        folder = self.mlops.folder(body.folder)
        inputs = {name: input_place(self, place) for name, place in body.inputs.items()}
        how = Handing(options=body.options, unverified=body.unverified, deliver=body.deliver, retries=body.retries,
                      timeout=body.timeout, schedule=body.schedule)
        made = await self.mlops.work(submit, folder, body.runner, body.parameters, inputs, how)
        return await _told(self, made)


class SubmissionHandler(NotebookHandler):
    """GET, DELETE submissions/<id>"""

    async def read(self, *ids: str) -> SubmissionDetails:
        """One, as its place says it stands now."""
        line, found = await self.mlops.work(handovers.handover, ids[0])
        return SubmissionDetails(_here(self, line), shown(found))

    async def remove(self, *ids: str) -> Handover:
        """Ask its runner to stop it; a schedule starts nothing more."""
        return await _told(self, await self.mlops.work(cancel, ids[0]))


class LogsHandler(NotebookHandler):
    """GET submissions/<id>/logs?offset="""

    asks: ClassVar[dict[str, type]] = {"offset": int}

    async def read(self, *ids: str) -> LogPart:
        """What it has printed since `offset`, as plain text."""
        return await self.mlops.work(handovers.tail, ids[0], _whole(self.query("offset", "0")))


class RetryHandler(NotebookHandler):
    """POST submissions/<id>/retry"""

    runs_code = True

    async def act(self, *ids: str) -> Handover:
        """Hand the same order over once more."""
        return await _told(self, await self.mlops.work(handovers.retry, ids[0]))


class SweepsHandler(NotebookHandler):
    """GET sweeps?path=…, POST sweeps"""

    runs_code = True
    asks: ClassVar[dict[str, type]] = {"path": str}
    body_type: ClassVar[object] = SweepBody

    async def read(self, *ids: str) -> list[SweepTable]:
        """The sweeps of the bundle at a path, newest first, without their children."""
        root = self.mlops.folder("")
        return await self.mlops.work(sweeptables.sweeps_of, self.mlops.folder(self.query("path")), root)

    async def act(self, *ids: str) -> Accepted:
        """Begin one, or go on with one, in the background. All parameters of all children are checked before."""
        body = self.body(SweepBody)
        folder = self.mlops.folder(body.folder)
        inputs = {name: input_place(self, place) for name, place in body.inputs.items()}
        place = await self.mlops.work(_planned, body, folder, inputs)
        elsewhere = place.sweep.elsewhere
        if body.runner:
            elsewhere = Elsewhere(runner=body.runner, options=body.options, unverified=body.unverified)

        def work(report: Report) -> object:
            _sweep(place, elsewhere, body.at_once or AT_ONCE, report)
            return {"folder": body.folder, "sweep": place.sweep.id}

        self.set_status(202)
        return Accepted(self.mlops.tasks.start("sweep", body.folder, work))


class SweepHandler(NotebookHandler):
    """GET sweeps/<id>?path=…&metric=&minimize="""

    asks: ClassVar[dict[str, type]] = {"path": str, "metric": str, "minimize": str}

    async def read(self, *ids: str) -> SweepTable:
        """One sweep with its children, best first by a metric (the first there is), the least with `minimize=1`."""
        order = sweeps.Order(self.query("metric"), self.query("minimize") == "1")
        bundle, root = self.mlops.folder(self.query("path")), self.mlops.folder("")
        return await self.mlops.work(sweeptables.sweep_table, bundle, ids[0], root, order)


def _planned(body: SweepBody, folder: Path, inputs: dict[str, str]) -> SweepFolder:
    if body.resume:
        return sweeptables.find_sweep(folder, body.resume)
    if not body.grid and not body.random:
        raise InputError("a sweep needs values for at least one parameter", 'send {"grid": {"NAME": "1,2,4"}}')
    if body.runner:
        runner_of(body.runner, body.options)  # what is wrong with it is said before anything is written
    axes = Axes(fixed=body.fixed, grid=body.grid, random=body.random, ranges=body.ranges, seed=body.seed)
    sweeps.plan_checked(folder, axes, inputs)
    return sweeps.plan(folder, axes, inputs, sweeptables.new_sweep_folder(folder))


def _sweep(place: SweepFolder, elsewhere: Elsewhere | None, at_once: int, report: Report) -> None:
    """In the task's thread: work through it, and say how far it is."""
    children = place.sweep.children

    def step(at: Step) -> None:
        if at.progress is None and at.child.state not in {"waiting", "running", "queued"}:
            sweeps.take_metrics([at.child])
        over = sum(child.state not in {"waiting", "running", "queued"} for child in children)
        if not report.cancelled.is_set():
            report(f"{over} of {len(children)} have ended", over, len(children))

    report.found({"sweep": place.sweep.id})
    options = FleetOptions(at_once=at_once, report=step, cancel=report.cancelled)
    if elsewhere is None:
        sweeps.run(place, options)
    else:
        run_elsewhere(place, elsewhere, options)


async def _told(handler: NotebookHandler, one: Submission) -> Handover:
    """The line of a submission that has just changed; whoever listens hears of it."""
    line = await handler.mlops.work(_line, one)
    handler.mlops.emit(told(one))
    return _here(handler, line)


def _line(one: Submission) -> Handover:
    return handovers.row(open_ledger(), one)


def _here(handler: NotebookHandler, line: Handover) -> Handover:
    """Its files as contents paths; what does not lie below the server's folder is not named. And why it may be out of date."""
    root = handler.mlops.files_root
    paths = {name: contents_path(root, Path(value)) if root is not None and value and Path(value).is_absolute() else ""
             for name, value in (("bundle", line.bundle), ("output", line.output))}
    notebook = line.notebook
    if Path(notebook).is_absolute():
        notebook = contents_path(root, Path(notebook)) if root is not None else ""
    why = line.unasked or (handler.mlops.follower.unasked.get(line.id, "") if line.state in NO_END else "")
    return msgspec.structs.replace(line, **paths, notebook=notebook, unasked=why)


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise InputError(f"offset={text[:20]!r} is not a whole number", "begin with 0")
    return int(text)


SUBMISSION_ROUTES: list[tuple[str, type[MlopsHandler]]] = [
    (r"/runners", RunnersHandler),
    (r"/submissions", SubmissionsHandler),
    (r"/submissions/([^/]+)", SubmissionHandler),
    (r"/submissions/([^/]+)/logs", LogsHandler),
    (r"/submissions/([^/]+)/retry", RetryHandler),
    (r"/sweeps", SweepsHandler),
    (r"/sweeps/([^/]+)", SweepHandler),
]
