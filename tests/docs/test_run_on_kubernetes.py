"""The page on Kubernetes is done, line by line: a cluster on loopback runs its pods, a real S3 server keeps what they deliver."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import fsspec
import msgspec
import pytest
import yaml

from mlops_jupyter.api import submissions as verbs
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.cli import execute
from mlops_jupyter.entities import JobParameter
from mlops_jupyter.jobs.runners.kubernetes_manifests import KubernetesOptions
from mlops_jupyter.jobs.runners.kubernetes_states import STATES
from tests.bucket import S3
from tests.cluster import Cluster, Image, cluster
from tests.integration.sweep_jobs import write_job

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "run-on-kubernetes.md").read_text(encoding="utf-8")
IMAGE = "registry.example/team/flights:1"


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster with the image and the Secret of the page, and a bucket named `team` whose keys pods have only from that."""
    server = S3()
    with cluster() as made:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        fsspec.filesystem("s3", skip_instance_cache=True).mkdir("team")
        monkeypatch.setenv("KUBECONFIG", str(made.config(tmp_path)))
        monkeypatch.chdir(tmp_path)
        made.put("Secret", "v1", {"metadata": {"name": "bucket", "namespace": "team"}, "stringData": server.environment})
        job = write_job(tmp_path / "job", [JobParameter("month", "integer", 6)],
                        "import mlops_jupyter as mlops\nmlops.log_metric('score', month * 1.5)")
        made.images[IMAGE] = Image({"/job": job})
        yield made
    server.remove()


def test_the_page_does_what_it_says(node: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    printed = []
    for line in (line for block in blocks for line in block.replace("\\\n", " ").strip().splitlines()):
        words = shlex.split(line)
        assert words[0] == "mlops"
        if words[1] == "submit":
            words.append("--unverified")  # the page's job was verified when it was made
        assert execute(words[1:]) == 0, capsys.readouterr()
        printed.append(capsys.readouterr().out)
    manifest = yaml.safe_load(printed[0])
    assert manifest["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE
    node.until(lambda: len([job for job in node.of("jobs") if "completionTime" in job["status"]]) == 2)
    planned, late, early = verbs.submissions()
    assert planned.state == "scheduled"
    [made] = node.of("cronjobs")
    assert (made["spec"]["timeZone"], made["spec"]["concurrencyPolicy"]) == ("Europe/Berlin", "Replace")
    assert [one.state for one in (early, late)] == ["succeeded", "succeeded"]
    assert [open_ledger().run(one.run).metrics[0].value for one in (early, late)] == [10.5, 12.0]
    pods = [pod["spec"]["containers"][0]["args"][1] for pod in node.of("pods")]
    assert sorted(pods)[0] == "/job"
    assert re.fullmatch(r"s3://team/runs/bundles/\w+\.zip", sorted(pods)[1])


def test_the_page_names_each_option_and_each_state_that_the_runner_has() -> None:
    named = set(re.findall(r"`([a-z-]+)(?:=[^`]*)?`", PAGE)) | set(re.findall(r"--set ([a-z-]+)=", PAGE))
    assert {field.encode_name for field in msgspec.structs.fields(KubernetesOptions)} <= named
    told = PAGE[PAGE.index("| the Job | the submission |"):PAGE.index("`mlops submissions cancel ID` gives")]
    assert set(STATES.values()) - {"scheduled"} <= {state for state in STATES.values() if state in told}
