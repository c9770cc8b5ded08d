"""Jobs on Kubernetes: through the official client to an API server on loopback, whose pods really run their command.

What is not proven here: no scheduler chose a node, no kubelet pulled an image, and none was built.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from mlops_jupyter.api import submissions as verbs
from mlops_jupyter.api.conformance import CHECKS, Check, Kit, write_job
from mlops_jupyter.api.handing import submit, submit_all
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.cli import execute
from mlops_jupyter.entities import InputError, NotFoundError, Schedule, StoreError, Submission
from mlops_jupyter.jobs.runners import Order
from mlops_jupyter.jobs.runners.kubernetes import KubernetesRunner
from mlops_jupyter.jobs.runners.kubernetes_manifests import KubernetesOptions
from mlops_jupyter.store import open_store
from tests.cluster import Cluster, Image, Json, cluster
from tests.ports import free_port
from tests.team import serving

MLOPS = str(Path(sys.executable).parent / "mlops")


@pytest.fixture(scope="module")
def node() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


@pytest.fixture
def kit(node: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    """A job in an image, a claim that this machine sees under the same path, and the client's own configuration."""
    monkeypatch.setenv("KUBECONFIG", str(node.config(tmp_path)))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    shared = tmp_path / "shared"
    shared.mkdir()
    image = f"registry.example/{tmp_path.name}:1"
    node.images[image] = Image({"/job": write_job(shared / "job")})
    node.claims["shared"] = shared
    options = {"image": image, "claim": f"shared:{shared}"}
    yield Kit("kubernetes", options, shared, patience=120, deliver=str(shared / "delivered"))
    node.refusal, node.refuses_kind, node.ahead = None, "", 0.0


def given(kit: Kit, **options: str) -> Kit:
    """The same, with more options."""
    return msgspec.structs.replace(kit, options={**kit.options, **options})


def name_in(one: Submission) -> str:
    """The name of its Job or CronJob."""
    return one.place.rpartition("/")[2]


def named(node: Cluster, kind: str, name: str) -> Json:
    """A thing as the server has it."""
    return next(thing for thing in node.of(kind) if thing["metadata"]["name"] == name)


def runner_of(kit: Kit, **options: str) -> KubernetesRunner:
    return KubernetesRunner(msgspec.convert({**kit.options, **options}, KubernetesOptions))


def waiting(kit: Kit, node: Cluster, one: Submission) -> str:
    """The pod of a job that waits in its cell."""
    kit.until(one, lambda now: now.state == "running" and "it waits" in verbs.logs(now.id), "come to its cell")
    [pod] = node.running(name_in(one)[:57])
    return pod


def error_of(one: Submission) -> str:
    return one.outcome.error if one.outcome else ""


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_what_every_runner_promises(check: Check, kit: Kit) -> None:
    check(kit)


def killed(node: Cluster, pod: str) -> None:
    node.processes[pod].kill()


def out_of_memory(node: Cluster, pod: str) -> None:
    node.end(pod, "OOMKilled")


def evicted(node: Cluster, pod: str) -> None:
    node.end(pod, "Evicted")


def lost(node: Cluster, pod: str) -> None:
    node.lose(pod)


@pytest.mark.parametrize(("kill", "says"), [
    (killed, "it waits"), (out_of_memory, "memory"), (evicted, "low on resource"), (lost, "left no exit code")])
def test_a_pod_that_was_killed_died_and_says_of_what(kill: Callable[[Cluster, str], None], says: str, kit: Kit,
                                                     node: Cluster) -> None:
    one = kit.submit(what="wait")
    kill(node, waiting(kit, node, one))
    done = kit.ended(one)
    assert (done.state, error_of(done).count(says) > 0) == ("died", True), error_of(done)
    assert not [session for session in open_ledger().sessions(submission=one.id) if session.state == "running"]
    assert verbs.submission(one.id).state == "died"


def test_a_pod_that_had_to_go_is_run_again_and_counts_as_no_failure(kit: Kit, node: Cluster) -> None:
    one = kit.submit(what="wait")
    first = waiting(kit, node, one)
    node.end(first, "Drained")
    node.until(lambda: set(node.running(name_in(one)[:57])) - {first} != set())
    again = kit.until(one, lambda now: verbs.logs(now.id).count("it waits") == 2, "come to its cell again")
    assert (again.state, again.attempts) == ("running", 2)
    verbs.cancel(one.id)
    done = kit.ended(one)
    assert (done.state, len(done.collected)) == ("cancelled", 1)
    assert not node.running(name_in(one)[:57])


def test_backoff_is_for_what_may_go_better_and_bad_input_does_not(kit: Kit, node: Cluster) -> None:
    again = given(kit, backoff="1").submit(what="fail")
    done = kit.ended(again)
    assert (done.state, named(node, "jobs", name_in(again))["status"]["failed"]) == ("failed", 2)
    assert len(done.collected) == 2  # each attempt delivered, and is in the ledger
    more = given(kit, backoff="5", bundle=str(kit.folder / "gone"))
    bad = submit(kit.job(), "kubernetes", {}, {}, more.how())
    ended = kit.ended(bad)
    assert (ended.state, named(node, "jobs", name_in(bad))["status"]["failed"]) == ("failed", 1)
    assert named(node, "jobs", name_in(bad))["status"]["conditions"][0]["reason"] == "PodFailurePolicy"
    assert "gone" in error_of(ended)


def test_a_deadline_ends_as_timed_out_and_no_process_is_left(kit: Kit, node: Cluster) -> None:
    one = given(kit, **{"active-deadline": "4"}).submit(what="wait")
    done = kit.ended(one)
    assert (done.state, "deadline" in error_of(done)) == ("timed-out", True)
    assert not node.running(name_in(one)[:57])


@pytest.mark.parametrize(("option", "value", "says"), [
    ("image", "registry.example/none:9", "ImagePullBackOff"), ("node-selector", "disk=ssd", "Unschedulable")])
def test_what_cannot_start_is_queued_and_says_why_and_can_be_cancelled(option: str, value: str, says: str, kit: Kit,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "_LEAVE", 0.0)  # no attempt of it has begun that could leave something
    one = given(kit, **{option: value}).submit()
    queued = kit.until(one, lambda now: says in error_of(now), "say why it waits")
    assert queued.state == "queued"
    verbs.cancel(one.id)
    assert kit.ended(one).state == "cancelled"


def test_a_job_that_the_ttl_took_is_judged_by_what_it_left(kit: Kit, node: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "_LOST", 0.0)  # a submission younger than that may not be known yet
    good, bad = submit_all(kit.job(), "kubernetes", [{}, {"what": "wait"}], {}, kit.how())
    runner = runner_of(kit)
    node.processes[waiting(kit, node, bad)].kill()
    node.until(lambda: [sight.word for sight in runner.status([good.place, bad.place])] == ["Complete", "Failed"])
    for one in (good, bad):
        node.expire(name_in(one))
    with pytest.raises(NotFoundError):
        runner.status([good.place])
    assert [verbs.submission(one.id).state for one in (good, bad)] == ["succeeded", "died"]
    assert kit.run(good).id == verbs.submission(good.id).run


def test_secrets_stand_in_the_jobs_own_secret_and_a_run_reports_with_its_token(kit: Kit, node: Cluster, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "team"))
    boss = store.create_token("boss", "admin").secret
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_STORE", store.url)
        with serving() as address:
            env = {**os.environ, "MLOPS_STORE": address, "MLOPS_TOKEN": boss}

            def mlops(*words: str) -> Json:
                done = subprocess.run([MLOPS, *words, "--json"], env=env, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stdout + done.stderr
                return json.loads(done.stdout)

            options = [f"--set={name}={value}" for name, value in kit.options.items()]
            made = mlops("submit", str(kit.job()), "--to", "kubernetes", "--unverified", "--deliver", kit.deliver, *options)
            name = made["place"].rpartition("/")[2]
            job = named(node, "jobs", name)
            secret = next(each for each in node.of("secrets") if each["metadata"]["name"] == name)
            token = secret["stringData"]["MLOPS_TOKEN"]
            assert token not in json.dumps([job, node.of("pods")])
            assert secret["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
            assert {"name": "MLOPS_STORE", "value": address} in job["spec"]["template"]["spec"]["containers"][0]["env"]
            node.until(lambda: "completionTime" in named(node, "jobs", name)["status"])
            now = mlops("submissions", "show", made["id"])
            assert now["state"] == "succeeded", now
            [session] = mlops("sessions", "list")
            assert session["origin"]["submission"] == made["id"]
    [run] = store.runs(session=session["id"])
    assert (run.id, [metric.value for metric in run.metrics]) == (now["run"], [6.0])
    node.expire(name)
    node.until(lambda: name not in {each["metadata"]["name"] for each in node.of("secrets")})
    store.close()


def test_all_of_a_hand_over_run_or_none_does(kit: Kit, node: Cluster) -> None:
    taken = {job["metadata"]["name"] for job in node.of("jobs")}
    runner = runner_of(kit)
    one = kit.submit(what="work")
    assert kit.ended(one).state == "succeeded"
    orders = [Order(submission=f"s{number}", bundle=kit.job(), deliver=kit.deliver, secrets={"MLOPS_STORE": "postgresql://u:p@h/d"})
              for number in range(3)]
    node.refuses_kind = "Secret"
    with pytest.raises(InputError, match="secrets is forbidden"):
        runner.submit(orders)
    assert {job["metadata"]["name"] for job in node.of("jobs")} - taken == {name_in(one)}
    assert not [pod for pod in node.of("pods") if "-s0" in pod["metadata"]["name"]]


def test_the_same_order_twice_is_refused(kit: Kit, node: Cluster) -> None:
    runner = runner_of(kit, **{"node-selector": "disk=ssd"})
    order = Order(submission="twice", bundle=kit.job(), deliver=kit.deliver)
    [place] = runner.submit([order])
    with pytest.raises(InputError, match="are there already"):
        runner.submit([order])
    assert runner.status([place])[0].word == "Pending"


def test_a_server_that_is_out_of_reach_refuses_or_is_another_changes_no_state(kit: Kit, node: Cluster, tmp_path: Path,
                                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    one = kit.submit(what="wait")
    waiting(kit, node, one)
    runner = runner_of(kit)
    for refusal, kind in (((403, "jobs is forbidden"), InputError), ((401, "Unauthorized"), InputError),
                          ((503, "etcd is not there"), StoreError), ((429, "too many requests"), StoreError)):
        node.refusal = refusal
        with pytest.raises(kind, match=refusal[1]):
            runner.status([one.place])
        with pytest.raises(kind, match=refusal[1]):
            kit.submit()
        assert verbs.submission(one.id).state == "running"
    node.refusal = None
    monkeypatch.setenv("KUBECONFIG", str(node.config(tmp_path, f"http://127.0.0.1:{free_port()}")))
    with pytest.raises(StoreError, match="does not answer"):
        kit.submit()
    with pytest.raises(InputError, match="is in the cluster at"):
        runner_of(kit).status([one.place])
    assert verbs.submission(one.id).state == "running"
    never = [each for each in verbs.submissions() if each.id != one.id]
    assert {each.state for each in never} == {"failed"}
    assert all("never handed over" in error_of(each) for each in never)
    monkeypatch.setenv("KUBECONFIG", str(node.config(tmp_path)))
    verbs.cancel(one.id)
    assert kit.ended(one).state == "cancelled"


@pytest.mark.parametrize("text", ["", "not: [a kubeconfig", "current-context: none\n"])
def test_without_a_configuration_it_says_so(text: str, kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "other"
    if text:
        file.write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(file))
    with pytest.raises(InputError, match=str(file)) as raised:
        kit.submit()
    assert raised.value.remedy == "kubectl config get-contexts"


@pytest.mark.parametrize("ahead", [3600.0, -3600.0])
def test_a_clock_an_hour_off_changes_no_state_and_no_duration(ahead: float, kit: Kit, node: Cluster) -> None:
    node.ahead = ahead
    done = kit.ended(kit.submit())
    assert done.state == "succeeded"
    assert done.started is not None
    assert done.ended is not None
    assert 0 <= done.ended - done.started < 120


def test_a_place_that_takes_nothing_is_told_and_is_no_success(kit: Kit) -> None:
    Path(kit.deliver).write_text("a file")
    done = kit.ended(kit.submit())
    assert (done.state, "could not be written" in error_of(done)) == ("failed", True), error_of(done)


def test_a_schedule_is_a_cron_job_whose_runs_are_its_attempts(kit: Kit, node: Cluster) -> None:
    how = msgspec.structs.replace(kit.how(), schedule=Schedule("0 6 * * MON-FRI", "Europe/Berlin", "cancel-old"))
    one = submit(kit.job(), "kubernetes", {"what": "wait"}, {}, how)
    assert one.state == verbs.submission(one.id).state == "scheduled"
    made = named(node, "cronjobs", name_in(one))
    spec = made["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"], spec["suspend"]) == (
        "0 6 * * 1-5", "Europe/Berlin", "Replace", False)
    name = f"{made['metadata']['name']}-29395"
    about = {**spec["jobTemplate"]["metadata"], "name": name, "namespace": "team", "uid": name, "creationTimestamp": node.now(),
             "ownerReferences": [{"uid": made["metadata"]["uid"]}]}
    due = {"apiVersion": "batch/v1", "kind": "Job", "metadata": about, "spec": spec["jobTemplate"]["spec"], "status": {}}
    node.put("Job", "batch/v1", due)
    kit.until(one, lambda now: "it waits" in verbs.logs(now.id), "run")
    assert verbs.submission(one.id).state == "scheduled"
    verbs.cancel(one.id)
    done = kit.ended(one)
    assert (done.state, len(done.collected)) == ("cancelled", 1)  # the run that was stopped had its time to deliver
    assert not node.running(name[:57])
    assert named(node, "cronjobs", name_in(one))["spec"]["suspend"] is True


def test_a_user_sees_it_by_the_commands(kit: Kit, node: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    def mlops(*words: str, code: int = 0) -> str:
        ended, printed = execute(words), capsys.readouterr()
        assert ended == code, printed
        return printed.out + printed.err

    options = [f"--set={name}={value}" for name, value in kit.options.items()]
    job = [str(kit.job()), "--to", "kubernetes", "--unverified"]
    assert "needs image" in mlops("submit", *job, code=2)
    assert "is gone with it" in mlops("submit", *job, "--set", "image=a", code=2)
    assert "kind: Job" in mlops("submit", *job, *options, "--deliver", kit.deliver, "--dry-run")
    told = mlops("submit", *job, *options, "--deliver", kit.deliver, "-p", "what=wait")
    one = verbs.submission(re.findall(r"Submitted (\w+)", told)[0])
    waiting(kit, node, one)
    assert one.id[:14] in mlops("submissions", "list")
    assert "it waits" in mlops("submissions", "logs", one.id)
    mlops("submissions", "cancel", one.id)
    assert kit.ended(one).state == "cancelled"
    assert "cancelled" in mlops("submissions", "show", one.id)
    assert "is not running" in mlops("submissions", "cancel", one.id, code=2)
