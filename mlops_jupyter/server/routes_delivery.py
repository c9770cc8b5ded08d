"""How each experiment delivers."""

from __future__ import annotations

import time
from pathlib import Path

from mlops_jupyter.api import bundles
from mlops_jupyter.api.delivery import Delivery, delivery
from mlops_jupyter.server.handler import MlopsHandler, NotebookHandler


class DeliveryHandler(NotebookHandler):
    """GET delivery"""

    async def read(self, *ids: str) -> list[Delivery]:
        """Per experiment, the one worked on last first: from first run to verified job, failures, seconds, what verifies."""
        return await self.mlops.work(_delivery, self.mlops.files_root)


def _delivery(root: Path | None) -> list[Delivery]:
    """Jobs are looked for up to two folders below the server's."""
    entries = bundles.bundles(root.resolve(), root.resolve()) if root is not None else []
    return delivery(entries, time.time())


DELIVERY_ROUTES: list[tuple[str, type[MlopsHandler]]] = [(r"/delivery", DeliveryHandler)]
