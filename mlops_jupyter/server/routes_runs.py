"""The routes of runs: lists, the table in windows, what changed between two, and what people say of them."""

from __future__ import annotations

from typing import ClassVar

from mlops_jupyter.api import live, runs, runtable
from mlops_jupyter.entities import Named, Run
from mlops_jupyter.server.bodies import RemarkBody
from mlops_jupyter.server.handler import MlopsHandler
from mlops_jupyter.server.stream import as_event


class RunsHandler(MlopsHandler):
    """GET runs?experiment=&session=&filter=&order_by=&offset=&limit="""

    asks: ClassVar[dict[str, type]] = {
        "experiment": str, "session": str, "filter": str, "order_by": str, "offset": int, "limit": int}

    async def read(self, *ids: str) -> list[Run]:
        """Runs, newest first, or those that meet a filter in an order."""
        which = runs.RunFilter(
            experiment=self.query("experiment") or None, session=self.query("session") or None, filter=self.query("filter"),
            order_by=self.query("order_by"), offset=self.number("offset", 0), limit=self.limit(100))
        return await self.mlops.work(runs.chosen, which)


class TableHandler(MlopsHandler):
    """GET runs/table?experiment=&filter=&order_by=&offset=&limit="""

    asks: ClassVar[dict[str, type]] = {"experiment": str, "filter": str, "order_by": str, "offset": int, "limit": int}

    async def read(self, *ids: str) -> runtable.RunWindow:
        """A window of the table of runs: how many there are, and some as lines."""
        about = runtable.About(self.query("experiment"), self.query("filter"))
        return await self.mlops.work(runtable.window, about, self.query("order_by"), self.number("offset", 0), self.limit(100))


class ColumnsHandler(MlopsHandler):
    """GET runs/columns?experiment="""

    asks: ClassVar[dict[str, type]] = {"experiment": str}

    async def read(self, *ids: str) -> list[Named]:
        """The metrics and params that there are, and how many runs have each."""
        return await self.mlops.work(runtable.columns, self.query("experiment"))


class OverviewHandler(MlopsHandler):
    """GET runs/overview?experiment=&filter=&zone="""

    asks: ClassVar[dict[str, type]] = {"experiment": str, "filter": str, "zone": str}

    async def read(self, *ids: str) -> runtable.Overview:
        """The newest runs, the best, the starred, the baseline; how many each earlier day has."""
        about = runtable.About(self.query("experiment"), self.query("filter"))
        return await self.mlops.work(runtable.overview, about, self.query("zone"))


class CurvesHandler(MlopsHandler):
    """GET runs/curves?ids="""

    asks: ClassVar[dict[str, type]] = {"ids": str}

    async def read(self, *ids: str) -> list[runtable.Curve]:
        """The course of each metric that has one, of the runs named with commas between."""
        return await self.mlops.work(runtable.curves, [one for one in self.query("ids").split(",") if one])


class Telling(MlopsHandler):
    """A route that changes what is shown of a run."""

    def tell(self, run: Run) -> Run:
        """Say to all who listen that this run is different now."""
        self.mlops.emit(as_event(live.Change("run", run.id, run.session, n=run.number, state=run.state)))
        return run


class RunHandler(Telling):
    """GET, DELETE runs/<id>"""

    async def read(self, *ids: str) -> Run:
        """One run."""
        return await self.mlops.work(runs.run, ids[0])

    async def remove(self, *ids: str) -> Run:
        """Take a run out of the lists; `restore` brings it back."""
        return self.tell(await self.mlops.work(runs.delete, ids[0]))


class RestoreHandler(Telling):
    """POST runs/<id>/restore"""

    async def act(self, *ids: str) -> Run:
        """Bring a deleted run back."""
        return self.tell(await self.mlops.work(runs.restore, ids[0]))


class RemarkHandler(Telling):
    """POST runs/<id>/remark"""

    body_type: ClassVar[object] = RemarkBody

    async def act(self, *ids: str) -> Run:
        """Star a run, make it the baseline, tag it: what is left out stays as it is, a tag of null goes."""
        body = self.body(RemarkBody)
        said = await self.mlops.work(runtable.remark, ids[0], starred=body.starred, baseline=body.baseline, tags=body.tags)
        return self.tell(said)


class ChangesHandler(MlopsHandler):
    """GET runs/<id>/changes?since="""

    asks: ClassVar[dict[str, type]] = {"since": str}

    async def read(self, *ids: str) -> runtable.Compared:
        """What changed to this run since another one, by default the one before it."""
        return await self.mlops.work(runtable.changes, ids[0], self.query("since"))


class RunCellsHandler(MlopsHandler):
    """GET runs/<id>/cells"""

    async def read(self, *ids: str) -> live.RunCells:
        """The cells that a run needs, each with the reason."""
        return await self.mlops.work(live.run_cells, ids[0])


RUN_ROUTES: list[tuple[str, type[MlopsHandler]]] = [
    (r"/runs", RunsHandler),
    (r"/runs/table", TableHandler),
    (r"/runs/columns", ColumnsHandler),
    (r"/runs/overview", OverviewHandler),
    (r"/runs/curves", CurvesHandler),
    (r"/runs/([^/]+)", RunHandler),
    (r"/runs/([^/]+)/restore", RestoreHandler),
    (r"/runs/([^/]+)/remark", RemarkHandler),
    (r"/runs/([^/]+)/changes", ChangesHandler),
    (r"/runs/([^/]+)/cells", RunCellsHandler),
]
