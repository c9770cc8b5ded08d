"""The routes that start work: verify, preview, convert, run; and the tasks in which it goes on.

What takes longer than a glance answers 202 with a task at once. Everything that can be wrong with a request is said before the
task starts: ids, folders, parameters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import msgspec

from mlops_jupyter.api import bundles, jobs, runs, verification
from mlops_jupyter.api.bundles import JobEntry
from mlops_jupyter.entities import InputError, JobManifest, Verification
from mlops_jupyter.jobs.choice import Choice
from mlops_jupyter.jobs.run import RunOptions
from mlops_jupyter.server.bodies import ConvertBody, PreviewBody, RunBody, VerifyBody
from mlops_jupyter.server.handler import MlopsHandler, NotebookHandler, check_id
from mlops_jupyter.server.paths import contents_path
from mlops_jupyter.server.tasks import Report, Task

if TYPE_CHECKING:
    from mlops_jupyter.jobs.progress import Progress


class Accepted(msgspec.Struct, frozen=True):
    """The answer of a POST that started a task."""

    task: Task


class TasksHandler(NotebookHandler):
    """GET tasks"""

    async def read(self, *ids: str) -> list[Task]:
        """All tasks that the server remembers, oldest first."""
        self.mlops.looked()
        return self.mlops.tasks.all()


class TaskHandler(NotebookHandler):
    """GET, DELETE tasks/<id>"""

    async def read(self, *ids: str) -> Task:
        """One task."""
        self.mlops.looked()
        return self.mlops.tasks.get(ids[0])

    async def remove(self, *ids: str) -> Task:
        """Ask it to stop."""
        return self.mlops.tasks.cancel(ids[0])


class VerifyHandler(NotebookHandler):
    """POST runs/<id>/verify"""

    runs_code = True
    body_type: ClassVar[object] = VerifyBody

    async def act(self, *ids: str) -> Accepted:
        """Re-run the cells needed in a clean kernel and compare."""
        body = self.body(VerifyBody)
        run = await self.mlops.work(runs.run, ids[0])
        loop = asyncio.get_running_loop()

        def work(report: Report) -> object:
            progress, cancel = progress_of(report), report.cancelled
            found = verification.verify(run.id, allow_effects=body.allow_effects, progress=progress, cancel=cancel)
            loop.call_soon_threadsafe(self.mlops.emit, told(found))
            return found

        self.set_status(202)
        return Accepted(self.mlops.tasks.start("verify", run.id, work))


def told(found: Verification) -> dict[str, object]:
    """The event of a new verdict."""
    return {"noun": "verification", "id": found.id, "session": found.session, "kernel": "", "state": found.verdict}


class PreviewHandler(NotebookHandler):
    """POST jobs/preview"""

    body_type: ClassVar[object] = PreviewBody

    async def act(self, *ids: str) -> object:
        """What the job would be: cells, cuts, parameters, inputs, results. Runs nothing, writes nothing."""
        body = self.body(PreviewBody)
        how = jobs.Conversion(results=body.results, keep=body.parameters, terms=body.terms,
                              choice=Choice(body.added, body.left_out))
        ready = await self.mlops.work(jobs.preview, source_of(body.session, body.run), how)
        return ready.answer()


class JobsHandler(NotebookHandler):
    """GET jobs?path=…, POST jobs"""

    runs_code = True
    asks: ClassVar[dict[str, type]] = {"path": str}
    body_type: ClassVar[object] = ConvertBody

    async def read(self, *ids: str) -> list[JobEntry]:
        """The bundles in a folder, or made from a notebook. A document that is no file has none."""
        path, root = self.query("path"), self.mlops.files_root
        if root is None or ":" in path.partition("/")[0]:
            return []
        return await self.mlops.work(bundles.bundles, self.mlops.folder(path), root.resolve())

    async def act(self, *ids: str) -> Accepted:
        """Convert, in the background. What can be said before, is: the source, the results, the folder."""
        body = self.body(ConvertBody)
        source, folder = source_of(body.session, body.run), self.mlops.folder(body.folder)
        if not body.folder.strip("/. ") or not folder.parent.is_dir():
            raise InputError(f"the folder {body.folder!r} cannot hold a job", "name a new one where there is none: `flight-job`")
        how = jobs.Conversion(results=body.results, keep=body.parameters, verify=body.verify, allow_effects=body.allow_effects,
                              terms=body.terms, policies=body.policies, choice=Choice(body.added, body.left_out))
        await self.mlops.work(jobs.check_folder, folder, replace=False)
        ready = await self.mlops.work(jobs.prepare, source, how)

        def work(report: Report) -> object:
            made = jobs.finish(ready, folder, how, progress_of(report), report.cancelled)
            answer = {**msgspec.structs.asdict(made), "folder": body.folder}
            report.found(answer)  # also where it did not come out: what differs is what one wants to see
            jobs.must_reproduce(made)
            return answer

        self.set_status(202)
        return Accepted(self.mlops.tasks.start("convert", body.folder, work))


class JobHandler(NotebookHandler):
    """GET jobs/<digest>?path=…"""

    asks: ClassVar[dict[str, type]] = {"path": str}

    async def read(self, *ids: str) -> JobManifest:
        """The manifest of one bundle below a folder, by digest or its beginning."""
        root = self.mlops.folder("").resolve()
        return await self.mlops.work(bundles.bundle, ids[0], self.mlops.folder(self.query("path")), root)


class RunJobHandler(NotebookHandler):
    """POST jobs/run"""

    runs_code = True
    body_type: ClassVar[object] = RunBody

    async def act(self, *ids: str) -> Accepted:
        """Run a bundle, in the background. The bundle, its parameters and inputs are checked before the task starts."""
        body = self.body(RunBody)
        folder, root = self.mlops.folder(body.folder), self.mlops.folder("").resolve()
        inputs = {name: input_place(self, place) for name, place in body.inputs.items()}
        await self.mlops.work(bundles.check, folder, body.parameters, inputs)

        def work(report: Report) -> object:
            options = RunOptions(progress=progress_of(report), cancel=report.cancelled, checkpoints=True, resume=body.resume)
            done = bundles.run_beside(folder, body.parameters, inputs, options)
            return {**msgspec.structs.asdict(done), "output": contents_path(root, done.output)}

        self.set_status(202)
        return Accepted(self.mlops.tasks.start("run", body.folder, work))


def input_place(handler: NotebookHandler, place: str) -> str:
    """An input as the user gave it: a URI or an absolute path stays, anything else is a contents path."""
    return place if "://" in place or place.startswith("/") else str(handler.mlops.folder(place))



def source_of(session: str, run: str) -> jobs.Source:
    """What a job is to be made from: the run if one is named, else the session."""
    if not session and not run:
        raise InputError("neither a run nor a session was named", 'send {"run": ID} or {"session": ID}')
    return jobs.Source(run=check_id(run)) if run else jobs.Source(session=check_id(session))


def progress_of(report: Report) -> Callable[[Progress], None]:
    """A verb's progress, as a task reports it."""

    def progress(at: Progress) -> None:
        where = f"cell {at.cell} of {at.total}" if at.cell else f"{at.done} of {at.total} cells"
        done = at.cell - 1 if at.cell else at.done  # papermill's own cell is counted as done, and is none of the job's
        report(f"{where}: {at.source}" if at.source else where, done, at.total)

    return progress


JOB_ROUTES: list[tuple[str, type[MlopsHandler]]] = [
    (r"/runs/([^/]+)/verify", VerifyHandler),
    (r"/jobs", JobsHandler),
    (r"/jobs/preview", PreviewHandler),
    (r"/jobs/run", RunJobHandler),
    (r"/jobs/([^/]+)", JobHandler),
    (r"/tasks", TasksHandler),
    (r"/tasks/([^/]+)", TaskHandler),
]
