"""A real Airflow for tests: an environment of its own, made once and kept; api-server, scheduler, DAG processor on loopback."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
import requests

from tests.engines import ci_tools
from tests.ports import free_port

PARTS = ("api-server", "scheduler", "dag-processor")


class Airflow:
    """One deployment with SQLite and the LocalExecutor; `more` settings. `end` stops what it started, and removes its folder."""

    def __init__(self, more: dict[str, str] | None = None) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="mlops-airflow-"))
        self.dags = self.home / "dags"
        self.dags.mkdir()
        self._bin = ci_tools.airflow()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "PYTHONPATH", "AIRFLOW"))}
        self.env.update({
            "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}", "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db?timeout=60",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor", "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True", "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port), "AIRFLOW__API__BASE_URL": self.url, "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32), "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "1", **(more or {}),
        })
        self.run("db", "migrate")
        self._processes = [self._start(part) for part in PARTS]
        self._await()

    def _start(self, part: str) -> subprocess.Popen[bytes]:
        with (self.home / f"{part}.log").open("wb") as log:
            return subprocess.Popen([str(self._bin / "airflow"), part], env=self.env, stdout=log, stderr=log,
                                    stdin=subprocess.DEVNULL, start_new_session=True)

    def _await(self) -> None:
        """Until the API answers and the scheduler's heart beats."""
        end = time.monotonic() + 180
        while time.monotonic() < end:
            assert all(process.poll() is None for process in self._processes), self.logs()
            try:
                health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
            except (requests.RequestException, ValueError):
                time.sleep(0.3)
                continue
            if all(health[part]["status"] == "healthy" for part in ("scheduler", "dag_processor")):
                return
            time.sleep(0.3)
        raise AssertionError(self.logs())

    def run(self, *words: str, code: int = 0) -> str:
        """An `airflow` command; what it printed."""
        done = subprocess.run([str(self._bin / "airflow"), *words], env=self.env, capture_output=True, text=True, check=False,
                              timeout=300)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def logs(self) -> str:
        """The ends of what its parts have logged."""
        return "\n".join(f"{part}: {(self.home / f'{part}.log').read_text(errors='replace')[-2000:]}" for part in PARTS)

    def end(self) -> None:
        """Stop its parts, with all that they started."""
        for process in self._processes:
            try:
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
            for one in family:
                try:
                    one.terminate()
                except psutil.NoSuchProcess:
                    continue
            for one in psutil.wait_procs(family, timeout=20)[1]:
                one.kill()
        shutil.rmtree(self.home, ignore_errors=True)
