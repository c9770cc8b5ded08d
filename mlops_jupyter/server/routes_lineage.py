"""The routes of the Lineage tab: the graph of a notebook or a run, and a cell of it as it ran. See routes.py."""

from __future__ import annotations

from typing import ClassVar

from mlops_jupyter.api import lineagegraph
from mlops_jupyter.entities import InputError
from mlops_jupyter.server.handler import MlopsHandler, NotebookHandler

MOST_N = 10**9


class LineageHandler(NotebookHandler):
    """GET lineage?kernel=…&path=…&run=…&all=1"""

    asks: ClassVar[dict[str, type]] = {"kernel": str, "path": str, "run": str, "all": bool}

    async def read(self, *ids: str) -> lineagegraph.LineageGraph:
        """The graph of a notebook's newest session, or of what a run needs; `all`: cells without a result too."""
        kernel, paths = self.query("kernel"), self.mlops.notebooks.forms(self.query("path"))
        everything = self.query("all") in {"1", "true"}
        return await self.mlops.work(lineagegraph.lineage, kernel, paths, run=self.query("run"), everything=everything)


class LineageCellHandler(MlopsHandler):
    """GET lineage/<session>/cells/<n>"""

    async def read(self, *ids: str) -> lineagegraph.CellAsRun:
        """One execution of a cell as it was: source, what it read and wrote."""
        session, n = ids
        if not n.isascii() or not n.isdigit() or int(n) > MOST_N:
            raise InputError(f"{n[:20]!r} is not the number of a cell execution", "mlops sessions show ID")
        return await self.mlops.work(lineagegraph.cell_as_run, session, int(n))


LINEAGE_ROUTES: list[tuple[str, type[MlopsHandler]]] = [
    (r"/lineage", LineageHandler),
    (r"/lineage/([^/]+)/cells/([^/]+)", LineageCellHandler),
]
