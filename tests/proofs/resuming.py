"""Proof of checkpoints: a notebook that goes on from them, edited or not, is where it would be if every cell had run.

usage: python tests/proofs/resuming.py [--notebooks N] [--first SEED] [--short] [--processes P]

Generated notebooks run with a checkpoint of every cell that can have one. Then the notebook is edited (a cell changed, added,
taken away, two swapped, or nothing) and runs twice: in a clean shell, and with each cell brought back that may be. After each
cell all variables that are needed later must hold the same, by fingerprint and by an oracle that shares no code with it; in half
of the notebooks everything is needed, in the other half what a few chosen results need.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its `secrets.py` is no standard library

import msgspec  # noqa: E402 (the path comes first)
import numpy as np  # noqa: E402

from mlops_jupyter.capture import ipython, resuming  # noqa: E402
from mlops_jupyter.entities.checkpoints import Plan, Told  # noqa: E402
from mlops_jupyter.fingerprint import fingerprint  # noqa: E402
from tests.proofs.children import ChildFailed, in_child, in_children, warm  # noqa: E402
from tests.unit.capture.notebook_player import UNKNOWN, describe, fresh_shell, without_scan, world  # noqa: E402
from tests.unit.capture.notebook_recipes import CELLS, SETUP, fill, notebook  # noqa: E402

Cells = list[tuple[str, str]]
Value = tuple[object, str | None]


@dataclass
class Ran:
    """One run: after each cell its variables; which cells were brought back; why others could not be kept or taken."""

    values: list[dict[str, Value]] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    kept: int = 0
    why: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    """What came of one notebook."""

    seed: int
    cells: int = 0
    taken: int = 0
    kept: int = 0
    compared: int = 0
    wrong: list[str] = field(default_factory=list)


def run(cells: Cells, folder: Path, results: Sequence[str], *, keep: bool = False, resume: bool = False) -> Ran:
    """Run the cells, in a fork; up to the first that fails."""
    return in_child(lambda: play(cells, folder, results, keep=keep, resume=resume))


def play(cells: Cells, folder: Path, results: Sequence[str], *, keep: bool = False, resume: bool = False) -> Ran:
    """Run the cells in this process; up to the first that fails. Their files stay in `work0`, `work1` … of the folder."""
    ran = Ran()
    os.environ["MLOPS_STATE"] = str(folder / "state")
    with world(folder / f"work{len(list(folder.glob('work*')))}"):
        random.seed(11)
        np.random.seed(11)
        shell = fresh_shell()
        with without_scan():
            tracking = ipython.start(shell, ipython.TrackOptions(kind="job", notebook_path="nb.ipynb"))
            tracking.session = msgspec.structs.replace(tracking.session, environment=_ENVIRONMENT)
            plan = Plan(cells, list(results), "base", 1 << 30, 1e9, resume)
            ipython.begin_checkpoints(msgspec.json.encode(plan).decode())
            for place, (cell, source) in enumerate(cells):
                told = msgspec.json.decode(resuming.take(place), type=Told)
                if told.done:
                    ran.taken.append(place)
                else:
                    ran.why += [f"{place}: {told.why}"] if told.why else []
                    if not shell.run_cell(source, store_history=True, cell_id=cell).success:
                        break
                    if keep:
                        told = msgspec.json.decode(resuming.keep(place, "[]"), type=Told)
                        ran.kept += told.done
                        ran.why += [f"{place}: {told.why}"] if told.why else []
                ran.values.append({name: (describe(value), fingerprint(value).digest) for name, value in shell.user_ns.items()
                                   if not name.startswith("_") and name not in {"In", "Out"}})
            failures, notes = tracking.status().failures, tracking.status().notes
            assert not failures, notes
    return ran


def edited(cells: Cells, draw: random.Random) -> Cells:
    """The notebook after some thought."""
    now, first = list(cells), len(SETUP)
    for _ in range(draw.choice([0, 1, 1, 2])):
        at = draw.randrange(first, len(now)) if len(now) > first else first
        kind = draw.choice(["change", "change", "add", "remove", "swap", "comment"])
        if kind == "change" and at < len(now):
            now[at] = (now[at][0], fill(draw.choice(CELLS), draw))
        elif kind == "add":
            now.insert(at, (f"new{draw.random()}", fill(draw.choice(CELLS), draw)))
        elif kind == "remove" and at < len(now):
            now.pop(at)
        elif kind == "swap" and at + 1 < len(now):
            now[at], now[at + 1] = now[at + 1], now[at]
        elif kind == "comment" and at < len(now):
            now[at] = (now[at][0], f"# again\n{now[at][1]}" if not now[at][1].startswith("%%") else now[at][1])
    return now


def prove(seed: int, steps: int) -> Outcome:
    """One notebook, and one edit of it."""
    draw = random.Random(seed)
    cells = [(f"{cell}.{place}", source) for place, (cell, source) in enumerate(notebook(draw, steps))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cells = _running(cells, folder)
        outcome = Outcome(seed, cells=len(cells))
        names = sorted(run(cells, folder, []).values[-1])
        results = names if draw.random() < 0.5 else draw.sample(names, min(4, len(names)))
        first = run(cells, folder, results, keep=True)
        outcome.kept = first.kept
        now = edited(cells, draw)
        clean, resumed = run(now, folder, results), run(now, folder, results, resume=True)
        outcome.taken = len(resumed.taken)
        whole = len(results) == len(names)
        if len(clean.values) != len(resumed.values):
            outcome.wrong.append(f"{seed}: it stops at {len(resumed.values)}, a clean run at {len(clean.values)}")
        for place, (expected, found) in enumerate(zip(clean.values, resumed.values, strict=False)):
            wanted = expected.keys() if whole else [] if place < len(now) - 1 else set(results) & expected.keys()
            for one in sorted(wanted):
                outcome.compared += 1
                if not _same(found.get(one, ("absent", None)), expected[one]):
                    outcome.wrong.append(f"{seed}: {one} after {place} {now[place][1]!r} (taken {resumed.taken}): "
                                         f"{str(expected[one])[:150]} != {str(found.get(one))[:150]}")
            if outcome.wrong:
                break
    return outcome


def _running(cells: Cells, folder: Path) -> Cells:
    """Without the cells that fail: a job ends at the first."""
    while True:
        ran = run(cells, folder, [])
        if len(ran.values) == len(cells):
            return cells
        cells = [one for place, one in enumerate(cells) if place != len(ran.values)]


def _same(found: Value, expected: Value) -> bool:
    if expected[1] is not None and found[1] != expected[1]:
        return False
    if UNKNOWN in str(expected[0]):
        return True
    return found[0] == expected[0]


def _environment() -> object:
    from mlops_jupyter.entities import Environment

    return Environment("environment-1", "3", "CPython", "here", "x86", ())


_ENVIRONMENT = _environment()


def main() -> int:
    """Prove, count, print. Exit code 1 if a variable was another than after a clean run, or nothing was brought back."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--notebooks", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--steps", type=int, default=14)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="6 notebooks")
    options = parser.parse_args()
    warm()
    started = time.perf_counter()
    seeds = range(options.first, options.first + (6 if options.short else options.notebooks))
    done: list[Outcome] = []
    wrong: list[str] = []
    for seed, found in in_children(lambda seed: prove(seed, options.steps), seeds, options.processes):
        if isinstance(found, ChildFailed):
            wrong.append(f"{seed}: {found}")
            continue
        done.append(found)
        wrong += found.wrong
    cells, kept, taken = (sum(getattr(one, name) for one in done) for name in ("cells", "kept", "taken"))
    wrong += [] if taken else ["nothing was brought back"]
    print(f"{'ok    ' if not wrong else 'WRONG '} {len(done)} notebooks, {cells} cells, {kept} kept, {taken} brought back after "
          f"an edit, {sum(one.compared for one in done)} values compared: {len(wrong)} wrong "
          f"({time.perf_counter() - started:.0f} s)")
    for line in wrong[:40]:
        print("   ", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
