"""The one check command: what CI checks, in its order.

`hatch run check`, or `python tests/check.py` in any environment with `.[test]`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = [sys.executable, "-m"]
STEPS: list[tuple[str, list[str], str]] = [
    ("ruff", [*PYTHON, "ruff", "check", "mlops_jupyter", "tests"], "."),
    ("mypy, strict", [*PYTHON, "mypy"], "."),
    ("floors", [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"], "."),
    ("TypeScript schema is current", [sys.executable, "labextension/scripts/schema.py", "--check"], "."),
    ("tsc, strict", ["npm", "run", "--silent", "typecheck"], "labextension"),
    ("eslint", ["npm", "run", "--silent", "lint"], "labextension"),
    ("vitest", ["npm", "run", "--silent", "test"], "labextension"),
]


def main() -> int:
    """Run each step, print its name, time and, if it fails, its output. Exit code 1 if any failed."""
    failed = 0
    for name, command, folder in STEPS:
        if shutil.which(command[0]) is None:
            print(f"✗ {name}: {command[0]} is not installed")
            failed += 1
            continue
        started = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT / folder, capture_output=True, text=True, check=False)
        print(f"{'✓' if done.returncode == 0 else '✗'} {name} ({time.perf_counter() - started:.1f} s)", flush=True)
        if done.returncode != 0:
            print(done.stdout[-6000:] + done.stderr[-3000:])
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
