"""Papermill asks for its engines while it is itself being imported: whoever comes first, both can be imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

ASK = "from papermill.engines import papermill_engines as p; print(p.get_engine('mlops').__name__)"


@pytest.mark.parametrize("first", ["import papermill", "import mlops_jupyter.jobs.engine", "import mlops_jupyter.jobs.execute",
                                   "from mlops_jupyter.jobs.engine import MlopsEngine", "import mlops_jupyter.jobs.verify"])
def test_papermill_finds_our_engine_whatever_is_imported_first(first: str) -> None:
    ran = subprocess.run([sys.executable, "-c", f"{first}; {ASK}"], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout.strip(), ran.returncode) == ("MlopsEngine", 0), ran.stderr


def test_reading_and_drafting_need_no_papermill() -> None:
    code = ("import sys, mlops_jupyter.jobs.convert, mlops_jupyter.jobs.bundle, mlops_jupyter.jobs.run;"
            " print([name for name in ('papermill', 'nbclient', 'pandas', 'numpy') if name in sys.modules])")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "[]"
