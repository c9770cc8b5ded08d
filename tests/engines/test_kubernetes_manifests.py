"""Manifests for a table of orders, through Kubernetes' own strict schemas in three versions, and what the schemas do not see."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import msgspec
import pytest
import yaml

from mlops_jupyter.api.conformance import write_job
from mlops_jupyter.entities import Schedule
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.convert import Draft
from mlops_jupyter.jobs.runners import Order, command
from mlops_jupyter.jobs.runners.kubernetes import KubernetesRunner
from mlops_jupyter.jobs.runners.kubernetes_manifests import KubernetesOptions, literal
from tests.cluster import Json

VERSIONS = ("1.29.0", "1.33.0", "1.37.0")
HOSTILE = "\x1b[31m $(MLOPS_TOKEN) $$ `id` \n---\nkind: Pod\n# 'a' \"b\" {{ x }} \u2028 \u00e9"
EVERYTHING = {
    "namespace": "team",
    "cpu": "500m",
    "memory": "4Gi",
    "gpu": "amd.com/gpu=2",
    "claim": "data:/data,models:/models",
    "secret": "aws,db",
    "service-account": "runner",
    "node-selector": "disk=ssd,topology.kubernetes.io/zone=a",
    "user": "1000",
    "ttl": "60",
    "backoff": "3",
    "active-deadline": "7200",
    "bundle": "s3://team/job.zip",
}


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return write_job(tmp_path / "job")


def order(job: Path, **more: object) -> Order:
    plain = Order(submission="01m8h4nnjane1qps0e5wgs2g16", bundle=job, name="flights", deliver="s3://team/out")
    return msgspec.structs.replace(plain, **more)


ORDERS: dict[str, tuple[dict[str, str], list[dict[str, object]]]] = {
    "plain": ({}, [{}]),
    "all options": (
        EVERYTHING,
        [
            {
                "parameters": {"month": 7, "carriers": ["UA"], "fast": True},
                "inputs": {"rows": "/data/rows.csv"},
                "retries": 2,
                "timeout": 90.0,
                "env": {"MLOPS_STORE": "https://mlops.example"},
            }
        ],
    ),
    "a sweep": (
        {},
        [{"submission": f"01m8h4nnjane1qps0e5wgs2g1{number}", "parameters": {"rate": number}} for number in range(3)],
    ),
    "a schedule": ({}, [{"schedule": Schedule("0 6 * * 1-5", "Europe/Berlin", "cancel-old", "skip")}]),
    "hostile": (
        {},
        [{"name": HOSTILE, "parameters": {"text": HOSTILE}, "env": {"NOTE": HOSTILE}, "secrets": {"MLOPS_STORE": "pg://hidden"}}],
    ),
}


def written(job: Path, options: dict[str, str], orders: list[dict[str, object]]) -> tuple[str, list[Json]]:
    runner = KubernetesRunner(msgspec.convert({"image": "registry.example/job:1", **options}, KubernetesOptions, strict=False))
    made = [order(job, **more) for more in orders]
    text = runner.preview(made)
    assert runner.preview(made) == text
    return text, list(yaml.safe_load_all(text))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ORDERS)
def test_the_strict_schema_takes_it(name: str, version: str, job: Path) -> None:
    options, orders = ORDERS[name]
    _, made = written(job, options, orders)
    assert len(made) == len(orders)
    for each in made:
        kubernetes_validate.validate(each, version, strict=True)
        broken = {**each, "spec": {**each["spec"], "backofLimit": 1}}
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(broken, version, strict=True)


@pytest.mark.parametrize("name", ORDERS)
def test_what_the_schema_does_not_see(name: str, job: Path) -> None:
    options, orders = ORDERS[name]
    text, made = written(job, options, orders)
    assert len({each["metadata"]["name"] for each in made}) == len(made)
    for each, more in zip(made, orders, strict=True):
        spec = each["spec"]["jobTemplate"]["spec"] if each["kind"] == "CronJob" else each["spec"]
        pod = spec["template"]["spec"]
        [container] = pod["containers"]
        assert (pod["restartPolicy"], container["command"]) == ("Never", ["mlops"])
        words = command(order(job, **more), [], options.get("bundle", "/job"))
        assert container["args"] == [literal(word) for word in words]
        assert all(isinstance(word, str) for word in container["args"])
        assert all(isinstance(variable["value"], str) for variable in container["env"])
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}
        assert each["metadata"]["annotations"]["mlops-jupyter/job"] == order(job, **more).name
        assert each["metadata"]["labels"].items() <= spec["template"]["metadata"]["labels"].items()
    assert "pg://hidden" not in text
    assert text.startswith("# Made by mlops_jupyter from the job conformance, sha256:")


def test_all_options_are_where_kubernetes_looks_for_them(job: Path) -> None:
    _, [made] = written(job, *ORDERS["all options"])
    spec, pod = made["spec"], made["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert made["metadata"]["namespace"] == "team"
    assert (spec["ttlSecondsAfterFinished"], spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (60, 3, 7200)
    assert container["resources"] == {
        "requests": {"cpu": "500m", "memory": "4Gi"},
        "limits": {"memory": "4Gi", "amd.com/gpu": "2"},
    }
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == ("runner", True)
    assert pod["nodeSelector"] == {"disk": "ssd", "topology.kubernetes.io/zone": "a"}
    assert {"name": "HOME", "value": "/work"} in container["env"]
    assert pod["securityContext"] == {"runAsUser": 1000, "runAsNonRoot": True, "fsGroup": 1000}
    assert [source["secretRef"]["name"] for source in container["envFrom"]] == ["aws", "db", made["metadata"]["name"]]
    claims = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert claims == {"/work", "/data", "/models"}
    rules = spec["podFailurePolicy"]["rules"]
    assert [rule["action"] for rule in rules] == ["Ignore", "FailJob"]
    assert rules[1]["onExitCodes"] == {"containerName": "job", "operator": "In", "values": [2]}


def test_a_cron_job_says_zone_overlap_and_how_late_it_may_start(job: Path) -> None:
    _, [made] = written(job, *ORDERS["a schedule"])
    spec = made["spec"]
    assert (made["kind"], spec["schedule"], spec["timeZone"]) == ("CronJob", "0 6 * * 1-5", "Europe/Berlin")
    assert (spec["concurrencyPolicy"], spec["startingDeadlineSeconds"]) == ("Replace", 60)


def test_a_jobs_name_cannot_end_the_comment_above_it(job: Path, tmp_path: Path) -> None:
    found = bundle.load(job)
    manifest = msgspec.structs.replace(found.manifest, name="a\n---\nkind: Pod")
    files = {name: (job / name).read_bytes() for name in found.manifest.files}
    bundle.write(Draft(manifest, {}, files, [], []), tmp_path / "forged")
    _, made = written(tmp_path / "forged", {}, [{"name": manifest.name}])
    assert [each["kind"] for each in made] == ["Job"]
