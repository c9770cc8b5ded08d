"""A real Dask cluster on loopback for tests: two worker processes of one thread each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_jupyter.entities import JobParameter
from tests.integration.sweep_jobs import write_job

GATED = ("import time\nfrom pathlib import Path\nimport mlops_jupyter as mlops\nprint('it waits', flush=True)",
         "while not Path(gate).exists():\n    time.sleep(0.05)", "mlops.log_metric('score', number)")


@contextmanager
def cluster(workers: int = 2) -> Iterator[str]:
    """The address of its scheduler."""
    from distributed import LocalCluster

    from mlops_jupyter.jobs.runners import dask

    loopback = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=workers, threads_per_worker=1, **loopback) as made:
        yield str(made.scheduler_address)
        dask.client_of(made.scheduler_address).close()


def gated_job(folder: Path) -> Path:
    """A job that waits until the file `gate` is there."""
    return write_job(folder, [JobParameter("gate", "string", ""), JobParameter("number", "integer", 0)], *GATED)
