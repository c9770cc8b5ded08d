"""GitLab CI: the files are valid by GitLab's schema, and executed by gitlab-ci-local on this machine, without a container."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_jupyter.api.conformance import CHECKS, Kit
from tests.engines import ci_tools
from tests.engines.repositories import committed, own_home

MISSING = ci_tools.skips("git", "node", "npm", "rsync")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    own_home(tmp_path, ci_tools.gitlab(), monkeypatch)
    return committed(Kit("gitlab", {"via": "gitlab-ci-local", "environment": "machine"}, tmp_path / "repository", patience=120))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_what_every_runner_promises(kit: Kit, check: Callable[[Kit], None]) -> None:
    check(kit)
