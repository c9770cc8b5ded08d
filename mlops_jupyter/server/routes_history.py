"""The history of one cell: each of its executions over all sessions of its notebook, and what one of them showed."""

from __future__ import annotations

from typing import ClassVar

from mlops_jupyter.api import cellhistory
from mlops_jupyter.api.cellhistory import CellHistory, Shown
from mlops_jupyter.entities import InputError
from mlops_jupyter.server.handler import MlopsHandler, NotebookHandler


class CellHistoryHandler(NotebookHandler):
    """GET cells/<id>/history?kernel=&path=&limit="""

    asks: ClassVar[dict[str, type]] = {"kernel": str, "path": str, "limit": int}

    async def read(self, *ids: str) -> CellHistory:
        """The executions of a cell of the notebook at a path, newest first."""
        paths = self.mlops.notebooks.forms(self.query("path"))
        return await self.mlops.work(cellhistory.cell_history, ids[0], self.query("kernel"), paths, self.limit(200))


class OutputsHandler(MlopsHandler):
    """GET sessions/<id>/executions/<n>/outputs"""

    async def read(self, *ids: str) -> list[Shown]:
        """What one execution showed: text, and pictures as base64."""
        session, n = ids
        if not n.isascii() or not n.isdigit() or len(n) > 9:
            raise InputError(f"{n!r} is not the number of an execution", f"mlops sessions show {session}")
        return await self.mlops.work(cellhistory.outputs, session, int(n))


HISTORY_ROUTES: list[tuple[str, type[MlopsHandler]]] = [
    (r"/cells/([^/]+)/history", CellHistoryHandler),
    (r"/sessions/([^/]+)/executions/([^/]+)/outputs", OutputsHandler),
]
