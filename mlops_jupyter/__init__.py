"""mlops_jupyter: a ledger for notebooks, the cells that made a result, and the job that ships them.

`import mlops_jupyter as mlops` costs nothing: every public name is imported when it is first used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module

from mlops_jupyter.version import __version__

TYPE_CHECKING = False  # type checkers take the name for true; `typing` itself would cost as much as all the rest

_HOME = {
    "log_metric": "api.tracking",
    "log_metrics": "api.tracking",
    "log_param": "api.tracking",
    "log_params": "api.tracking",
    "log_artifact": "api.tracking",
    "log_model": "api.tracking",
    "start_run": "api.tracking",
    "end_run": "api.tracking",
    "set_goal": "api.tracking",
    "register_secret": "api.tracking",
    "track": "api.tracking",
    "off": "api.tracking",
    "why": "api.slices",
    "stale": "api.slices",
    "runs": "api.runs",
    "search": "api.runs",
    "diff": "api.comparisons",
    "verify": "api.verification",
    "convert": "api.jobs",
    "run_job": "api.jobs",
    "results": "api.results",
    "job": "api.forms",
}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604 (the keys are strings)

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """`%load_ext mlops_jupyter`: registers the `%mlops` magic and nothing else; tracking starts with `%mlops track`."""
    from mlops_jupyter.magics import register

    register(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """`%unload_ext mlops_jupyter`: stops tracking and takes the magic away."""
    from mlops_jupyter.magics import unregister

    unregister(shell)


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    from mlops_jupyter.server.app import MlopsApp

    return [{"module": "mlops_jupyter", "app": MlopsApp}]
