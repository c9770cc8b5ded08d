"""How a Job stands, read from what the API server says of it and of its pods.

Kubernetes has a word for the Job (its conditions), one for each pod (its phase) and one for its container (waiting, running,
terminated), and what a user wants to know may stand in any of them: `BackoffLimitExceeded` of the Job is `OOMKilled` of the
container. The Job says whether it has ended; the rest says why, or what it waits for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, cast

from mlops_jupyter.entities import InputError, MlopsError, NotFoundError, Sight, StoreError
from mlops_jupyter.jobs.runners import States
from mlops_jupyter.jobs.runners.kubernetes_manifests import CANCELLED_NOTE

Object = Mapping[str, object]
"""An object of Kubernetes, as JSON."""

STATES: States = {
    "Scheduled": "scheduled", "Paused": "scheduled", "Ending": "scheduled", "Suspended": "queued", "Pending": "queued",
    "Running": "running", "Unreachable": "running", "Stopping": "running", "Complete": "succeeded", "Failed": "failed",
    "DeadlineExceeded": "timed-out", "OOMKilled": "died", "Evicted": "died", "Lost": "died", "Cancelled": "cancelled",
}
_STARTS = frozenset({"", "ContainerCreating", "PodInitializing"})
_STEERS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LONGEST = 400  # characters of a message


class Place(NamedTuple):
    """A Job or a CronJob, taken apart from its URL."""

    host: str
    namespace: str
    kind: str
    name: str


def sight_of_job(job: Object, pods: Sequence[Object]) -> Sight:
    """The word of a Job, with the exit code and what helps to understand it."""
    status, pods = part(job, "status"), sorted(pods, key=born)
    told = [_containers(pod) for pod in pods]
    begun = [moment(state, "startedAt") for state in told if moment(state, "startedAt")]
    end = next((each for each in parts(status, "conditions")
                if text(each, "status") == "True" and text(each, "type") in {"Complete", "Failed"}), {})
    word, code, detail = _ended(job, end, pods) if end else _standing(job, pods)
    tries = sum(_count(status, kind) for kind in ("failed", "succeeded", "active"))
    return Sight(
        word, code, _STEERS.sub("", detail)[-_LONGEST:].strip(), tries, moment(part(job, "metadata"), "creationTimestamp"),
        min(filter(None, begun), default=None), moment(status, "completionTime") or moment(end, "lastTransitionTime"))


def sight_of_cron_job(job: Object) -> Sight:
    """The word of a CronJob, which has no end but its cancellation."""
    queued = moment(part(job, "metadata"), "creationTimestamp")
    if _is_cancelled(job) and parts(part(job, "status"), "active"):
        return Sight("Ending", detail="it was cancelled, and a run of it is stopping", queued=queued)
    if _is_cancelled(job):
        return Sight("Cancelled", detail="its CronJob is suspended", queued=queued)
    if part(job, "spec").get("suspend") is True:
        return Sight("Paused", detail="its CronJob was suspended by somebody", queued=queued)
    return Sight("Scheduled", queued=queued)


def is_over(job: Object) -> bool:
    """Whether the Job has ended."""
    return any(text(each, "status") == "True" and text(each, "type") in {"Complete", "Failed"}
               for each in parts(part(job, "status"), "conditions"))


def _is_cancelled(job: Object) -> bool:
    return part(job, "metadata", "annotations").get(CANCELLED_NOTE) == "true"


def _ended(job: Object, end: Object, pods: Sequence[Object]) -> tuple[str, int | None, str]:
    if text(end, "type") == "Complete":
        return "Complete", 0, ""
    if any(_stops(pod) for pod in pods):
        return "Stopping", None, ""
    if text(end, "reason") == "DeadlineExceeded":
        return ("Cancelled", None, "it was cancelled") if _is_cancelled(job) else ("DeadlineExceeded", None, text(end, "message"))
    return _why(end, pods)


def _why(end: Object, pods: Sequence[Object]) -> tuple[str, int | None, str]:
    """Of what the last pod that says something ended."""
    for pod in reversed(pods):
        if text(part(pod, "status"), "reason") == "Evicted":
            return "Evicted", None, text(part(pod, "status"), "message") or "its pod was evicted"
        stopped = _containers(pod)
        code = stopped.get("exitCode")
        if text(stopped, "reason") == "OOMKilled":
            return "OOMKilled", None, "it needed more memory than it may have: --set memory=…"
        if isinstance(code, int) and code:
            return "Failed", code, text(stopped, "message") or text(end, "message")
    return "Lost", None, f"{text(end, 'message') or text(end, 'reason')}; its pod is gone and left no exit code".lstrip("; ")


def _stops(pod: Object) -> bool:
    """Whether a pod of a Job that has failed has its time to stop, in which it delivers. That of a dead node is not ready."""
    ready = next((each for each in parts(part(pod, "status"), "conditions") if text(each, "type") == "Ready"), {})
    return text(part(pod, "status"), "phase") == "Running" and text(ready, "status") != "False"


def _standing(job: Object, pods: Sequence[Object]) -> tuple[str, int | None, str]:
    if part(job, "spec").get("suspend") is True:
        return ("Cancelled", None, "it was cancelled") if _is_cancelled(job) else ("Suspended", None, "")
    if not pods:
        return "Pending", None, "" if not part(job, "status") else "it has no pod yet: kubectl describe job"
    status = part(pods[-1], "status")
    if text(status, "phase") == "Unknown":
        return "Unreachable", None, "the node of its pod does not answer"
    if text(status, "phase") != "Pending":
        return "Running", None, ""
    waiting = _containers(pods[-1])
    if text(waiting, "reason") not in _STARTS:
        return "Pending", None, ": ".join(filter(None, [text(waiting, "reason"), text(waiting, "message")]))
    placed = next((each for each in parts(status, "conditions") if text(each, "type") == "PodScheduled"), {})
    unplaced = text(placed, "status") == "False"
    return "Pending", None, f"{text(placed, 'reason')}: {text(placed, 'message')}" if unplaced else ""


def _containers(pod: Object) -> Object:
    """What is known of the job's container: that it waits, runs or was terminated."""
    for each in parts(part(pod, "status"), "containerStatuses"):
        for kind in ("terminated", "running", "waiting"):
            if part(each, "state", kind):
                return part(each, "state", kind)
    return {}


def born(thing: Object) -> tuple[float, str]:
    """What sorts objects by age."""
    return moment(part(thing, "metadata"), "creationTimestamp") or 0.0, text(part(thing, "metadata"), "name")


def part(thing: Object, *names: str) -> Object:
    """An object in an object; empty where it is not there."""
    for name in names:
        found = thing.get(name)
        thing = cast("Object", found) if isinstance(found, Mapping) else {}
    return thing


def parts(thing: Object, name: str) -> list[Object]:
    """The objects of a list."""
    found = thing.get(name)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def text(thing: Object, name: str) -> str:
    """A text; "" where it is not there."""
    found = thing.get(name)
    return found if isinstance(found, str) else ""


def moment(thing: Object, name: str) -> float | None:
    """A moment in seconds."""
    try:
        return datetime.fromisoformat(text(thing, name)).timestamp() if text(thing, name) else None
    except ValueError:
        return None


def _count(status: Object, name: str) -> int:
    found = status.get(name)
    return found if isinstance(found, int) else 0


def refusal(verb: str, place: Place, status: int, body: object, reason: str) -> MlopsError:
    """What the API server answered instead, in our words."""
    what = f"{place.kind} {place.name} in namespace {place.namespace}".replace("  ", " ")
    message = _message(body) or reason
    if status in {401, 403}:
        return InputError(f"the cluster at {place.host} does not let you {verb} {what}: {message}",
                          f"kubectl auth can-i {verb} {place.kind} --namespace {place.namespace}")
    if status == 404 and place.name and verb != "create":
        return NotFoundError(f"there are no {what}", "mlops submissions list")
    if status == 404:
        return InputError(f"there is no namespace {place.namespace}: {message}", "kubectl get namespaces")
    if status == 409:
        return InputError(f"{what} are there already", f"kubectl get {place.kind} --namespace {place.namespace}")
    if 400 <= status < 500 and status != 429:
        return InputError(f"the cluster at {place.host} refuses to {verb} {what}: {message}", "mlops submit … --dry-run shows it")
    return StoreError(f"the cluster at {place.host} does not answer: {status or ''} {message}".replace("  ", " "),
                      "kubectl cluster-info")


def _message(body: object) -> str:
    try:
        found = json.loads(cast("str", body))
    except (TypeError, ValueError):
        return ""
    return first_line(text(found, "message")) if isinstance(found, dict) else ""


def first_line(words: str) -> str:
    """The first that says something."""
    return next((line.strip()[:400] for line in words.splitlines() if line.strip()), "")
