"""Kubernetes: a Job for each order, a CronJob for one with a schedule.

Its place is the Job's URL, so a submission is never looked for in another cluster. All Jobs of a hand-over are made suspended,
then each gets its Secret, which it owns, and only then are they let go: all of them run or none does, and what a crash leaves is
a Job that waits. A sweep is one Job each and no Indexed Job: an index has no name to cancel, to ask after or to read the log of,
and its arguments would have to be chosen in the pod. Cancelling is a deadline of one second and a note that says why: the
Job ends as Kubernetes ends Jobs, and goes when its time is over.

The client reads its own configuration, and nothing of it is written down here.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import ClassVar, cast

import msgspec
import urllib3
import yaml

from mlops_jupyter.entities import InputError, MlopsError, NotFoundError, Sight, StoreError
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.generated import stamped
from mlops_jupyter.jobs.packing import pack
from mlops_jupyter.jobs.runners import About, Order, States, command
from mlops_jupyter.jobs.runners.kubernetes_manifests import (
    CANCELLED_NOTE,
    JOB_NOTE,
    NAME_LABEL,
    SUBMISSION_LABEL,
    UPLOAD,
    WORK,
    KubernetesOptions,
    as_yaml,
    bundle_of,
    check_order,
    check_schedule,
    checked,
    literal,
    name_of,
    notes,
    policy_of,
    secret_names,
)
from mlops_jupyter.jobs.runners.kubernetes_states import (
    STATES,
    Object,
    Place,
    born,
    first_line,
    is_over,
    part,
    parts,
    refusal,
    sight_of_cron_job,
    sight_of_job,
    text,
)
from mlops_jupyter.jobs.storage import put

if importlib.util.find_spec("kubernetes") is None:  # it takes a second to import, so only who asks a cluster does
    raise ModuleNotFoundError("No module named 'kubernetes'", name="kubernetes")

_PLACE = re.compile(r"(https?://.+)/apis/batch/v1/namespaces/([a-z0-9-]+)/(jobs|cronjobs)/([a-z0-9.-]+)")
_MADE_BY = {"app.kubernetes.io/managed-by": "mlops_jupyter"}
_AGAIN = "mlops submit BUNDLE --to kubernetes --dry-run, with the same options"
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_SECONDS = (5.0, 60.0)  # to connect, and to answer
_AT_ONCE = 50  # names in one question: an address has an end
_LINES = 10_000  # of a log, from its end
_BAD_INPUT = 2  # what `mlops run` exits with where another try would be the same


class KubernetesRunner:
    """Hands jobs to the cluster that `kubectl` would speak to."""

    about: ClassVar[About] = About(
        title="Kubernetes: Jobs and CronJobs", bundle="in the image, on a volume claim, as a zip at an address, or uploaded",
        environment="the image's", inputs="at an address, or on a volume claim",
        results="delivered to an address or a volume claim; reported to mlops server while it runs", extra="kubernetes",
        schedules="may")
    states: ClassVar[States] = STATES
    Options: ClassVar[type[msgspec.Struct]] = KubernetesOptions

    def __init__(self, options: KubernetesOptions) -> None:
        """InputError for options that Kubernetes would not take."""
        self._options, self._checked = options, checked(options)

    @cached_property
    def _cluster(self) -> Cluster:
        return Cluster(self._options.context, self._options.namespace)

    def preview(self, orders: Sequence[Order]) -> str:
        """The manifests, as `kubectl apply -f -` takes them."""
        from kubernetes import client

        self._check(orders)
        api = client.ApiClient(client.Configuration())
        written = as_yaml([api.sanitize_for_serialization(self._manifest(order)) for order in orders])
        told = "".join(f"# {line}\n" for line in dict.fromkeys(note for order in orders for note in notes(order)))
        return stamped(told + written, bundle.load(orders[0].bundle).manifest, _AGAIN) if orders else ""

    def submit(self, orders: Sequence[Order]) -> list[str]:
        """Make them all, suspended, with their Secrets; then let them go. The URL of each."""
        self._check(orders)
        if self._options.bundle == UPLOAD:
            for address, folder in {bundle_of(order, UPLOAD): order.bundle for order in orders}.items():
                _upload(folder, address)
        cluster, tried = self._cluster, list[Place]()
        try:
            for order in orders:
                place = cluster.place(order)
                made = cluster.create(place, self._manifest(order, suspend=True), tried)
                if secret_names(order):
                    cluster.create_secret(place, made, order.secrets)
            for place in tried:
                cluster.patch(place, {"spec": {"suspend": False}})
        except BaseException:
            for place in tried:
                with suppress(MlopsError):  # what went wrong is raised; what cannot be taken back is suspended
                    cluster.delete(place)
            raise
        return [f"{place.host}/apis/batch/v1/namespaces/{place.namespace}/{place.kind}/{place.name}" for place in tried]

    def status(self, places: Sequence[str]) -> list[Sight]:
        """From their conditions and their pods: two questions for each namespace."""
        found: dict[Place, Sight] = {}
        wanted = [self._cluster.known(place) for place in places]
        for namespace, kind in sorted({(place.namespace, place.kind) for place in wanted}):
            names = sorted({place.name for place in wanted if (place.namespace, place.kind) == (namespace, kind)})
            for start in range(0, len(names), _AT_ONCE):
                found.update(self._cluster.sights(namespace, kind, names[start:start + _AT_ONCE]))
        for place, told in zip(wanted, places, strict=True):
            if place not in found:
                raise NotFoundError(f"the cluster does not know {told}", "mlops submissions list")
        return [found[place] for place in wanted]

    def cancel(self, places: Sequence[str]) -> None:
        """End each Job. A CronJob is suspended, and the Jobs that it has running end."""
        for place in [self._cluster.known(place) for place in places]:
            note = {"metadata": {"annotations": {CANCELLED_NOTE: "true"}}}
            if place.kind == "cronjobs":
                self._cluster.patch(place, {**note, "spec": {"suspend": True}})
            else:
                self._cluster.read(place)
            for job in self._cluster.listed(place.namespace, "jobs", [place.name]):
                if not is_over(job):
                    running = place._replace(kind="jobs", name=text(part(job, "metadata"), "name"))
                    self._cluster.patch(running, {**note, "spec": {"activeDeadlineSeconds": 1}})

    def logs(self, place: str) -> str:
        """What its pods printed that are still there, the oldest first."""
        known = self._cluster.known(place)
        self._cluster.read(known)
        pods = self._cluster.listed(known.namespace, "pods", [known.name])
        names = [text(part(pod, "metadata"), "name") for pod in sorted(pods, key=born)]
        logs = [self._cluster.log(known.namespace, name) for name in names]
        return logs[0] if len(logs) == 1 else "".join(f"--- {name}\n{log}\n" for name, log in zip(names, logs, strict=True))

    def _check(self, orders: Sequence[Order]) -> None:
        """InputError for what no pod could do, before anything is made."""
        manifests = {folder: bundle.load(folder).manifest for folder in {order.bundle for order in orders}}
        for order in orders:
            check_order(order, manifests[order.bundle], self._checked.claims)
            if order.schedule is not None:
                check_schedule(order.schedule)

    def _manifest(self, order: Order, *, suspend: bool | None = None) -> object:
        """A model of the client: V1Job or V1CronJob."""
        from kubernetes import client

        labels = {**_MADE_BY, NAME_LABEL: name_of(order), SUBMISSION_LABEL: order.submission[:63]}
        job = client.V1JobSpec(
            suspend=suspend, backoff_limit=self._options.backoff, ttl_seconds_after_finished=self._options.ttl,
            active_deadline_seconds=self._options.active_deadline or None, template=self._template(order, labels),
            pod_failure_policy=client.V1PodFailurePolicy(rules=[
                client.V1PodFailurePolicyRule(action="Ignore", on_pod_conditions=[
                    client.V1PodFailurePolicyOnPodConditionsPattern(type="DisruptionTarget", status="True")]),
                client.V1PodFailurePolicyRule(action="FailJob", on_exit_codes=client.V1PodFailurePolicyOnExitCodesRequirement(
                    container_name="job", operator="In", values=[_BAD_INPUT])),
            ]))
        about = client.V1ObjectMeta(name=name_of(order), namespace=self._options.namespace or None, labels=labels,
                                    annotations={JOB_NOTE: order.name})
        if order.schedule is None:
            return client.V1Job(api_version="batch/v1", kind="Job", metadata=about, spec=job)
        job.suspend = None
        overlap, late = policy_of(order.schedule)
        return client.V1CronJob(api_version="batch/v1", kind="CronJob", metadata=about, spec=client.V1CronJobSpec(
            schedule=check_schedule(order.schedule), time_zone=order.schedule.zone, suspend=suspend, concurrency_policy=overlap,
            starting_deadline_seconds=late, successful_jobs_history_limit=3, failed_jobs_history_limit=3,
            job_template=client.V1JobTemplateSpec(metadata=client.V1ObjectMeta(labels=labels), spec=job)))

    def _template(self, order: Order, labels: dict[str, str]) -> object:
        from kubernetes import client

        options, found = self._options, self._checked
        env = {"MLOPS_STATE": f"{WORK}/state", "MLOPS_WORK": f"{WORK}/runs", **order.env}
        if options.user:
            env["HOME"] = WORK  # a number that the image has no name for has no home, and a kernel wants one
        if "MLOPS_STORE" not in {*env, *order.secrets}:
            env["MLOPS_STORE"] = ""  # the image may name a folder of its own
        own = [name_of(order)] if secret_names(order) else []
        amounts = {"cpu": options.cpu, "memory": options.memory}
        limits = {"memory": options.memory, **found.gpu}
        container = client.V1Container(
            name="job", image=options.image, command=["mlops"], working_dir=WORK,
            args=[literal(word) for word in command(order, [], bundle_of(order, options.bundle))],
            env=[client.V1EnvVar(name=name, value=literal(value)) for name, value in sorted(env.items())],
            env_from=[client.V1EnvFromSource(secret_ref=client.V1SecretEnvSource(name=name))
                      for name in [*found.secrets, *own]] or None,
            resources=client.V1ResourceRequirements(requests=_some(amounts), limits=_some(limits)),
            termination_message_policy="FallbackToLogsOnError",
            volume_mounts=[client.V1VolumeMount(name="work", mount_path=WORK), *(
                client.V1VolumeMount(name=f"claim-{place}", mount_path=claim.path)
                for place, claim in enumerate(found.claims, 1))])
        user = options.user or None
        return client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels=labels), spec=client.V1PodSpec(
            restart_policy="Never", containers=[container], service_account_name=options.service_account or None,
            automount_service_account_token=bool(options.service_account), enable_service_links=False,
            node_selector=found.nodes or None,
            security_context=client.V1PodSecurityContext(run_as_user=user, run_as_non_root=True, fs_group=user) if user else None,
            volumes=[client.V1Volume(name="work", empty_dir=client.V1EmptyDirVolumeSource()), *(
                client.V1Volume(name=f"claim-{place}", persistent_volume_claim=client.V1PersistentVolumeClaimVolumeSource(
                    claim_name=claim.name)) for place, claim in enumerate(found.claims, 1))]))


def _upload(folder: Path, address: str) -> None:
    with tempfile.TemporaryDirectory(prefix="mlops-upload-") as scratch:
        file = Path(scratch) / "bundle.zip"
        file.write_bytes(pack(bundle.load(folder)))
        put(file, address, "the bundle", "--deliver PLACE that you may write, or the bundle in the image: --set bundle=/job")


def _some(amounts: dict[str, str]) -> dict[str, str] | None:
    return {name: amount for name, amount in amounts.items() if amount} or None


class Cluster:
    """The API server of the client's configuration. What it refuses is said in our words."""

    def __init__(self, context: str, namespace: str) -> None:
        """Nothing is asked yet. InputError without a configuration."""
        from kubernetes import client, config

        settings, file = client.Configuration(), os.environ.get("KUBECONFIG") or None
        try:
            if not context and file is None and "KUBERNETES_SERVICE_HOST" in os.environ and not _has_config():
                config.load_incluster_config(client_configuration=settings)
                own = _ACCOUNT.read_text() if _ACCOUNT.exists() else ""
            else:
                config.load_kube_config(file, context or None, settings)
                every, active = config.list_kube_config_contexts(file)
                chosen = next((each for each in every if each["name"] == context), active) if context else active
                own = str(chosen["context"].get("namespace") or "")
        except (config.ConfigException, OSError, yaml.YAMLError) as error:
            where = f"the client's configuration {file or '~/.kube/config'}"
            raise InputError(f"{where} names no cluster: {first_line(str(error))}", "kubectl config get-contexts") from None
        settings.retries = 1
        self._api = client.ApiClient(settings)
        self._batch, self._core = client.BatchV1Api(self._api), client.CoreV1Api(self._api)
        self._host, self._namespace = str(settings.host).rstrip("/"), namespace or own or "default"

    def place(self, order: Order) -> Place:
        """Where an order goes."""
        return Place(self._host, self._namespace, "jobs" if order.schedule is None else "cronjobs", name_of(order))

    def known(self, place: str) -> Place:
        """NotFoundError for what is no place, InputError for one in another cluster."""
        match = _PLACE.fullmatch(place)
        if match is None:
            raise NotFoundError(f"{place!r} is no Job in a cluster", "mlops submissions list")
        if match[1] != self._host:
            raise InputError(f"the submission is in the cluster at {match[1]}, and the client's configuration names {self._host}",
                             "kubectl config use-context NAME")
        return Place(*match.groups())

    def create(self, place: Place, manifest: object, tried: list[Place]) -> Object:
        """Make a Job or a CronJob. One that may be there afterwards, if only because no answer came, is one of `tried`."""
        tried.append(place)
        try:
            return self._asked("create", place, self._verb("create", place.kind), place.namespace, manifest)
        except InputError:  # refused: what is there under this name is another's
            tried.remove(place)
            raise

    def create_secret(self, place: Place, owner: Object, values: dict[str, str]) -> None:
        """Make the Secret of a Job or a CronJob, which goes with it."""
        from kubernetes import client

        by = client.V1OwnerReference(api_version="batch/v1", kind="Job" if place.kind == "jobs" else "CronJob", name=place.name,
                                     uid=text(part(owner, "metadata"), "uid"))
        about = client.V1ObjectMeta(name=place.name, labels=_MADE_BY, owner_references=[by])
        body = client.V1Secret(api_version="v1", kind="Secret", metadata=about, string_data=dict(values), immutable=True)
        self._asked("create", place._replace(kind="secrets"), self._core.create_namespaced_secret, place.namespace, body)

    def patch(self, place: Place, change: dict[str, object]) -> None:
        """Change it."""
        self._asked("patch", place, self._verb("patch", place.kind), place.name, place.namespace, change)

    def delete(self, place: Place) -> None:
        """Delete it, with its pods and its Secret."""
        remove = self._verb("delete", place.kind)
        self._asked("delete", place, lambda *words, **more: remove(*words, propagation_policy="Background", **more), place.name,
                    place.namespace)

    def read(self, place: Place) -> Object:
        """As it is now. NotFoundError if it is gone."""
        return self._asked("get", place, self._verb("read", place.kind), place.name, place.namespace)

    def listed(self, namespace: str, kind: str, names: Sequence[str]) -> list[Object]:
        """The objects that belong to Jobs and CronJobs of these names."""
        place, find = Place(self._host, namespace, kind, ""), self._verb("list", kind)
        selector = f"{NAME_LABEL} in ({','.join(names)})"
        return parts(self._asked("list", place, lambda *words, **more: find(*words, label_selector=selector, **more), namespace),
                     "items")

    def sights(self, namespace: str, kind: str, names: Sequence[str]) -> Iterator[tuple[Place, Sight]]:
        """Each that is there, as it stands."""
        jobs = self.listed(namespace, kind, names)
        pods = self.listed(namespace, "pods", names) if kind == "jobs" else []
        for job in jobs:
            name = text(part(job, "metadata"), "name")
            own = [pod for pod in pods if part(pod, "metadata", "labels").get(NAME_LABEL) == name]
            yield Place(self._host, namespace, kind, name), sight_of_job(job, own) if kind == "jobs" else sight_of_cron_job(job)

    def log(self, namespace: str, pod: str) -> str:
        """What a pod printed; "" for one that has not begun, or is gone."""
        with _in_our_words("get", Place(self._host, namespace, "pods/log", pod)):
            from kubernetes.client import ApiException

            try:
                answer = self._core.read_namespaced_pod_log(
                    pod, namespace, container="job", tail_lines=_LINES, _preload_content=False, _request_timeout=_SECONDS)
            except ApiException as error:
                if error.status in {400, 404}:
                    return ""
                raise
            return cast("bytes", answer.data).decode("utf-8", "replace")

    def _verb(self, verb: str, kind: str) -> Callable[..., object]:
        words = {"jobs": "job", "cronjobs": "cron_job", "pods": "pod", "secrets": "secret"}
        api = self._batch if kind in {"jobs", "cronjobs"} else self._core
        return cast("Callable[..., object]", getattr(api, f"{verb}_namespaced_{words[kind]}"))

    @staticmethod
    def _asked(verb: str, place: Place, call: Callable[..., object], *words: object) -> Object:
        """What the server answers. It is read as JSON: the client's models refuse what a newer server adds."""
        with _in_our_words(verb, place):
            answer = cast("urllib3.HTTPResponse", call(*words, _preload_content=False, _request_timeout=_SECONDS))
            found = json.loads(answer.data)
            return cast("Object", found) if isinstance(found, dict) else {}


@contextmanager
def _in_our_words(verb: str, place: Place) -> Iterator[None]:
    from kubernetes.client import ApiException

    try:
        yield
    except ApiException as error:
        raise refusal(verb, place, error.status or 0, error.body, str(error.reason)) from None
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        what = f"the cluster at {place.host} does not answer: {first_line(str(error))}"
        raise StoreError(what, "kubectl cluster-info") from None


def _has_config() -> bool:
    return (Path.home() / ".kube" / "config").exists()
