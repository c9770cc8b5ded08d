"""The routes of the Data tab: the datasets of an experiment, one of them, what differs, its statistics. See routes.py."""

from __future__ import annotations

from typing import ClassVar

from mlops_jupyter.api import datasets, profiles
from mlops_jupyter.server.handler import MlopsHandler, NotebookHandler


class _OfNotebook(NotebookHandler):
    """A route that asks about the experiment of `?kernel=&path=`."""

    asks: ClassVar[dict[str, type]] = {"kernel": str, "path": str}

    def place(self) -> tuple[str, list[str]]:
        """The kernel, and the forms of the notebook's path."""
        return self.query("kernel"), self.mlops.notebooks.forms(self.query("path"))


class DatasetsHandler(_OfNotebook):
    """GET datasets?kernel=…&path=…"""

    async def read(self, *ids: str) -> datasets.Datasets:
        """The datasets of a notebook's experiment: files, addresses, queries, frames."""
        return await self.mlops.work(datasets.datasets, *self.place())


class DatasetHandler(_OfNotebook):
    """GET datasets/<key>?kernel=…&path=…"""

    async def read(self, *ids: str) -> datasets.DatasetPage:
        """One dataset with its versions, the cells and runs that used each."""
        return await self.mlops.work(datasets.dataset, ids[0], *self.place())


class DatasetDifferenceHandler(_OfNotebook):
    """GET datasets/<key>/difference?a=…&b=…"""

    asks: ClassVar[dict[str, type]] = {"a": str, "b": str, "kernel": str, "path": str}

    async def read(self, *ids: str) -> datasets.DatasetDifference:
        """What differs between two versions of a dataset, as far as their fingerprints tell."""
        return await self.mlops.work(datasets.difference, ids[0], self.query("a"), self.query("b"), *self.place())


class DatasetProfileHandler(_OfNotebook):
    """GET datasets/<key>/profile?version=…&against=…"""

    asks: ClassVar[dict[str, type]] = {"version": str, "against": str, "kernel": str, "path": str}

    async def read(self, *ids: str) -> profiles.DatasetProfile:
        """Statistics of a file's version by column, from the file if it is still what was read; for those who may read files."""
        await self.demand("read", "contents")
        return await self.mlops.work(profiles.profile, ids[0], self.query("version"), self.query("against"), *self.place())


DATA_ROUTES: list[tuple[str, type[MlopsHandler]]] = [
    (r"/datasets", DatasetsHandler),
    (r"/datasets/([^/]+)", DatasetHandler),
    (r"/datasets/([^/]+)/difference", DatasetDifferenceHandler),
    (r"/datasets/([^/]+)/profile", DatasetProfileHandler),
]
