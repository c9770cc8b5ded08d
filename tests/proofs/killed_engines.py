"""The engines whose jobs `engine_kills.py` kills: what each is on this machine, what can be killed there, what it says itself."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import psutil
import requests

from mlops_jupyter.entities import Submission
from tests.engines import ci_tools
from tests.engines.airflow import Airflow
from tests.engines.repositories import git
from tests.engines.slurm_jobs import gated_job
from tests.proofs.killing import Engine, Strike, program

Write = Callable[[Path], Path]
"""Writes a bundle to a folder."""


class Place:
    """What most engines have in common: nothing is started for them, and whatever is killed died."""

    runner, notes = "local", ""
    kinds: Sequence[str] = ("kernel", "mlops run", "what waits for it", "cancel")
    above: ClassVar[Mapping[str, int]] = {"kernel": -1, "mlops run": 0, "what waits for it": 1}
    goes_on: Sequence[str] = ()
    """What a job outlives, or is begun again after."""
    fails: Sequence[str] = ()
    """What an engine can only call failed, which is as true: it sees that its step has, and tells nobody of what."""
    outlived: Sequence[str] = ()
    """What a job does not notice."""

    def __init__(self, folder: Path, at_once: int, write: Write = gated_job) -> None:
        self.folder, self.at_once = folder, at_once
        self.job = write(folder / "job")

    def options(self, strike: Strike) -> dict[str, str]:
        """None."""
        return {}

    def deliver(self) -> str:
        """The usual place."""
        return ""

    def over(self, one: Submission) -> bool:
        """It has left an exit code, or what waits for it is gone."""
        place = Path(one.place)
        return (place / "exit").exists() or not _alive(int((place / "process").read_text().split()[0]))

    def strike(self, one: Submission, kind: str) -> None:
        """There is nothing else."""
        raise AssertionError(kind)

    def must_be(self, strike: Strike) -> str:
        """By what was struck."""
        return "succeeded" if strike.kind in self.goes_on else "cancelled" if strike.kind == "cancel" else "died"

    def remove(self) -> None:
        """Nothing was started."""


class Ci(Place):
    """A program that runs CI files here, on a repository of its own, without a container."""

    fails = ("mlops run", "the step's shell")
    kinds = ("kernel", "mlops run", "the step's shell", "the program", "what waits for it", "cancel")
    above: ClassVar[Mapping[str, int]] = {"kernel": -1, "mlops run": 0, "the step's shell": 1, "the program": 2,
                                          "what waits for it": 3}
    own: ClassVar[Mapping[str, str]] = {}

    def __init__(self, folder: Path, at_once: int, write: Write = gated_job) -> None:
        super().__init__(folder / "repository", at_once, write)
        git(self.folder, "init", "-q", "-b", "main")
        git(self.folder, "add", ".")
        git(self.folder, "commit", "-qm", "The job")
        os.environ.update(GIT_CONFIG_GLOBAL=os.devnull, XDG_CACHE_HOME=f"{folder}/cache", HOME=str(folder))

    def options(self, strike: Strike) -> dict[str, str]:
        """Run it here, with what this machine has."""
        return {**self.own, "environment": "machine"}


class Github(Ci):
    """act."""

    runner = "github"
    own: ClassVar[Mapping[str, str]] = {"via": "act"}

    def __init__(self, folder: Path, at_once: int, write: Write = gated_job) -> None:
        super().__init__(folder, at_once, write)
        actions = Path(ci_tools.__file__).parent / "ci_actions"
        names = ("setup-python@v5", "cache@v4", "upload-artifact@v4")
        stubs = [word for name in names for word in ("--local-repository", f"actions/{name}={actions / name.partition('@')[0]}")]
        self.stubs = shlex.join(stubs)
        os.environ["PATH"] = f"{ci_tools.act()}{os.pathsep}{os.environ['PATH']}"

    def options(self, strike: Strike) -> dict[str, str]:
        """The actions that a workflow uses are ours, of the same name."""
        return {**super().options(strike), "arguments": self.stubs}


class Gitlab(Ci):
    """gitlab-ci-local."""

    runner = "gitlab"
    kinds = (*Ci.kinds[:3], "its shell's shell", *Ci.kinds[3:])
    above: ClassVar[Mapping[str, int]] = {"kernel": -1, "mlops run": 0, "the step's shell": 1, "its shell's shell": 2,
                                          "the program": 3, "what waits for it": 4}
    own: ClassVar[Mapping[str, str]] = {"via": "gitlab-ci-local"}

    def __init__(self, folder: Path, at_once: int, write: Write = gated_job) -> None:
        super().__init__(folder, at_once, write)
        os.environ["PATH"] = f"{ci_tools.gitlab()}{os.pathsep}{os.environ['PATH']}"


class DaskCluster(Place):
    """A scheduler with as many workers of one thread as there are jobs at a time, each under a nanny: a lost one is replaced."""

    runner = "dask"
    kinds = ("kernel", "mlops run", "its keeper", "worker", "cancel")
    above: ClassVar[Mapping[str, int]] = {"kernel": -1, "mlops run": 0, "its keeper": 1, "worker": 2}
    goes_on = ("worker",)

    def __init__(self, folder: Path, at_once: int, write: Write = gated_job) -> None:
        from distributed import LocalCluster

        super().__init__(folder, at_once, write)
        loopback = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
        self.cluster = LocalCluster(n_workers=at_once, threads_per_worker=1, **loopback)
        self.address = str(self.cluster.scheduler_address)

    def options(self, strike: Strike) -> dict[str, str]:
        """Where it is."""
        return {"address": self.address}

    def over(self, one: Submission) -> bool:
        """The scheduler has its result, or its error, or it was fetched."""
        key = ("mlops", one.id)
        task = self.cluster.scheduler.tasks.get(key)
        return task is None or task.state in {"memory", "erred"}

    def remove(self) -> None:
        """The cluster, with the connection to it."""
        from mlops_jupyter.jobs.runners import dask

        dask.client_of(self.address).close()
        self.cluster.close()


class AirflowPlace(Place):
    """A scheduler with the LocalExecutor."""

    runner = "airflow"
    kinds = ("kernel", "mlops run", "task", "supervisor", "cancel")
    above: ClassVar[Mapping[str, int]] = {"kernel": -1, "mlops run": 0, "task": 1, "supervisor": 2}
    fails = ("mlops run", "task", "supervisor")
    notes = "a supervisor whose heart does not beat is lost after 10 s, which is looked at every 2 s (as it comes: 300 s, 10 s)"

    def __init__(self, folder: Path, at_once: int, write: Write = gated_job) -> None:
        super().__init__(folder, at_once, write)
        more = {"CORE__PARALLELISM": str(at_once + 2), "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
                "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
                "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2"}
        self.airflow = Airflow({f"AIRFLOW__{name}": value for name, value in more.items()})
        self.token = ""

    def options(self, strike: Strike) -> dict[str, str]:
        """Its address and its DAG folder, which is the same for all: a DAG has as many tries as it has."""
        return {"url": self.airflow.url, "dags": str(self.airflow.dags)}

    def over(self, one: Submission) -> bool:
        """What its API says of the run, which it calls failed at once where that is wanted; so its process must be gone too."""
        if not self.token:
            self.token = requests.get(f"{self.airflow.url}/auth/token", timeout=30).json()["access_token"]
        dag, _, run = one.place.partition("/")
        answer = requests.get(f"{self.airflow.url}/api/v2/dags/{dag}/dagRuns/{run}", timeout=30,
                              headers={"Authorization": f"Bearer {self.token}"})
        return answer.json()["state"] in {"success", "failed"} and program(one) is None

    def remove(self) -> None:
        """All of its processes."""
        self.airflow.end()


class AirflowTwice(AirflowPlace):
    """The same, where Airflow tries what failed once more: whatever is killed, the second try has the result."""

    goes_on = ("kernel", "mlops run", "task", "supervisor")
    fails = ()

    def options(self, strike: Strike) -> dict[str, str]:
        """A second try."""
        return {**super().options(strike), "retries": "1", "retry-seconds": "1"}


class KubernetesPlace(Place):
    """kmock's API server, with a controller and a kubelet of tests/cluster.py, which really run what is in a pod."""

    runner = "kubernetes"
    kinds = ("kernel", "container", "out of memory", "drained", "pod deleted", "node lost", "cancel")
    above: ClassVar[Mapping[str, int]] = {"kernel": -1, "container": 0}
    goes_on = ("drained",)

    def __init__(self, folder: Path, at_once: int, write: Write = gated_job) -> None:
        from tests.cluster import Cluster, Image

        super().__init__(folder, at_once, write)
        self.node = Cluster()
        os.environ.update(KUBECONFIG=str(self.node.config(folder)), NO_PROXY="127.0.0.1")
        (folder / "shared").mkdir()
        self.image = "registry.example/kills:1"
        env = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "NO_PROXY", "OMP_"))}
        self.node.images[self.image] = Image({"/job": self.job}, env=env)
        self.node.claims["shared"] = folder / "shared"

    def options(self, strike: Strike) -> dict[str, str]:
        """A claim that this machine sees under the same path."""
        return {"image": self.image, "claim": f"shared:{self.folder}/shared"}

    def deliver(self) -> str:
        """In the claim."""
        return f"{self.folder}/shared/delivered"

    def over(self, one: Submission) -> bool:
        """The Job has a condition that is an end, and no pod of it runs."""
        name = one.place.rpartition("/")[2]
        job = next(each for each in self.node.of("jobs") if each["metadata"]["name"] == name)
        return bool(job.get("status", {}).get("conditions")) and not self.node.running(name[:57])

    def strike(self, one: Submission, kind: str) -> None:
        """What may happen to the newest pod."""
        running = self.node.running(one.place.rpartition("/")[2][:57])
        if not running:
            raise psutil.NoSuchProcess(0, msg=f"no pod of {one.id}")
        pod = running[-1]
        if kind == "pod deleted":
            self.node.delete(pod)
        elif kind == "node lost":
            self.node.lose(pod)
        else:
            self.node.end(pod, {"out of memory": "OOMKilled", "drained": "Drained"}[kind])

    def remove(self) -> None:
        """The cluster, with its pods."""
        self.node.stop()


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def begun(name: str, folder: Path, at_once: int, write: Write = gated_job) -> Engine:
    """The engine of that name, running, with the bundle that `write` makes for it."""
    from tests.proofs.killed_slurm import SlurmPlace

    kinds = {"local": Place, "dask": DaskCluster, "airflow": AirflowPlace, "airflow-twice": AirflowTwice,
             "kubernetes": KubernetesPlace, "github": Github,
             "gitlab": Gitlab, "slurm": SlurmPlace}
    return kinds[name](folder, at_once, write)
