"""What may stand in a manifest, what a Job's conditions mean, and what is refused before a cluster is asked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.entities import InputError, JobInput, JobManifest, Schedule
from mlops_jupyter.entities.data import Fingerprint
from mlops_jupyter.jobs.outcome import judge_place
from mlops_jupyter.jobs.runners import Order, read_options
from mlops_jupyter.jobs.runners.kubernetes_manifests import (
    CRON_NAME,
    JOB_NAME,
    KubernetesOptions,
    as_yaml,
    check_order,
    check_schedule,
    checked,
    literal,
    name_of,
    notes,
    policy_of,
)
from mlops_jupyter.jobs.runners.kubernetes_states import STATES, sight_of_cron_job, sight_of_job
from tests.cluster import Json, expanded

ID = "01m8h4nnjane1qps0e5wgs2g16"
MANIFEST = JobManifest("job", 1.0, [], [], [], 1, 1)


def options(**more: str) -> KubernetesOptions:
    found = read_options(
        "kubernetes", KubernetesOptions, {"image": "a/b:1", **{name.replace("_", "-"): more[name] for name in more}}
    )
    assert isinstance(found, KubernetesOptions)
    return found


def order(**more: object) -> Order:
    return msgspec.structs.replace(Order(submission=ID, bundle=Path("job"), deliver="s3://b/out"), **more)


@pytest.mark.parametrize(
    "name", ["flights", "Flüge für Köln", "a" * 300, "-", "", "../../etc", "a\nkind: Pod", "день", "x.y_z", "\x1b[31m"]
)
@pytest.mark.parametrize(("schedule", "longest"), [(None, JOB_NAME), (Schedule("0 6 * * *"), CRON_NAME)])
def test_any_job_has_a_name_that_kubernetes_can_hold(name: str, schedule: Schedule | None, longest: int) -> None:
    made = name_of(order(name=name, schedule=schedule))
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", made)
    assert made.endswith(ID)
    assert len(made) <= longest
    if name and not re.fullmatch("[a-z]+", name):
        assert repr(name) in notes(order(name=name))[0]
        assert "\n" not in notes(order(name=name))[0]


@given(st.text(), st.dictionaries(st.sampled_from(["HOME", "MLOPS_TOKEN", "a"]), st.text()))
def test_a_text_arrives_as_it_was_given(text: str, env: dict[str, str]) -> None:
    assert expanded(literal(text), env) == text


def test_without_that_the_kubelet_would_put_a_token_in_its_place() -> None:
    assert expanded("$(MLOPS_TOKEN) costs $$5", {"MLOPS_TOKEN": "secret"}) == "secret costs $5"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_text_in_yaml_is_that_text(text: str) -> None:
    assert yaml.safe_load(as_yaml([{"value": text}])) == {"value": text}


@pytest.mark.parametrize(
    "text",
    [
        "1e3",
        "0o17",
        "y",
        "n",
        "yes",
        "1_000",
        "0x1f",
        "12:30:45",
        "~",
        "null",
        ".inf",
        "2026-11-28",
        "1e-3",
        "=",
        "<<",
        "- a",
        "# a",
        "+1",
        "017",
        "1.",
        "true",
    ],
)
def test_what_another_yaml_could_take_for_something_else_is_quoted(text: str) -> None:
    assert as_yaml([text]).removeprefix("---").strip()[0] in "\"'"


@pytest.mark.parametrize(
    ("given_options", "says"),
    [
        ({"image": ""}, "image"),
        ({"image": "a b"}, "image"),
        ({"namespace": "Team"}, "team"),
        ({"namespace": "a.b"}, "a-b"),
        ({"cpu": "2 cores"}, "cpu=2"),
        ({"memory": "512m"}, "thousandths of a byte"),
        ({"memory": "4GB"}, "512Mi"),
        ({"memory": "-1"}, "Mi"),
        ({"gpu": "one"}, "gpu=1"),
        ({"gpu": "=1"}, "gpu=1"),
        ({"claim": "data"}, "claim=NAME:/data"),
        ({"claim": "data:rel"}, "claim=NAME"),
        ({"claim": "data:/"}, "claim=NAME"),
        ({"claim": "data:/a/../b"}, "claim=NAME"),
        ({"claim": "Data:/d"}, "claim=data"),
        ({"secret": "a_b"}, "secret=a-b"),
        ({"service_account": "a b"}, "service-account=a-b"),
        ({"node_selector": "disk"}, "LABEL=VALUE"),
        ({"node_selector": "a b=c"}, "LABEL=VALUE"),
        ({"node_selector": "=c"}, "LABEL=VALUE"),
        ({"bundle": "job"}, "bundle=/job"),
        ({"ttl": "-1"}, "ttl='-1'"),
        ({"backoff": "many"}, "backoff='many'"),
        ({"colour": "red"}, "colour"),
        ({"user": "root"}, "user='root'"),
    ],
)
def test_options_that_kubernetes_would_refuse_or_take_for_something_else(given_options: dict[str, str], says: str) -> None:
    with pytest.raises(InputError) as raised:
        checked(options(**given_options))
    assert says in str(raised.value)


def test_options_taken_apart() -> None:
    found = checked(
        options(
            claim="data:/data, models:/models/",
            secret="aws,db",
            gpu="amd.com/gpu=2",
            node_selector="disk=ssd,a.b/c=",
            cpu="0.5",
            memory="1.5Gi",
        )
    )
    assert [(claim.name, claim.path) for claim in found.claims] == [("data", "/data"), ("models", "/models")]
    assert (found.secrets, found.gpu, found.nodes) == (["aws", "db"], {"amd.com/gpu": "2"}, {"disk": "ssd", "a.b/c": ""})
    assert checked(options(gpu="1")).gpu == {"nvidia.com/gpu": "1"}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"deliver": ""}, "is gone with it"),
        ({"deliver": "/tmp/out"}, "is gone with it"),
        ({"deliver": "/data/../out"}, "is gone with it"),
        ({"deliver": "file:///data/out"}, "is gone with it"),
        ({"deliver": "/database/out"}, "is gone with it"),
        ({"inputs": {"rows": "/home/ann/rows.csv"}}, "a pod does not see it"),
        ({"parameters": {"text": "a\0b"}}, "zero byte"),
    ],
)
def test_an_order_that_no_pod_could_do(more: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        check_order(order(**more), MANIFEST, checked(options(claim="data:/data")).claims)


def test_an_order_that_a_pod_can_do() -> None:
    claims = checked(options(claim="data:/data")).claims
    for deliver in ("s3://b/out", "/data", "/data/out"):
        check_order(order(deliver=deliver, inputs={"rows": "/data/rows.csv", "more": "s3://b/rows.csv"}), MANIFEST, claims)


def test_an_input_that_the_bundle_does_not_carry_is_asked_for() -> None:
    entry = JobInput("rows", "rows.csv", Fingerprint("file", "x"), source="/home/ann/rows.csv")
    manifest = msgspec.structs.replace(MANIFEST, inputs=[entry])
    with pytest.raises(InputError, match=r"/home/ann/rows\.csv on this machine"):
        check_order(order(), manifest, [])
    check_order(order(inputs={"rows": "s3://b/rows.csv"}), manifest, [])


@pytest.mark.parametrize(
    ("cron", "read"),
    [
        ("0 6 * * 1-5", "0 6 * * 1-5"),
        ("*/15 0-8/2 1,15 jan-mar *", "*/15 0-8/2 1,15 1-3 *"),
        ("0 6 * * MON-FRI", "0 6 * * 1-5"),
        ("0 6 * * 7", "0 6 * * 0"),
        ("5  4   * * sun", "5 4 * * 0"),
    ],
)
def test_a_schedule_as_kubernetes_takes_it(cron: str, read: str) -> None:
    assert check_schedule(Schedule(cron, "Europe/Berlin")) == read


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        (Schedule("not cron"), "2 fields"),
        (Schedule("0 6 * * * *"), "6 fields"),
        (Schedule("60 6 * * *"), "'60' is no minute"),
        (Schedule("0 6 L * *"), "'l' is no day of the month"),
        (Schedule("0 6 * * 1#2"), "day of the week"),
        (Schedule("*/0 * * * *"), "minute"),
        (Schedule("5-1 * * * *"), "minute"),
        (Schedule("* * * * 5-7"), "no day 7"),
        (Schedule("@daily"), "1 fields"),
        (Schedule("0 ٣ * * *"), "hour"),
        (Schedule("0 6 * * *", "Mars/Base"), "no time zone 'Mars/Base'"),
        (Schedule("0 6 * * *", "UTC", "queue", "skip"), "cannot wait"),
        (Schedule("TZ=UTC 0 6 * *"), "minute"),
    ],
)
def test_a_schedule_that_kubernetes_cannot_say(schedule: Schedule, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        check_schedule(schedule)


def test_what_overlap_and_missed_are_there() -> None:
    assert policy_of(Schedule("* * * * *", missed="skip")) == ("Forbid", 60)
    assert policy_of(Schedule("* * * * *", overlap="queue")) == ("Forbid", None)
    assert policy_of(Schedule("* * * * *", overlap="cancel-old")) == ("Replace", None)
    assert any("made up for once" in note for note in notes(order(schedule=Schedule("* * * * *"))))


def job(*conditions: Json, suspend: bool = False, cancelled: bool = False, **counts: int) -> Json:
    notes_ = {"mlops-jupyter/cancelled": "true"} if cancelled else {}
    return {
        "metadata": {"name": "j", "creationTimestamp": "2026-11-28T12:00:00Z", "annotations": notes_},
        "spec": {"suspend": suspend},
        "status": {"conditions": list(conditions), **counts},
    }


def end(kind: str, reason: str = "", status: str = "True") -> Json:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": f"told: {reason}",
        "lastTransitionTime": "2026-11-28T12:01:00Z",
    }


def pod(phase: str, state: Json | None = None, at: int = 0, **more: object) -> Json:
    return {
        "metadata": {"name": f"p{at}", "creationTimestamp": f"2026-11-28T12:00:0{at}Z"},
        "status": {"phase": phase, "containerStatuses": [{"name": "job", "state": state or {}}], **more},
    }


def stopped(code: int, reason: str = "Error", message: str = "") -> Json:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message, "startedAt": "2026-11-28T12:00:10Z"}}


TABLE = [
    ("a new one", job(), [], "Pending", "queued", ""),
    ("held back", job(suspend=True), [], "Suspended", "queued", ""),
    ("held back, then cancelled", job(suspend=True, cancelled=True), [], "Cancelled", "cancelled", "cancelled"),
    (
        "no node",
        job(),
        [
            pod(
                "Pending",
                conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}],
            )
        ],
        "Pending",
        "queued",
        "Unschedulable: 0/3 nodes",
    ),
    ("being made", job(), [pod("Pending", {"waiting": {"reason": "ContainerCreating"}})], "Pending", "queued", ""),
    (
        "no image",
        job(),
        [pod("Pending", {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}})],
        "Pending",
        "queued",
        "ImagePullBackOff: Back-off",
    ),
    ("runs", job(active=1), [pod("Running", {"running": {"startedAt": "2026-11-28T12:00:10Z"}})], "Running", "running", ""),
    ("node silent", job(active=1), [pod("Unknown")], "Unreachable", "running", "does not answer"),
    ("pod done, job not yet", job(), [pod("Succeeded", stopped(0))], "Running", "running", ""),
    ("about to fail", job(end("FailureTarget", "DeadlineExceeded")), [pod("Running")], "Running", "running", ""),
    ("condition that does not hold", job(end("Failed", status="False")), [pod("Running")], "Running", "running", ""),
    ("done", job(end("Complete")), [pod("Succeeded", stopped(0))], "Complete", "succeeded", ""),
    (
        "failed",
        job(end("Failed", "BackoffLimitExceeded")),
        [pod("Failed", stopped(1, message="ValueError: x"))],
        "Failed",
        "failed",
        "ValueError: x",
    ),
    (
        "bad input",
        job(end("Failed", "PodFailurePolicy")),
        [pod("Failed", stopped(2))],
        "Failed",
        "failed",
        "told: PodFailurePolicy",
    ),
    ("killed", job(end("Failed", "BackoffLimitExceeded")), [pod("Failed", stopped(137))], "Failed", "died", ""),
    (
        "out of memory",
        job(end("Failed", "BackoffLimitExceeded")),
        [pod("Failed", stopped(137, "OOMKilled"))],
        "OOMKilled",
        "died",
        "memory",
    ),
    (
        "the last pod counts",
        job(end("Failed", "BackoffLimitExceeded")),
        [pod("Failed", stopped(1, message="last"), 2), pod("Failed", stopped(137, "OOMKilled"), 1)],
        "Failed",
        "failed",
        "last",
    ),
    (
        "evicted",
        job(end("Failed", "BackoffLimitExceeded")),
        [pod("Failed", reason="Evicted", message="low on disk")],
        "Evicted",
        "died",
        "low on disk",
    ),
    ("node gone", job(end("Failed", "BackoffLimitExceeded")), [], "Lost", "died", "no exit code"),
    ("too long", job(end("Failed", "DeadlineExceeded")), [], "DeadlineExceeded", "timed-out", "told: DeadlineExceeded"),
    ("cancelled", job(end("Failed", "DeadlineExceeded"), cancelled=True), [], "Cancelled", "cancelled", "cancelled"),
    (
        "failed before it was cancelled",
        job(end("Failed", "BackoffLimitExceeded"), cancelled=True),
        [pod("Failed", stopped(1))],
        "Failed",
        "failed",
        "",
    ),
    ("done before it was cancelled", job(end("Complete"), cancelled=True), [], "Complete", "succeeded", ""),
    ("failed, its pod not yet", job(end("Failed", "DeadlineExceeded")), [pod("Running")], "Stopping", "running", ""),
    ("failed, its node dead", job(end("Failed", "DeadlineExceeded")), [pod("Running", conditions=[
        {"type": "Ready", "status": "False"}])], "DeadlineExceeded", "timed-out", ""),
    ("nonsense", {"metadata": None, "status": {"conditions": "x"}}, [{"status": 3}], "Running", "running", ""),
]


@pytest.mark.parametrize(("made", "pods", "word", "state", "says"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_how_a_job_stands(made: Json, pods: list[Json], word: str, state: str, says: str) -> None:
    sight = sight_of_job(made, pods)
    assert (sight.word, judge_place(sight, STATES).state) == (word, state)
    assert says in sight.detail


def test_its_moments_are_the_clusters_own() -> None:
    sight = sight_of_job(job(end("Failed", "BackoffLimitExceeded"), failed=2), [pod("Failed", stopped(1))])
    assert sight.queued is not None
    assert sight.started is not None
    assert sight.ended is not None
    assert (sight.started - sight.queued, sight.ended - sight.queued, sight.attempt) == (10.0, 60.0, 2)


def test_what_a_pod_printed_steers_no_terminal() -> None:
    sight = sight_of_job(job(end("Failed")), [pod("Failed", stopped(1, message="\x1b[31mred\x1b[0m\a \x1b]0;title\x07 end"))])
    assert sight.detail == "red ]0;title end"


@pytest.mark.parametrize(
    ("made", "word", "state"),
    [
        (job(), "Scheduled", "scheduled"),
        (job(suspend=True), "Paused", "scheduled"),
        (job(suspend=True, cancelled=True), "Cancelled", "cancelled"),
    ],
)
def test_how_a_cron_job_stands(made: Json, word: str, state: str) -> None:
    sight = sight_of_cron_job(made)
    assert (sight.word, judge_place(sight, STATES).state) == (word, state)


def test_without_the_client_it_says_which_extra_installs_it() -> None:
    code = """
import sys
sys.modules["kubernetes"] = None
from mlops_jupyter.cli import execute
sys.exit(execute(["submit", "job", "--to", "kubernetes"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "the runner kubernetes needs kubernetes, which is not installed" in done.stderr
    assert "pip install 'mlops_jupyter[kubernetes]'" in done.stderr


def test_listing_the_runners_does_not_import_the_client() -> None:
    code = "import sys; from mlops_jupyter.api.runners import runners; runners(); sys.exit('kubernetes' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
