"""The house rules that a reader relies on: floors, sizes, light imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "mlops_jupyter").rglob("*.py"))
HEAVY = ("pandas", "sklearn", "papermill", "sqlalchemy", "matplotlib", "scipy")


def test_no_import_runs_upward() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_have_at_most_400_lines_and_functions_60(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= 60
    ]
    assert not long


@pytest.mark.parametrize("path", [path for path in SOURCES if path.stat().st_size], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_opens_by_saying_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_import_load_ext_and_track_load_nothing_heavy() -> None:
    code = f"""
import sys
import mlops_jupyter
assert not [m for m in {HEAVY!r} if m in sys.modules], "import"
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "mlops_jupyter")
assert not [m for m in {HEAVY!r} if m in sys.modules], "load_ext"
shell.run_line_magic("mlops", "track")
loaded = [m for m in {HEAVY!r} if m in sys.modules]
assert not loaded, loaded
from mlops_jupyter.capture.ipython import current
assert current() is not None
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
