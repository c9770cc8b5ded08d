"""The programs of this environment are found by name, as in a user's shell: `mlops` in a pipeline, in a page, in a pod."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("PIP_QUIET", raising=False)  # a test reads what pip says that it has installed
