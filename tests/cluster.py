"""A Kubernetes for tests, on loopback: kmock's API server, and what a cluster does with a Job, done by one thread.

The server checks what it is given by the strict schema and by Kubernetes' rules for names, and answers label selectors and logs,
which kmock does not. The thread is controller and kubelet: it makes pods, really runs their command (arguments and environment
as the manifest and its Secrets say) as processes, counts failures by the Job's policy, keeps its deadline, and writes the
status that a controller would. Nothing is scheduled, no image is pulled: paths in a pod are mapped to folders as text.
"""

from __future__ import annotations

import asyncio
import copy
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp.web
import attrs
import kmock
import kubernetes_validate
import psutil
import yaml

VERSION = "1.33.0"
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
PLURALS = {"Job": "jobs", "CronJob": "cronjobs", "Secret": "secrets", "Pod": "pods"}
Json = dict[str, Any]
Key = tuple[str, str, str]
"""Plural, namespace, name."""


def expanded(text: str, env: dict[str, str]) -> str:
    """What the kubelet makes of an argument or of a variable's value."""
    return re.sub(r"\$\$|\$\(([^)]*)\)", lambda found: "$" if found[0] == "$$" else env.get(found[1], found[0]), text)


def selected(thing: Json, selector: str) -> bool:
    """Whether the labels of a thing meet `key in (a,b)`."""
    match = re.fullmatch(r"(\S+) in \((.*)\)", selector)
    assert match, selector
    return thing["metadata"].get("labels", {}).get(match[1]) in match[2].split(",")


@attrs.define(kw_only=True)
class Api(kmock.KubernetesEmulator):
    """kmock's emulator with what our client asks for, and kmock does not know."""

    cluster: Any = None

    async def _handle(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        cluster: Cluster = self.cluster
        if cluster.refusal is not None:
            return status(*cluster.refusal)
        if request.resource is None:
            return await super()._handle(request)
        key = (str(request.resource.plural), str(request.namespace), str(request.name))
        cluster.asked.append((request.method.value if request.method else "", *key))
        if request.params.get("labelSelector"):
            found = [thing for (kind, space, _), thing in cluster.things().items()
                     if (kind, space) == key[:2] and selected(thing, request.params["labelSelector"])]
            return aiohttp.web.json_response({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": found})
        if request.action == kmock.action.CREATE:
            wrong = cluster.admit(request.data, key)
            if wrong is not None:
                return status(*wrong)
        elif key not in cluster.things():
            return status(404, f'{key[0]} "{key[2]}" not found')
        if request.subresource == "log":
            log = cluster.log(key[2])
            return status(400, "container is waiting to start") if log is None else aiohttp.web.Response(body=log)
        done = await super()._handle(request)
        cluster.changed.put(None)
        return done


def status(code: int, message: str) -> aiohttp.web.Response:
    said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message}
    return aiohttp.web.json_response(said, status=code)


class Image:
    """What stands for one: where its paths are on this machine, its programs, and its environment."""

    def __init__(self, places: dict[str, Path], programs: Path = Path(sys.executable).parent,
                 env: dict[str, str] | None = None) -> None:
        self.places, self.programs, self.env = places, programs, env or {}


class Process:
    """A pod's container, with its folders on this machine."""

    def __init__(self, spec: Json, cluster: Cluster, namespace: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pod-"))
        container = spec["containers"][0]
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        self.places = dict(cluster.images[container["image"]].places)
        for mount in container.get("volumeMounts", []):
            claim = volumes[mount["name"]].get("persistentVolumeClaim")
            place = cluster.claims[claim["claimName"]] if claim else self.folder / mount["name"]
            place.mkdir(parents=True, exist_ok=True)
            self.places[mount["mountPath"]] = place
        image = cluster.images[container["image"]]
        env = {"PATH": f"{image.programs}{os.pathsep}{os.environ['PATH']}", "HOME": str(self.folder), **image.env}
        for source in container.get("envFrom", []):
            env |= cluster.secret(namespace, source["secretRef"]["name"])
        for each in container.get("env", []):
            env[each["name"]] = expanded(each["value"], env)
        words = [expanded(word, env) for word in [*container["command"], *container.get("args", [])]]
        self.words = [self.here(word) for word in words]
        self.env = {name: self.here(value) for name, value in env.items()}
        program = shutil.which(self.words[0], path=env["PATH"])
        assert program, self.words
        self.output = self.folder / "log"
        with self.output.open("wb") as log:
            self.process = subprocess.Popen(
                [program, *self.words[1:]], env=self.env, cwd=self.here(container["workingDir"]), stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self.reason = ""

    def here(self, text: str) -> str:
        """A path of the pod, alone or after `NAME=`, as it is on this machine."""
        name, sign, value = text.rpartition("=") if re.match(r"\w+=/", text) else ("", "", text)
        for place, folder in self.places.items():
            if value == place or value.startswith(f"{place}/"):
                return f"{name}{sign}{folder}{value.removeprefix(place)}"
        return text

    def kill(self, number: int = signal.SIGKILL) -> None:
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            family = [psutil.Process(self.process.pid)]
            if number == signal.SIGKILL:  # a container takes all of its processes with it
                family += family[0].children(recursive=True)
            for one in family:
                with suppress(psutil.NoSuchProcess):
                    one.send_signal(number)

    def remove(self) -> None:
        self.kill()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


class Cluster:
    """The API server and its one node, whose clock is `ahead` of ours. `claims`: name → folder here."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.images: dict[str, Image] = {}
        self.claims: dict[str, Path] = {}
        self.labels: dict[str, str] = {}
        self.refusal: tuple[int, str] | None = None
        self.refuses_kind = ""
        self.asked: list[tuple[str, str, str, str]] = []
        self.changed: queue.Queue[str | None] = queue.Queue()
        self.processes: dict[str, Process] = {}
        self.logs: dict[str, bytes] = {}
        self.wrong: list[BaseException] = []
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._server = threading.Thread(target=self._serve, name="api-server", daemon=True)
        self._node = threading.Thread(target=self._run, name="controller", daemon=True)
        self._server.start()
        assert self._ready.wait(30), "the API server did not start"
        self._node.start()

    def _serve(self) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            async with Api(cluster=self) as self.api, kmock.Server(self.api) as server:
                self.address = str(server.url).rstrip("/")
                self._ready.set()
                await self._over.wait()

        asyncio.run(main())

    def stop(self) -> None:
        """End it, and whatever it runs."""
        self.changed.put("over")
        self._node.join(60)
        for process in self.processes.values():
            process.remove()
        self._loop.call_soon_threadsafe(self._over.set)
        self._server.join(30)
        assert not self._server.is_alive()
        assert not self.wrong, self.wrong

    def config(self, folder: Path, address: str = "") -> Path:
        """A file for `$KUBECONFIG`."""
        file = folder / "kubeconfig"
        file.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": address or self.address}}],
            "users": [{"name": "me", "user": {"token": "not-a-real-token"}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "team"}}],
        }))
        return file

    def now(self) -> str:
        """The cluster's own time."""
        return datetime.fromtimestamp(time.time() + self.ahead, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def things(self) -> dict[Key, Json]:
        """All objects that are there."""
        return {(str(resource.plural), str(space), str(name)): copy.deepcopy(thing.last.raw)
                for (resource, space, name), thing in list(self.api.objects.items()) if not thing.deleted}

    def of(self, kind: str) -> list[Json]:
        """All objects of a kind, by its plural."""
        return [thing for (plural, _, _), thing in self.things().items() if plural == kind]

    def admit(self, thing: Json, key: Key) -> tuple[int, str] | None:
        """What is wrong with it; else it gets what a server gives it."""
        about = thing["metadata"]
        if thing["kind"] == self.refuses_kind:
            return 403, f'{key[0]} is forbidden: User "me" cannot create resource "{key[0]}" in the namespace "{key[1]}"'
        if (key[0], key[1], about["name"]) in self.things():
            return 409, f'{key[0]} "{about["name"]}" already exists'
        try:
            kubernetes_validate.validate(thing, VERSION, strict=True)
        except kubernetes_validate.ValidationError as error:
            return 422, str(error.message)
        if not NAME.fullmatch(about["name"]) or len(about["name"]) > (52 if thing["kind"] == "CronJob" else 63):
            return 422, f'{thing["kind"]} "{about["name"]}" is invalid: metadata.name'
        about.update(uid=str(uuid.uuid4()), creationTimestamp=self.now(), namespace=key[1])
        return None

    def put(self, kind: str, version: str, thing: Json) -> None:
        """Make or change a thing, as a controller does."""
        about = thing["metadata"]
        key = (kmock.resource(f"{version}/{PLURALS[kind]}"), about["namespace"], about["name"])
        self._in_server(lambda: self.api.objects[key].patch(thing) if key in self.api.objects
                        else self.api.objects.__setitem__(key, thing))

    def remove(self, key: Key) -> None:
        """Delete a thing, as a controller does."""
        found = next(every for every in self.api.objects if (str(every[0].plural), *every[1:]) == key)
        self._in_server(self.api.objects[found].delete)
        self.changed.put(None)

    def _in_server(self, call: Any) -> None:
        async def called() -> None:
            call()

        asyncio.run_coroutine_threadsafe(called(), self._loop).result(30)

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        found = self.things()["secrets", namespace, name]
        return dict(found["stringData"])

    def log(self, pod: str) -> bytes | None:
        """What a pod printed; None for one that has not begun."""
        process = self.processes.get(pod)
        return process.output.read_bytes() if process is not None else self.logs.get(pod)

    def until(self, met: Callable[[], bool]) -> None:
        """Wait for what the cluster is about to do."""
        end = time.monotonic() + 60
        while not met():
            assert time.monotonic() < end
            assert not self.wrong, self.wrong
            time.sleep(0.05)

    def running(self, part: str = "") -> list[str]:
        """Names of the pods whose command runs."""
        return [name for name, process in list(self.processes.items()) if part in name and process.process.poll() is None]

    def end(self, pod: str, reason: str) -> None:
        """Kill a pod's command, for this reason: `OOMKilled`, `Evicted`, or `Drained`, which counts as no failure."""
        self.processes[pod].reason = reason
        self.processes[pod].kill()

    def lose(self, pod: str) -> None:
        """The node is gone, with the pod and all that was known of it."""
        self.processes[pod].reason = "Lost"
        self.processes[pod].kill()

    def delete(self, pod: str) -> None:
        """Delete a pod: it is asked to stop, and is gone when it has; its Job counts it as failed."""
        self.processes[pod].reason = "Deleted"
        self.processes[pod].kill(signal.SIGTERM)

    def expire(self, job: str) -> None:
        """What the TTL controller does."""
        for key in list(self.things()):
            if key[0] == "jobs" and key[2] == job:
                self.remove(key)

    def _run(self) -> None:
        while True:
            with suppress(queue.Empty):
                if self.changed.get(timeout=0.05) == "over":
                    return
            try:
                things = self.things()
                for (kind, _, _), thing in things.items():
                    if kind == "jobs":
                        self._job(thing, self._owned(things, thing, "pods"))
                    elif kind == "cronjobs":
                        self._cron_job(thing, self._owned(things, thing, "jobs"))
                self._collect(things)
            except BaseException as error:
                self.wrong.append(error)
                raise

    @staticmethod
    def _owned(things: dict[Key, Json], owner: Json, plural: str) -> list[Json]:
        return [thing for (kind, _, _), thing in things.items() if kind == plural
                and owner["metadata"]["uid"] in {each["uid"] for each in thing["metadata"].get("ownerReferences", [])}]

    def _cron_job(self, thing: Json, jobs: list[Json]) -> None:
        """What runs of it. Its clock is not kept: who wants a run makes one, as `kubectl create job --from` does."""
        active = [{"name": job["metadata"]["name"]} for job in jobs if not job.get("status", {}).get("conditions")]
        if active != thing.get("status", {}).get("active", []):
            self.put("CronJob", "batch/v1", {"metadata": thing["metadata"], "status": {"active": active}})

    def _collect(self, things: dict[Key, Json]) -> None:
        """What belonged to an owner that is gone goes."""
        there = {thing["metadata"]["uid"] for thing in self.things().values() if "uid" in thing["metadata"]}
        for key, thing in things.items():
            owners = thing["metadata"].get("ownerReferences", [])
            if owners and owners[0]["uid"] not in there and key in self.things():
                self.remove(key)
                if key[2] in self.processes:
                    self.processes.pop(key[2]).remove()

    def _job(self, job: Json, pods: list[Json]) -> None:
        state = job.setdefault("status", {})
        if any(each["type"] in {"Complete", "Failed"} for each in state.get("conditions", [])) or job["spec"].get("suspend"):
            return
        state.setdefault("startTime", self.now())
        pods = [pod for pod in map(self._pod, pods) if not self._gone(job, pod)]
        active = [pod for pod in pods if pod["status"]["phase"] in {"Pending", "Running"}]
        late = job["spec"].get("activeDeadlineSeconds")
        since = time.time() + self.ahead - datetime.fromisoformat(state["startTime"]).timestamp()
        if late is not None and since >= late:
            self._too_late(job, [pod for pod in pods if pod in active or self._told_to_stop(pod)])
            return
        state.update(self._counted(job, pods), active=len(active))
        rest = [pod for pod in pods if pod["status"]["phase"] == "Failed" and not disrupted(pod)] + [{}] * state.get("lost", 0)
        bad = [pod for pod in rest if pod and code_of(pod) == 2]
        if any(pod["status"]["phase"] == "Succeeded" for pod in pods):
            self._over_with(job, "Complete", "CompletionsReached", "")
        elif bad:
            self._over_with(job, "Failed", "PodFailurePolicy", "Container job failed with exit code 2, by the rule at index 1")
        elif len(rest) > job["spec"].get("backoffLimit", 6):
            self._over_with(job, "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        else:
            if not active:
                self._start(job, len(pods))
                state["active"] = 1
            self.put("Job", "batch/v1", {"metadata": job["metadata"], "status": state})

    def _gone(self, job: Json, pod: Json) -> bool:
        """Whether it was deleted and has ended: then it is taken away, and counted."""
        name = pod["metadata"]["name"]
        process = self.processes.get(name)
        if process is None or process.reason != "Deleted" or process.process.poll() is None:
            return False
        job["status"]["lost"] = job["status"].get("lost", 0) + 1
        self.processes.pop(name).remove()
        self.remove(("pods", pod["metadata"]["namespace"], name))
        return True

    @staticmethod
    def _counted(job: Json, pods: list[Json]) -> Json:
        phases = [pod["status"]["phase"] for pod in pods]
        lost = job["status"].get("lost", 0)
        return {"failed": phases.count("Failed") + lost, "succeeded": phases.count("Succeeded")}

    def _too_late(self, job: Json, active: list[Json]) -> None:
        """SIGTERM, the pods' own time to end, then the condition; and the pods are gone."""
        names = [pod["metadata"]["name"] for pod in active if pod["metadata"]["name"] in self.processes]
        for name in names:
            process = self.processes[name]
            if not process.reason:
                process.reason = "Terminating"
                process.kill(signal.SIGTERM)
        if not any(self.processes[name].process.poll() is None for name in names):
            for pod in active:
                process = self.processes.pop(pod["metadata"]["name"], None)
                if process is not None:
                    process.remove()
                self.remove(("pods", pod["metadata"]["namespace"], pod["metadata"]["name"]))
            self._over_with(job, "Failed", "DeadlineExceeded", "Job was active longer than specified deadline")

    def _told_to_stop(self, pod: Json) -> bool:
        process = self.processes.get(pod["metadata"]["name"])
        return process is not None and process.reason == "Terminating"

    def _over_with(self, job: Json, kind: str, reason: str, message: str) -> None:
        end = {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": self.now()}
        job["status"].update(active=0, conditions=[end], **({"completionTime": self.now()} if kind == "Complete" else {}))
        self.put("Job", "batch/v1", {"metadata": job["metadata"], "status": job["status"]})

    def _start(self, job: Json, count: int) -> None:
        about, spec = job["metadata"], job["spec"]["template"]["spec"]
        name = f"{about['name'][:57]}-{count}{uuid.uuid4().hex[:4]}"
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": about["name"], "uid": about["uid"]}
        labels = {**job["spec"]["template"]["metadata"]["labels"], "job-name": about["name"]}
        pod = {"metadata": {"name": name, "namespace": about["namespace"], "uid": str(uuid.uuid4()), "labels": labels,
                            "creationTimestamp": self.now(), "ownerReferences": [owner]},
               "spec": spec, "status": {"phase": "Pending"}}
        self.put("Pod", "v1", pod)

    def _pod(self, pod: Json) -> Json:
        """Start it if that can be, and say how it stands."""
        name, state = pod["metadata"]["name"], pod["status"]
        container = pod["spec"]["containers"][0]
        process = self.processes.get(name)
        before = copy.deepcopy(state)
        if state["phase"] == "Pending" and process is None:
            wants = pod["spec"].get("nodeSelector", {})
            if not wants.items() <= self.labels.items():
                state["conditions"] = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                                        "message": "0/1 nodes are available: 1 node(s) didn't match Pod's node selector."}]
            elif container["image"] not in self.images:
                state["containerStatuses"] = [{"name": "job", "state": {"waiting": {
                    "reason": "ImagePullBackOff", "message": f'Back-off pulling image "{container["image"]}"'}}}]
            else:
                self.processes[name] = Process(pod["spec"], self, pod["metadata"]["namespace"])
                running = {"name": "job", "state": {"running": {"startedAt": self.now()}}}
                state.update(phase="Running", containerStatuses=[running])
        elif state["phase"] == "Running" and process is not None and process.process.poll() is not None:
            self._ended(pod, process)
        if state != before:
            self.put("Pod", "v1", {"metadata": pod["metadata"], "status": state})
        return pod

    def _ended(self, pod: Json, process: Process) -> None:
        code = process.process.returncode
        code = 128 - code if code < 0 else code
        state = pod["status"]
        began = state["containerStatuses"][0]["state"]["running"]["startedAt"]
        stopped = {"exitCode": code, "startedAt": began, "finishedAt": self.now(), "reason": "Error" if code else "Completed"}
        state["phase"] = "Failed" if code else "Succeeded"
        if process.reason == "OOMKilled":
            stopped["reason"] = "OOMKilled"
        elif process.reason == "Drained":
            state["conditions"] = [{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}]
        elif process.reason == "Evicted":
            state.update(reason="Evicted", message="The node was low on resource: memory.")
        if code:
            stopped["message"] = process.output.read_text("utf-8", "replace")[-2048:]
        state["containerStatuses"] = [{"name": "job", "state": {} if process.reason == "Lost" else {"terminated": stopped}}]


def disrupted(pod: Json) -> bool:
    return any(each["type"] == "DisruptionTarget" for each in pod["status"].get("conditions", []))


def code_of(pod: Json) -> int | None:
    found = pod["status"]["containerStatuses"][0]["state"].get("terminated", {})
    return found.get("exitCode")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """One that runs nothing yet, while this lasts."""
    made = Cluster()
    try:
        yield made
    finally:
        made.stop()
