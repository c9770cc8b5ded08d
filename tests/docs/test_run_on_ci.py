"""The pages on GitHub Actions and GitLab CI are done, line by line: by act and gitlab-ci-local, and by doubles of the clients."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_notebook

from mlops_jupyter.entities import JobManifest, JobParameter
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.convert import NOTEBOOK, Draft
from tests.engines import ci_tools
from tests.engines.repositories import git, own_home
from tests.engines.test_github import STUBS
from tests.fakes import write_client

PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to"
MISSING = ci_tools.skips("git", "node", "npm", "rsync")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]


def write_flights(folder: Path) -> None:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [new_code_cell("test_month = 6", id="parameters", metadata={"tags": ["parameters"]}),
             new_code_cell("import mlops_jupyter as mlops\nmlops.log_metric('delay', 1.5 * test_month)", id="delay")]
    notebook = nbformat.writes(new_notebook(cells=cells, metadata=kernel)).encode()
    months = {"type": "integer", "minimum": 1, "maximum": 12}
    manifest = JobManifest("flights", 1795000000.0, [JobParameter("test_month", "integer", 6, months)], [], [], 2, 2,
                           verified=True, verdict="identical")
    bundle.write(Draft(manifest, {}, {NOTEBOOK: notebook}, [], []), folder)


@pytest.fixture(params=["github", "gitlab"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    """The name of the runner, and a repository with a job that is not committed yet, and another side to push to."""
    runner = str(request.param)
    own_home(tmp_path, ci_tools.act() if runner == "github" else ci_tools.gitlab(), monkeypatch)
    client = write_client({"github": "gh", "gitlab": "glab"}[runner], tmp_path / "client")
    monkeypatch.setenv("PATH", f"{client.parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, "ann@example.org")
    monkeypatch.setenv(f"MLOPS_{runner.upper()}_ENVIRONMENT", "machine")  # what pip would install is not on any index yet
    monkeypatch.setenv("MLOPS_GITHUB_ARGUMENTS", shlex.join(STUBS))
    repository = tmp_path / "repository"
    write_flights(repository / "job")
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(repository, "init", "-q", "-b", "main")
    git(repository, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(repository, "commit", "-q", "--allow-empty", "-m", "First")
    git(repository, "push", "-q", "--set-upstream", "origin", "main")
    return runner, repository


def run(line: str, folder: Path) -> str:
    done = subprocess.run(["bash", "-ec", line], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    return done.stdout


def test_the_page_does_what_it_says(place: tuple[str, Path]) -> None:
    runner, repository = place
    page = (PAGES / {"github": "run-on-github-actions.md", "gitlab": "run-on-gitlab-ci.md"}[runner]).read_text(encoding="utf-8")
    file = repository / {"github": ".github/workflows/mlops-flights.yml", "gitlab": ".gitlab/mlops-flights.yml"}[runner]
    for block in re.findall(r"^```bash\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL):
        for line in block.strip().splitlines():
            said = run(line, repository)
            if line.endswith("--dry-run"):
                assert not file.exists()
                assert yaml.safe_load(said)
    assert file.read_text(encoding="utf-8") in run(f"mlops submit job --to {runner} -p test_month=7 --dry-run", repository)
    here = ended(repository)
    assert [(one["parameters"], one["state"]) for one in here] == [
        ({"test_month": 9}, "succeeded"), ({"test_month": 8}, "queued"), ({"test_month": 7}, "scheduled")]
    found = json.loads(run(f"mlops runs show {here[0]['run']} --json", repository))
    assert 13.5 in [metric["value"] for metric in found["metrics"]]


def ended(repository: Path) -> list[dict[str, object]]:
    """The submissions, once the last of them has ended."""
    until = time.monotonic() + 120
    while True:
        found = json.loads(run("mlops submissions list --json", repository))
        if found[0]["state"] not in {"queued", "running"}:
            return list(found)
        assert time.monotonic() < until, found
