"""Proof of resume: each example notebook becomes a job, which is killed at a random cell and goes on, so many times.

usage: python tests/proofs/killed_jobs.py [--times N] [--only NAME] [--seed N]

The kernel dies by SIGKILL as a cell begins or while it runs. The run that goes on must take every cell that was kept and give the
metrics and the printed lines of a run that nobody killed. Each time begins without checkpoints.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its `secrets.py` is no standard library

import pytest  # noqa: E402 (the path comes first)

from tests.integration.killing import killed_and_resumed  # noqa: E402
from tests.integration.test_cli import Place  # noqa: E402
from tests.integration.test_examples import EXAMPLES, FOLDER, ONE_THREAD, metrics, printed  # noqa: E402
from tests.proofs.running import report  # noqa: E402

GIVEN = {example.name: example.given for example in EXAMPLES}


def prove(name: str, times: int, draw: random.Random) -> list[str]:
    """One notebook; what went wrong."""
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        for file in [FOLDER / f"{name}.ipynb", *FOLDER.glob("*.py")]:
            shutil.copy(file, place.folder)
        place.json("track", f"{name}.ipynb")
        place.json("convert", f"{name}.ipynb", "-o", "job", "--yes")
        whole = place.json("run", "job", "-p", GIVEN[name], "-o", "whole.ipynb", "--no-checkpoints")
        for number in range(times):
            for kept in place.folder.glob("state/*/checkpoints"):
                shutil.rmtree(kept)
            try:
                resumed = killed_and_resumed(place, GIVEN[name], draw)
            except AssertionError as error:
                wrong.append(f"{name}, {number}: {str(error)[:600]}")
                continue
            if metrics(resumed["runs"]) != metrics(whole["runs"]):
                wrong.append(f"{name}, {number}: {metrics(resumed['runs'])}, without a kill {metrics(whole['runs'])}")
            if printed(place.folder / "resumed.ipynb") != printed(place.folder / "whole.ipynb"):
                wrong.append(f"{name}, {number}: it printed other lines")
    return wrong


def main() -> int:
    """Prove, print. Exit code 1 if a resumed run was another than one that nobody killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--only", choices=list(GIVEN))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw, wrong = random.Random(options.seed), 0
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ONE_THREAD.items():
            patch.setenv(name, value)
        for name in [options.only] if options.only else GIVEN:
            started = time.perf_counter()
            wrong += report(f"{name}, killed and resumed {options.times} times", prove(name, options.times, draw), started)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
