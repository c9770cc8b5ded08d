"""The door for `papermill --engine mlops`: a module that imports nothing, so that papermill may ask for it half-imported.

Papermill loads its engines while `papermill.engines` itself is being imported. A module that imports papermill and is
imported first would be asked for its class before it has one, and would break `import papermill` for everybody. So the class
lives in `client.py`, and this door opens only after papermill has got as far as its own engine class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_jupyter.jobs.client import MlopsEngine

__all__ = ["MlopsEngine"]


def __getattr__(name: str) -> type[MlopsEngine]:
    if name != "MlopsEngine":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import papermill.engines  # noqa: F401 (first: see above)

    from mlops_jupyter.jobs.client import MlopsEngine

    return MlopsEngine
