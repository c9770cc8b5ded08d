"""The routes that read: status, a notebook's live view, sessions. Each calls one verb of `api/` and returns its struct.

The table at the end is the whole surface; `routes_runs.py` holds those of runs, `routes_jobs.py` those that start work.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec
from tornado import web

from mlops_jupyter.api import live, sessions
from mlops_jupyter.entities import CellExecution, Session
from mlops_jupyter.entities.calls import API
from mlops_jupyter.lineage.stale import StaleCell
from mlops_jupyter.server.bodies import StaleBody
from mlops_jupyter.server.handler import MlopsHandler, NotebookHandler
from mlops_jupyter.server.kernels import KernelCommand, kernel_commands, requirement
from mlops_jupyter.server.openapi import document
from mlops_jupyter.server.routes_data import DATA_ROUTES
from mlops_jupyter.server.routes_delivery import DELIVERY_ROUTES
from mlops_jupyter.server.routes_history import HISTORY_ROUTES
from mlops_jupyter.server.routes_jobs import JOB_ROUTES
from mlops_jupyter.server.routes_lineage import LINEAGE_ROUTES
from mlops_jupyter.server.routes_runs import RUN_ROUTES
from mlops_jupyter.server.routes_store import STORE_ROUTES
from mlops_jupyter.server.routes_submissions import SUBMISSION_ROUTES
from mlops_jupyter.server.services import NotebookServices
from mlops_jupyter.version import __version__

BASE = API


class Status(msgspec.Struct, frozen=True):
    """The server's side: version, where the store is and how large, how to install the kernel part.

    `install` is the command for any Python kernel, with `{executable}` where its interpreter goes; `kernels` has the command
    for each kernel spec, `kernel_command` the one for the kernel asked about with `?kernel=`, else for the default one.
    """

    version: str
    store: str
    size_bytes: int
    install: str
    kernels: list[KernelCommand]
    kernel_command: str


class StatusHandler(NotebookHandler):
    """GET status."""

    async def read(self, *ids: str) -> Status:
        """Version, store, and the commands that install the kernel part."""
        self.mlops.looked()
        store, size = await self.mlops.work(live.store_size)
        kernels = await self.mlops.work(kernel_commands, self.kernel_spec_manager)
        name = await self._kernel_name(self.query("kernel"))
        commands = {kernel.name: kernel.command for kernel in kernels}
        install = f'"{{executable}}" -m pip install "{requirement()}"'
        return Status(__version__, store, size, install, kernels, commands.get(name, ""))

    async def _kernel_name(self, kernel: str) -> str:
        if kernel in self.kernel_manager:
            return str(self.kernel_manager.get_kernel(kernel).kernel_name)
        return str(self.kernel_manager.default_kernel_name)


class LiveHandler(NotebookHandler):
    """GET live?kernel=…&path=…"""

    asks: ClassVar[dict[str, type]] = {"kernel": str, "path": str}

    async def read(self, *ids: str) -> live.Live:
        """The panel's view of one notebook."""
        self.mlops.looked()
        return await self.mlops.work(live.live, self.query("kernel"), self.mlops.notebooks.forms(self.query("path")))


class StaleHandler(NotebookHandler):
    """POST live/stale"""

    body_type: ClassVar[object] = StaleBody

    async def act(self, *ids: str) -> list[StaleCell]:
        """Which of the posted cells no longer hold."""
        body = self.body(StaleBody)
        cells = [(cell.id, cell.source) for cell in body.cells]
        return await self.mlops.work(live.stale_in_kernel, body.kernel, self.mlops.notebooks.forms(body.path), cells)


class AgainHandler(NotebookHandler):
    """POST live/again"""

    body_type: ClassVar[object] = StaleBody

    async def act(self, *ids: str) -> live.Again:
        """Which of the posted cells to run so that all of them hold."""
        body = self.body(StaleBody)
        cells = [(cell.id, cell.source) for cell in body.cells]
        return await self.mlops.work(live.again_in_kernel, body.kernel, self.mlops.notebooks.forms(body.path), cells)


class SessionsHandler(MlopsHandler):
    """GET sessions?limit="""

    asks: ClassVar[dict[str, type]] = {"limit": int}

    async def read(self, *ids: str) -> list[Session]:
        """Sessions, newest first, without their packages."""
        return await self.mlops.work(live.sessions, self.limit(100))


class SessionHandler(MlopsHandler):
    """GET sessions/<id>"""

    async def read(self, *ids: str) -> Session:
        """One session with its whole environment."""
        summary, _ = await self.mlops.work(sessions.session, ids[0])
        return summary.session


class ExecutionsHandler(MlopsHandler):
    """GET sessions/<id>/executions"""

    async def read(self, *ids: str) -> list[CellExecution]:
        """The cell executions of a session by n."""
        _, executions = await self.mlops.work(sessions.session, ids[0])
        return executions


class OpenApiHandler(MlopsHandler):
    """GET openapi"""

    async def read(self, *ids: str) -> object:
        """This description."""
        notebooks = isinstance(self.mlops, NotebookServices)
        return document(routes() if notebooks else team_routes())


class NothingHere(MlopsHandler):
    """Any other address below ours: 404 as JSON, and only for those who may ask."""

    async def read(self, *ids: str) -> object:
        """Nothing."""
        raise web.HTTPError(404, f"there is no {self.request.path}")

    act = read
    remove = read
    keep = read


READ_ROUTES: list[tuple[str, type[MlopsHandler]]] = [
    (r"/status", StatusHandler),
    (r"/live", LiveHandler),
    (r"/live/stale", StaleHandler),
    (r"/live/again", AgainHandler),
    (r"/openapi", OpenApiHandler),
    (r"/sessions", SessionsHandler),
    (r"/sessions/([^/]+)", SessionHandler),
    (r"/sessions/([^/]+)/executions", ExecutionsHandler),
    *RUN_ROUTES,
]


def routes() -> list[tuple[str, type[MlopsHandler]]]:
    """Every address of a server with notebooks, most particular first."""
    notebooks = [*JOB_ROUTES, *SUBMISSION_ROUTES, *LINEAGE_ROUTES, *DATA_ROUTES, *HISTORY_ROUTES, *DELIVERY_ROUTES]
    return _below_base([*READ_ROUTES, *notebooks, *STORE_ROUTES])


def team_routes() -> list[tuple[str, type[MlopsHandler]]]:
    """Every address of a server without notebooks: nothing there runs code."""
    return _below_base([(pattern, handler) for pattern, handler in READ_ROUTES if not issubclass(handler, NotebookHandler)]
                       + STORE_ROUTES)


def _below_base(found: list[tuple[str, type[MlopsHandler]]]) -> list[tuple[str, type[MlopsHandler]]]:
    return [(BASE + pattern, handler) for pattern, handler in found] + [(BASE + r"(?:/.*)?", NothingHere)]
