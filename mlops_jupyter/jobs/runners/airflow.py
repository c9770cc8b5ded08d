"""Airflow 3: a job is a DAG of one task, which runs `mlops run` in the job's own environment; a submission is a run of that DAG.

Into the DAG folder go one loader, the same for all jobs, and for each job a folder with its bundle and `dag.yaml`. All else goes
through Airflow's REST API, so nothing of Airflow is needed where `mlops` is used, and nothing of ours where Airflow's scheduler
is. The job's environment is another than the scheduler's: `python` names its interpreter on the workers.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, cast
from urllib.parse import quote

import msgspec
import requests

from mlops_jupyter.entities import InputError, JobParameter, NotFoundError, Sight, StoreError
from mlops_jupyter.jobs.bundle import Bundle, load
from mlops_jupyter.jobs.generated import stamped, write_generated
from mlops_jupyter.jobs.parameters import schema_for
from mlops_jupyter.jobs.runners import About, Order, States

LOADER, JOBS, PREFIX, TASK = "mlops_jobs.py", "mlops_jobs", "mlops__", "run"
CANCELLED = "cancelled by mlops_jupyter"
_ANSWER = 30.0  # seconds
_LOOK = 0.5


class AirflowOptions(msgspec.Struct, frozen=True, rename="kebab"):
    """`url` of the API server; `dags`: Airflow's DAG folder, as this machine and the workers see it.

    `python`: the interpreter of the job's environment on the workers; `fresh`: it makes one from the job's lock first. `retries`:
    how often Airflow starts a failed task again, `retry_seconds` apart. `patience`: seconds until Airflow has read a new DAG.
    """

    url: str = ""
    dags: str = ""
    python: str = sys.executable
    fresh: bool = False
    retries: int = 0
    retry_seconds: float = 10.0
    patience: float = 180.0
    overwrite: bool = False


class AirflowRunner:
    """Runs of a job's DAG, by REST."""

    about: ClassVar[About] = About(
        title="Airflow 3, by its DAG folder and its REST API", bundle="copied into the DAG folder",
        environment="that of the interpreter `python` on the workers, or, with fresh=true, one made there from the job's lock",
        inputs="paths that the workers have, or addresses", results="reported while it runs, and delivered", schedules="may")
    states: ClassVar[States] = {"scheduled": "scheduled", "queued": "queued", "running": "running", "success": "succeeded",
                                "failed": "failed", "cancelled": "cancelled"}
    Options: ClassVar[type[msgspec.Struct]] = AirflowOptions

    def __init__(self, options: AirflowOptions) -> None:
        self._options = options
        self._session = requests.Session()

    def preview(self, orders: Sequence[Order]) -> str:
        """The DAG's file, and what is asked of Airflow for each run."""
        order = orders[0]
        asks = [f"POST dags/{dag_id(order.name)}/dagRuns {json.dumps(_run(one), ensure_ascii=False)}\n" for one in orders
                if one.schedule is None]
        return f"{JOBS}/{_safe(order.name)}/dag.yaml\n{self._dag(load(order.bundle), order)}\n{''.join(asks)}"

    def submit(self, orders: Sequence[Order]) -> list[str]:
        """Write the DAG, wait until Airflow has read it, begin a run for each order; of a schedule, only switch it on."""
        if not self._options.dags:
            raise InputError("the runner airflow needs its DAG folder", "give it: --set dags=$AIRFLOW_HOME/dags")
        order = orders[0]
        bundle, name = load(order.bundle), dag_id(order.name)
        self._call("GET", "/api/v2/version")
        self._write(bundle, orders)
        self._await_dag(name, bundle.manifest.digest)
        self._call("PATCH", f"/api/v2/dags/{name}", {"is_paused": False})
        if order.schedule is not None:
            return [f"{name}/"]
        return [self._begin(name, one) for one in orders]

    def _begin(self, name: str, order: Order) -> str:
        made = self._call("POST", f"/api/v2/dags/{name}/dagRuns", _run(order))
        return f"{name}/{made['dag_run_id']}"

    def status(self, places: Sequence[str]) -> list[Sight]:
        """From the run, and from its task's tries."""
        return [self._seen(*_parts(place)) for place in places]

    def _seen(self, dag: str, run: str) -> Sight:
        if not run:
            paused = self._call("GET", f"/api/v2/dags/{dag}")["is_paused"]
            return Sight("cancelled" if paused else "scheduled")
        found = self._call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}")
        state = str(found["state"])
        word = "cancelled" if state == "failed" and found.get("note") == CANCELLED else state
        task = self._call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{TASK}") if state != "queued" else {}
        if word == "running" and task.get("state") in (None, "queued", "scheduled"):
            word = "queued"
        return Sight(word, attempt=int(task.get("try_number") or 0), queued=_moment(found.get("queued_at")),
                     started=_moment(task.get("start_date")), ended=_moment(found.get("end_date")),
                     detail="see its log: mlops submissions logs" if word == "failed" else "")

    def cancel(self, places: Sequence[str]) -> None:
        """Airflow ends the task of a failed run; the note says who wanted it. A schedule is paused."""
        for dag, run in map(_parts, places):
            if not run:
                self._call("PATCH", f"/api/v2/dags/{dag}", {"is_paused": True})
            elif self._call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}")["state"] in {"queued", "running"}:
                self._call("PATCH", f"/api/v2/dags/{dag}/dagRuns/{run}", {"state": "failed", "note": CANCELLED})

    def logs(self, place: str) -> str:
        """The log of each try of the task."""
        dag, run = _parts(place)
        if not run:
            return ""
        where = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{TASK}"
        tries = int(self._call("GET", where).get("try_number") or 0)
        parts = [self._log(f"{where}/logs/{number}") for number in range(1, tries + 1)]
        return "".join(parts)

    def _log(self, where: str) -> str:
        content = self._call("GET", f"{where}?full_content=true")["content"]
        lines = [one if isinstance(one, str) else str(one.get("event", "")) for one in content]
        return "".join(f"{line}\n" for line in lines if not line.startswith(("::group::", "::endgroup::")))

    def _write(self, bundle: Bundle, orders: Sequence[Order]) -> None:
        dags = Path(self._options.dags).expanduser().absolute()
        if not dags.is_dir():
            raise InputError(f"there is no DAG folder {dags} here", "--set dags=$AIRFLOW_HOME/dags, as this machine sees it")
        folder = dags / JOBS / _safe(orders[0].name)
        write_generated(folder / "dag.yaml", self._dag(bundle, orders[0]), overwrite=self._options.overwrite)
        _copy(bundle, folder / "bundle")
        for order in orders:
            _keep_secrets(folder / "secrets" / order.submission, order.secrets)
        loader = files("mlops_jupyter.jobs.runners").joinpath("airflow_loader.py").read_text(encoding="utf-8")
        write_generated(dags / LOADER, loader_text(loader), overwrite=True)

    def _dag(self, bundle: Bundle, order: Order) -> str:
        """`dag.yaml`: what the loader builds the DAG from."""
        options, manifest = self._options, bundle.manifest
        more = [*(["--env", "fresh"] if options.fresh else []), *(["--retries", str(order.retries)] if order.retries else [])]
        job = {
            "dag_id": dag_id(order.name), "digest": manifest.digest[-16:], "owner": manifest.owner,
            "description": f"{manifest.name}, made from {Path(manifest.notebook).name or 'a notebook'} by mlops_jupyter",
            "program": [options.python, "-m", "mlops_jupyter.cli"], "env": order.env, "inputs": order.inputs,
            "parameters": {one.name: _parameter(one, order) for one in manifest.parameters},
            "deliver": order.deliver, "options": more, "retries": options.retries, "retry_seconds": options.retry_seconds,
            "timeout": order.timeout, "submission": order.submission if order.schedule else "",
            "schedule": _schedule(order),
        }
        body = json.dumps(job, indent=2, ensure_ascii=False) + "\n"
        return stamped(body, manifest, f"mlops submit {order.bundle.name} --to airflow")

    def _await_dag(self, name: str, digest: str) -> None:
        """Until Airflow has read this very version of the DAG."""
        end = time.monotonic() + self._options.patience
        while True:
            try:
                tags = {tag["name"] for tag in self._call("GET", f"/api/v2/dags/{name}")["tags"]}
            except NotFoundError:
                tags = set()
            if digest[-16:] in tags:
                return
            if time.monotonic() > end:
                raise StoreError(f"Airflow has not read the DAG {name} within {self._options.patience:g} s"
                                 f"{self._import_error()}", "airflow dags reserialize; airflow dags list-import-errors")
            time.sleep(_LOOK)

    def _import_error(self) -> str:
        found = self._call("GET", "/api/v2/importErrors")["import_errors"]
        mine = [one["stack_trace"].strip().splitlines()[-1] for one in found if one["filename"].endswith(LOADER)]
        return f": {mine[0]}" if mine else ""

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:  # Any: Airflow's JSON
        url = self._options.url.rstrip("/")
        if not url:
            raise InputError("the runner airflow needs the address of Airflow's API server", "--set url=http://HOST:8080")
        try:
            if "Authorization" not in self._session.headers:
                self._session.headers["Authorization"] = f"Bearer {_token(self._session, url)}"
            answer = self._session.request(method, url + path, json=body, timeout=_ANSWER)
        except requests.RequestException as error:
            raise StoreError(f"Airflow at {url} cannot be reached: {type(error).__name__}",
                             "look whether `airflow api-server` runs there, and at --set url=…") from None
        return _answer(answer, url, path)


def loader_text(source: str) -> str:
    """The loader as it stands in a DAG folder."""
    return "# Written by mlops_jupyter, the same for all jobs: written anew by each `mlops submit --to airflow`.\n" + source


def dag_id(name: str) -> str:
    """A job's name as Airflow can hold it."""
    return f"mlops_{_safe(name)}"


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:200]


def _run(order: Order) -> dict[str, object]:
    conf: dict[str, object] = dict(order.parameters)
    if order.inputs:
        conf["mlops_inputs"] = order.inputs
    conf["mlops_deliver"] = order.deliver
    return {"dag_run_id": PREFIX + order.submission, "logical_date": None, "conf": conf}


def _parameter(one: JobParameter, order: Order) -> dict[str, object]:
    """Its schema for Airflow's form; a schedule runs with the values that it was given."""
    words = {"description": one.description} if one.description else {}
    given = order.parameters.get(one.name, one.default) if order.schedule is not None else one.default
    return {"default": given, "schema": {**(one.schema or schema_for(one.type, one.default)), **words}}


def _schedule(order: Order) -> dict[str, str] | None:
    if order.schedule is None:
        return None
    if order.schedule.overlap != "queue":
        raise InputError(f"Airflow cannot do overlap={order.schedule.overlap}: a run waits for the one before it",
                         "--overlap queue")
    return {"cron": order.schedule.cron, "zone": order.schedule.zone, "missed": order.schedule.missed}


def _copy(bundle: Bundle, target: Path) -> None:
    """The bundle into the DAG folder: whole, or as it was."""
    partial = target.with_name(".bundle.part")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(bundle.folder, partial)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def _keep_secrets(file: Path, secrets: Mapping[str, str]) -> None:
    if secrets:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(dict(secrets), out)


def _token(session: requests.Session, url: str) -> str:
    """As Airflow's own clients have it: `AIRFLOW_CLI_TOKEN`; else by user and password; else as whoever may do all here."""
    token = os.environ.get("AIRFLOW_CLI_TOKEN", "")
    if token:
        return token
    user = os.environ.get("AIRFLOW_USERNAME", "")
    if user:
        given = {"username": user, "password": os.environ.get("AIRFLOW_PASSWORD", "")}
        answer = session.post(f"{url}/auth/token", json=given, timeout=_ANSWER)
    else:
        answer = session.get(f"{url}/auth/token", timeout=_ANSWER)
    if answer.status_code >= 300:
        raise InputError(f"Airflow at {url} gave no token: {answer.status_code}",
                         "airflowctl auth login, then export AIRFLOW_CLI_TOKEN=…; or AIRFLOW_USERNAME and AIRFLOW_PASSWORD")
    return str(answer.json()["access_token"])


def _answer(answer: requests.Response, url: str, path: str) -> dict[str, Any]:
    if answer.status_code in (401, 403):
        raise InputError(f"Airflow at {url} refuses: {answer.status_code}",
                         "look at AIRFLOW_CLI_TOKEN, and at what its owner may do")
    try:
        found = answer.json()
    except ValueError:
        found = {}
    if answer.status_code < 300:
        return cast("dict[str, Any]", found)
    detail = found.get("detail", answer.reason) if isinstance(found, dict) else answer.reason
    said = detail if isinstance(detail, str) else json.dumps(detail)
    if answer.status_code == 404:
        raise NotFoundError(f"Airflow at {url} does not know {path.removeprefix('/api/v2/')}", "mlops submissions list")
    kind = InputError if answer.status_code < 500 else StoreError
    raise kind(f"Airflow at {url} answers {answer.status_code}: {said}", "look at the parameters, and at Airflow's own log")


def _parts(place: str) -> tuple[str, str]:
    dag, slash, run = place.partition("/")
    if not slash:
        raise NotFoundError(f"{place!r} is no run of Airflow", "mlops submissions list")
    return quote(dag, safe=""), quote(run, safe="")


def _moment(text: object) -> float | None:
    from datetime import datetime

    return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp() if text else None
