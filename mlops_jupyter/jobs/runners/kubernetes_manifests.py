"""What may stand in a manifest of Kubernetes, and how it is written: the part of that runner that asks no cluster.

The schema of Kubernetes takes a schedule that is none, a name in capitals, `memory: 512m` (half a byte) and `$(TOKEN)` in an
argument, which the kubelet then replaces by the value of that variable. So what is given is checked here, by the rules of
Kubernetes' own reference, before anything is sent, and every `$` is written so that it arrives as it was given.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Annotated

import msgspec
import yaml

from mlops_jupyter.entities import InputError, JobManifest, Schedule
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.runners import Order
from mlops_jupyter.jobs.schedule import zone_of

OWN = "mlops-jupyter"
NAME_LABEL, SUBMISSION_LABEL = f"{OWN}/name", f"{OWN}/submission"
JOB_NOTE, CANCELLED_NOTE = f"{OWN}/job", f"{OWN}/cancelled"
WORK, UPLOAD = "/work", "upload"
JOB_NAME, CRON_NAME = 63, 52
"""So long may the name of a Job be, and that of a CronJob, to which the moment is added."""
LATE = 60
"""Seconds after its moment in which a job still starts where missed moments are skipped. The controller looks each ten."""

_DNS = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_DNS.pattern}(\.{_DNS.pattern})*")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_CPU = re.compile(r"\d+m|\d+(\.\d{1,3})?")
_MEMORY = re.compile(r"\d+(\.\d+)?([EPTGM]i?|Ki|k)?")
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 6))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9./:_-]+")
_SPARE = re.compile(r"[^a-z0-9]+")


class KubernetesOptions(msgspec.Struct, frozen=True, rename="kebab"):
    """`image` has the job's environment. `bundle` is where the job is: a path in the image or on a claim, the address of a zip,
    or `upload`, which puts it where it delivers.

    `claim`: `NAME:/PATH` of volumes, by commas. `secret`: Secrets whose keys become environment. `gpu`: `1`, or
    `amd.com/gpu=1`. `user`: number that the pod runs as. `ttl`, `active-deadline`: seconds. `backoff`: further pods for one that
    failed. `node-selector`: `LABEL=VALUE`, by commas. `""` and 0: what the cluster says.
    """

    image: str
    bundle: str = "/job"
    namespace: str = ""
    context: str = ""
    cpu: str = ""
    memory: str = ""
    gpu: str = ""
    claim: str = ""
    secret: str = ""
    service_account: str = ""
    node_selector: str = ""
    user: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 0
    ttl: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 259_200
    backoff: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 0
    active_deadline: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 0


class Claim(msgspec.Struct, frozen=True):
    """A PersistentVolumeClaim, and where a pod sees it."""

    name: str
    path: str

    def holds(self, place: str) -> bool:
        """Whether the path is on it."""
        return ".." not in PurePosixPath(place).parts and PurePosixPath(place).is_relative_to(self.path)


class Checked(msgspec.Struct, frozen=True):
    """What options say, taken apart and found to be what Kubernetes takes."""

    claims: list[Claim]
    secrets: list[str]
    nodes: dict[str, str]
    gpu: dict[str, str]


def checked(options: KubernetesOptions) -> Checked:
    """InputError for what Kubernetes would refuse, or take for something else."""
    if not options.image.strip() or re.search(r"\s", options.image):
        raise _wrong("image", options.image, "it is no image", "REGISTRY/NAME:TAG")
    for option, value in (("namespace", options.namespace), ("service-account", options.service_account)):
        if value:
            _named(option, value)
    if options.cpu and not _CPU.fullmatch(options.cpu):
        raise _wrong("cpu", options.cpu, "it is no number of processors", "2, 0.5 or 500m")
    if options.memory and not _MEMORY.fullmatch(options.memory):
        what = "it is thousandths of a byte" if options.memory.endswith("m") else "it is no number of bytes"
        raise _wrong("memory", options.memory, what, "512Mi or 4Gi")
    if options.bundle != UPLOAD and "://" not in options.bundle and not PurePosixPath(options.bundle).is_absolute():
        raise _wrong("bundle", options.bundle, "it is relative to no folder of a pod", "/job, s3://BUCKET/job.zip, or upload")
    secrets = [_named("secret", name) for name in _listed(options.secret)]
    return Checked([_claim(text) for text in _listed(options.claim)], secrets,
                   dict(_label(text) for text in _listed(options.node_selector)), _gpu(options.gpu))


def check_order(order: Order, manifest: JobManifest, claims: list[Claim]) -> None:
    """InputError for what a pod would not find, or what would be gone with it."""
    for word in [*order.parameters.values(), *order.inputs.values(), *order.env.values(), order.deliver]:
        if "\0" in str(word):
            raise InputError(f"{word!r} holds a zero byte, and no command can", "leave it out")
    if not _reaches(order.deliver, claims):
        raise InputError(f"what a pod leaves in {order.deliver or 'its own folder'} is gone with it",
                         "--deliver s3://BUCKET/FOLDER, or a path on a claim: --set claim=NAME:/data --deliver /data/FOLDER")
    for name, where in order.inputs.items():
        if not _reaches(where, claims):
            raise _no_input(name, where)
    for each in manifest.inputs:
        place = each.source or each.path
        if each.kind == "file" and not each.carried and each.name not in order.inputs and not _reaches(place, claims):
            raise _no_input(each.name, place)


def _reaches(place: str, claims: list[Claim]) -> bool:
    if "://" in place:
        return not place.startswith("file://")
    return any(claim.holds(place) for claim in claims)


def _no_input(name: str, where: str) -> InputError:
    return InputError(f"input {name} is {where} on this machine, and a pod does not see it",
                      f"-i {name}=s3://BUCKET/FILE, or a path on a claim: --set claim=NAME:/data -i {name}=/data/FILE")


def name_of(order: Order) -> str:
    """The name of its Job or CronJob: the job's, as far as Kubernetes can hold it, and the submission's id."""
    longest = CRON_NAME if order.schedule is not None else JOB_NAME
    end = spoken(order.submission)[:26]
    name = spoken(order.name)[: longest - len(f"mlops--{end}")].strip("-")
    return f"mlops-{name or 'job'}-{end}"


def bundle_of(order: Order, option: str) -> str:
    """Where its pod finds the bundle. What is uploaded stands under its own content, once for all orders of it."""
    if option != UPLOAD:
        return option
    return f"{order.deliver.rstrip('/')}/bundles/{bundle.load(order.bundle).manifest.digest.rpartition(':')[2][:32]}.zip"


def spoken(text: str) -> str:
    """Text in the letters of a DNS label: lower case, digits and single dashes."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return _SPARE.sub("-", plain).strip("-")


def literal(text: str) -> str:
    """The text, so that the kubelet makes of it what it was: it takes `$(NAME)` for a variable, and `$$` for a dollar."""
    return text.replace("$", "$$")


def check_schedule(schedule: Schedule) -> str:
    """The cron line as Kubernetes takes it. InputError for what it cannot say.

    https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs: five fields, no L, W or #, and Sunday is 0.
    """
    fields = schedule.cron.split()
    if len(fields) != len(_FIELDS):
        raise InputError(f"the schedule {schedule.cron!r} has {len(fields)} fields, and Kubernetes wants five",
                         "minute, hour, day of the month, month, day of the week: 0 6 * * 1-5")
    zone_of(schedule)
    if schedule.overlap == "queue" and schedule.missed == "skip":
        raise InputError("Kubernetes cannot wait for the run before and yet skip what it missed: both are one setting there",
                         "--overlap skip, or --missed run")
    return " ".join(_field(text, *rule) for text, rule in zip(fields, _FIELDS, strict=True))


def policy_of(schedule: Schedule) -> tuple[str, int | None]:
    """(concurrencyPolicy, startingDeadlineSeconds). Forbid makes up for what it skipped, once, unless that is too long ago."""
    return "Replace" if schedule.overlap == "cancel-old" else "Forbid", LATE if schedule.missed == "skip" else None


def notes(order: Order) -> list[str]:
    """What a reader of the manifest should know of it that does not stand there."""
    found = []
    if spoken(order.name) != order.name:
        found.append(f"Kubernetes cannot hold the name {order.name!r}: it stands in an annotation.")
    if secret_names(order):
        held = ", ".join(secret_names(order))
        found.append(f"submit makes a Secret {name_of(order)} with {held}, which goes with it; without submit, make it first.")
    if order.schedule is not None and order.schedule.overlap == "skip" and order.schedule.missed == "run":
        found.append("A moment that was skipped because the run before still ran is made up for once when that ends: "
                     "Kubernetes has one setting for both. With --missed skip it is not.")
    return found


def secret_names(order: Order) -> list[str]:
    """Variables that come from the submission's own Secret. The token for a server is made when it is handed over."""
    token = {"MLOPS_TOKEN"} if order.env.get("MLOPS_STORE", "").startswith(("http://", "https://")) else set()
    return sorted({*order.secrets, *token})


def as_yaml(objects: list[object]) -> str:
    """The objects as YAML, the same bytes each time, which readers of YAML 1.1 and 1.2 take alike."""
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True, explicit_start=True)


class _Dumper(yaml.SafeDumper):
    """Texts that any version of YAML could take for a number or a truth (`1e3`, `0o17`, `y`) are quoted."""

    def ignore_aliases(self, data: object) -> bool:
        """Each place is written out."""
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if _PLAIN.fullmatch(value) else '"')


_Dumper.add_representer(str, _text)


def _field(text: str, name: str, low: int, high: int) -> str:
    return ",".join(_part(part, name, low, high) for part in text.lower().split(","))


def _part(part: str, name: str, low: int, high: int) -> str:
    span, slash, step = part.partition("/")
    first, dash, last = span.partition("-")
    ends = [low, high] if span == "*" else [_number(end, name) for end in ([first, last] if dash else [first])]
    steps = not slash or (step.isascii() and step.isdecimal() and int(step) > 0)
    if not steps or None in ends:
        raise _no_field(part, name, low, high)
    numbers = [end for end in ends if end is not None]
    if name.endswith("week"):  # cron's other Sunday
        if numbers == [7]:
            numbers = [0]
        elif numbers[-1] == 7:
            raise InputError(f"Kubernetes has no day 7 in {part!r}: Sunday is 0 there", f"write 0,{numbers[0]}-6")
    if not low <= numbers[0] <= numbers[-1] <= high:
        raise _no_field(part, name, low, high)
    return ("*" if span == "*" else "-".join(map(str, numbers))) + slash + step


def _number(text: str, name: str) -> int | None:
    names = _MONTHS if name == "month" else _DAYS if name.endswith("week") else ()
    if text in names:
        return names.index(text) + (name == "month")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else None


def _no_field(part: str, name: str, low: int, high: int) -> InputError:
    return InputError(f"{part!r} is no {name} that Kubernetes takes", f"from {low} to {high}: 5, 1-5, */15, or several by commas")


def _claim(text: str) -> Claim:
    name, _, path = text.partition(":")
    if not PurePosixPath(path).is_absolute() or ":" in path or ".." in PurePosixPath(path).parts or path.strip("/") == "":
        raise _wrong("claim", text, "it names no folder", "claim=NAME:/data")
    return Claim(_named("claim", name), path.rstrip("/"))


def _gpu(text: str) -> dict[str, str]:
    kind, sign, count = text.rpartition("=")
    if text and (not count.isascii() or not count.isdecimal() or (sign and not re.fullmatch(r"[a-z0-9.-]+/[\w.-]+", kind))):
        raise _wrong("gpu", text, "it is no number of devices", "1, or amd.com/gpu=1")
    return {kind or "nvidia.com/gpu": count} if text else {}


def _label(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    prefix, slash, rest = name.rpartition("/")
    if not rest or not _LABEL_VALUE.fullmatch(rest) or not _LABEL_VALUE.fullmatch(value) or "=" not in text or (
            slash and not _SUBDOMAIN.fullmatch(prefix)):
        raise _wrong("node-selector", text, "it is no label of a node", "LABEL=VALUE; kubectl get nodes --show-labels")
    return name, value


def _named(option: str, name: str) -> str:
    if len(name) > 253 or not (_DNS if option == "namespace" else _SUBDOMAIN).fullmatch(name):
        raise _wrong(option, name, "Kubernetes has only lower-case letters, digits and - in names", spoken(name) or "NAME")
    return name


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _wrong(option: str, value: str, what: str, right: str) -> InputError:
    right = right if "=" in right.partition(";")[0].partition(",")[0] and right.startswith(option) else f"{option}={right}"
    return InputError(f"the runner kubernetes cannot take {option}={value!r}: {what}", f"write it as --set {right}")
