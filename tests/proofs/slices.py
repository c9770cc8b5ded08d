"""Proof of slices: each is run in a clean shell and must bring its result back; its size is compared with the minimum.

usage: python tests/proofs/slices.py [--notebooks N] [--first SEED] [--short] [--processes P] [--kernels K]

Generated notebooks run under real tracking. Of every value that a cell changed the slice is taken and its sources are run in a
clean shell (a fork of a process in which no cell ever ran; for a sample, a clean kernel). It reproduces if fingerprint and
content are what they were. The minimum is found by taking cells away, one at a time, until none can go: it is what had to
run *with these values*, so it may leave out what the code depends on and this run did not need.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its `secrets.py` is no standard library

from mlops_jupyter.capture.randomness import restore  # noqa: E402 (the path comes first)
from mlops_jupyter.entities import CellExecution  # noqa: E402
from mlops_jupyter.fingerprint import fingerprint  # noqa: E402
from mlops_jupyter.lineage.graph import build  # noqa: E402
from mlops_jupyter.lineage.slice import Result, Slice, slice_in  # noqa: E402
from tests.proofs.children import ChildFailed, in_child, in_children, warm  # noqa: E402
from tests.unit.capture.notebook_player import CONF, UNKNOWN, Player, describe, fresh_shell, world  # noqa: E402
from tests.unit.capture.notebook_recipes import SETUP, notebook  # noqa: E402

Value = tuple[object, str | None]
"""What the oracle says of a value, and its fingerprint's digest."""
ABSENT: Value = ("absent", None)
FAILED = "$failed"
"""Instead of a name: a cell failed that had not when it was recorded."""


@dataclass
class Played:
    """One notebook that ran: its executions, the values of all names after each, the random states that draws began from."""

    executions: dict[int, CellExecution]
    values: dict[int, dict[str, Value]]
    states: dict[str, bytes]


@dataclass
class Case:
    """One slice: whether it reproduced, its size and the minimum's, or why it is incomplete."""

    name: str
    n: int
    cells: list[int]
    wrong: str = ""
    notes: list[str] = field(default_factory=list)
    minimum: list[int] = field(default_factory=list)
    kernel: str = ""

    @property
    def ratio(self) -> float:
        """Size of the slice against the minimum."""
        return len(self.cells) / max(len(self.minimum), 1)


@dataclass
class Outcome:
    """What came of one notebook."""

    seed: int
    cells: int = 0
    cases: list[Case] = field(default_factory=list)
    unknown: int = 0
    """Changed values of which nothing can be known: they are not counted."""


def play(cells: Sequence[tuple[str, str]], seed: int, folder: Path) -> Played:
    """Run the cells under tracking, in a fork."""
    def work() -> Played:
        os.environ["MLOPS_STATE"] = str(folder / "state")
        player = Player(folder / "play").play(list(cells), seed)
        states = {digest: player.blobs(digest) for one in player.executions.values() if one.random is not None
                  for source, digest in one.random.before.items() if source in one.random.drew}
        values = {n: {name: (described, player.prints[n][name]) for name, described in known.items()}
                  for n, known in player.values.items()}
        return Played(player.executions, values, states)

    return in_child(work)


class Replayer:
    """Runs some of the executions of a notebook in a clean shell; each choice once."""

    def __init__(self, played: Played, folder: Path) -> None:
        self.played, self.folder = played, folder
        self.known: dict[tuple[tuple[int, ...], tuple[str, ...]], dict[str, Value]] = {}
        self.runs = 0

    def run(self, cells: Sequence[int], unseeded: Sequence[str], *, again: bool = False) -> dict[str, Value]:
        """The values of all names afterwards."""
        key = (tuple(cells), tuple(unseeded))
        if again or key not in self.known:
            self.runs += 1
            self.known[key] = in_child(lambda: self._replay(cells, unseeded))
        return self.known[key]

    def _replay(self, cells: Sequence[int], unseeded: Sequence[str]) -> dict[str, Value]:
        with world(self.folder / f"again{self.runs}"):
            random.seed(987_654)
            shell = fresh_shell()
            for n in cells:
                one = self.played.executions[n]
                for source in one.random.drew if one.random is not None else ():
                    if source in unseeded and one.random is not None and source in one.random.before:
                        restore(source, self.played.states[one.random.before[source]])
                done = shell.run_cell(one.source, store_history=True)
                if not done.success and one.state == "ok":
                    return {FAILED: (f"cell {n}: {done.error_in_exec or done.error_before_exec!r}", None)}
            return {name: (describe(value), fingerprint(value).digest) for name, value in shell.user_ns.items()
                    if not name.startswith("_")}


def same(found: Value, expected: Value) -> bool:
    """Equal in all that is known: by fingerprint, and by what the oracle says where it can say it."""
    if expected[1] is not None and found[1] != expected[1]:
        return False
    if UNKNOWN in str(expected[0]):
        return expected[1] is not None
    return found[0] == expected[0]


def can_be_known(value: Value) -> bool:
    """False where neither fingerprint nor oracle can tell what the value is."""
    return value[1] is not None or UNKNOWN not in str(value[0])


def minimum(case: Case, needed: Slice, replayer: Replayer, expected: Value) -> list[int]:
    """The slice without all cells that can go: half of them at once, then fewer, then one at a time until none can.

    The cell that made the value stays, and no cell may fail that did not: a slice must run through.
    """
    kept = list(needed.cells)
    most = max(len(kept) // 2, 1)
    while True:
        size = len(kept)
        for start in reversed(range(0, size, most)):
            fewer = [*kept[:start], *kept[start + most:]]
            if case.n in kept and case.n not in fewer:
                continue
            found = replayer.run(fewer, needed.unseeded)
            if FAILED not in found and same(found.get(case.name, ABSENT), expected):
                kept = fewer
        if len(kept) == size and most == 1:
            return kept
        most = max(most // 2, 1)


def prove(seed: int, most: int) -> Outcome:
    """One notebook: at most so many of its slices, each run and made smaller."""
    with tempfile.TemporaryDirectory() as folder:
        return prove_cells(notebook(random.Random(seed)), seed, most, Path(folder))


def prove_cells(cells: Sequence[tuple[str, str]], seed: int, most: int, folder: Path, first: int = len(SETUP) + 1) -> Outcome:
    """The slices of what the cells from number `first` on changed."""
    played = play(cells, seed, folder)
    outcome = Outcome(seed, cells=len(played.executions))
    graph = build(list(played.executions.values()))
    replayer = Replayer(played, folder)
    changed = [(name, n) for n in range(first, max(played.values) + 1) for name, value in played.values[n].items()
               if value != played.values[n - 1].get(name)]
    known = [(name, n) for name, n in changed if can_be_known(played.values[n][name])]
    outcome.unknown = len(changed) - len(known)
    for name, n in random.Random(seed).sample(known, min(most, len(known))):
        expected = played.values[n][name]
        needed = slice_in(graph, [Result(name, "variable", n, [name])])
        case = Case(name, n, needed.cells, notes=needed.notes)
        outcome.cases.append(case)
        if needed.incomplete:
            continue
        after = replayer.run(needed.cells, needed.unseeded)
        found = after.get(FAILED, after.get(name, ABSENT))
        if not same(found, expected):
            case.wrong = f"{str(expected)[:200]} != {str(found)[:200]}"
        elif not same(replayer.run(needed.cells, needed.unseeded, again=True).get(name, ABSENT), expected):
            case.wrong = "not the same when it ran once more"
        else:
            case.minimum = minimum(case, needed, replayer, expected)
    return outcome


class CleanKernel:
    """Runs a slice in a kernel of its own, as a verification does, and asks for the fingerprint."""

    def run(self, played: Played, needed: Slice, name: str, folder: Path) -> str:
        """The digest of `name` afterwards."""
        from jupyter_client.manager import start_new_kernel

        (folder / "states").mkdir(parents=True)
        (folder / "conf.py").write_text(CONF)
        (folder / "n.json").unlink(missing_ok=True)
        manager, client = start_new_kernel(kernel_name="python3", cwd=str(folder))
        try:
            client.execute("import sys as _s; _s.path.insert(0, '.'); del _s", silent=True, reply=True, timeout=60)
            for n in needed.cells:
                one = played.executions[n]
                for source in one.random.drew if one.random is not None else ():
                    if source in needed.unseeded and one.random is not None and source in one.random.before:
                        state = played.states[one.random.before[source]]
                        client.execute(f"from mlops_jupyter.capture.randomness import restore as _r; _r({source!r}, {state!r}); "
                                       "del _r", silent=True, reply=True, timeout=60)
                client.execute(one.source, store_history=True, reply=True, timeout=60, stop_on_error=False)
            ask = {"v": f"__import__('mlops_jupyter.fingerprint', fromlist=['x']).fingerprint({name}).digest"}
            reply = client.execute("", silent=True, user_expressions=ask, reply=True, timeout=60)
            told = reply["content"]["user_expressions"]["v"]
            return str(told["data"]["text/plain"]).strip("'") if told["status"] == "ok" else str(told)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def prove_in_kernel(seed: int) -> list[Case]:
    """One slice of one notebook in a clean kernel."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        played = play(notebook(random.Random(seed)), seed, folder)
        graph = build(list(played.executions.values()))
        changed = [(name, n) for n in range(len(SETUP) + 1, max(played.values) + 1) for name, value in played.values[n].items()
                   if value != played.values[n - 1].get(name) and value[1] is not None]
        random.Random(seed).shuffle(changed)
        for result, n in changed:
            needed = slice_in(graph, [Result(result, "variable", n, [result])])
            if not needed.incomplete:
                found = CleanKernel().run(played, needed, result, folder / "kernel")
                expected = played.values[n][result][1]
                return [Case(result, n, needed.cells, wrong="" if found == expected else f"{expected} != {found}")]
        return []


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def report(outcomes: Sequence[Outcome], seconds: float) -> bool:
    """Print the figures; True if all slices that claim it reproduce."""
    cases = [case for outcome in outcomes for case in outcome.cases]
    whole = [case for case in cases if not case.notes]
    good = [case for case in whole if not case.wrong]
    reasons = Counter(_kind(note) for case in cases for note in dict.fromkeys(map(_kind, case.notes)))
    ratios = [case.ratio for case in good]
    print(f"Python {sys.version.split()[0]}: {len(outcomes)} notebooks, {sum(one.cells for one in outcomes)} cells, "
          f"{len(cases)} slices of changed values, {seconds:.0f} s")
    partly = len(cases) - len(whole)
    print(f"  marked incomplete  {partly:6} = {partly / max(len(cases), 1):7.2%} of the slices")
    for reason, count in reasons.most_common():
        print(f"      {count:6}  {reason}")
    print(f"  reproduce          {len(good):6} = {len(good) / max(len(whole), 1):7.2%} of the {len(whole)} others  (goal 100 %)")
    if ratios:
        print(f"  size ÷ minimum     median {statistics.median(ratios):.2f} (goal ≤ 1.1), mean {statistics.mean(ratios):.2f}, "
              f"p90 {percentile(ratios, 0.9):.2f}; all cells {sum(len(case.cells) for case in good)}, "
              f"all minima {sum(len(case.minimum) for case in good)}")
    print(f"  not counted: {sum(one.unknown for one in outcomes)} changed values that nobody can compare "
          "(iterators, open files, objects of unknown types)")
    return len(good) == len(whole)


def _kind(note: str) -> str:
    words = [word for word in note.split() if not word.isdigit()]
    return " ".join("NAME" if word.startswith("'") else word for word in words)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--notebooks", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="seed of the first notebook")
    parser.add_argument("--most", type=int, default=20, help="most slices of one notebook")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--kernels", type=int, default=20, help="slices that are also run in a clean kernel")
    parser.add_argument("--short", action="store_true", help="a few notebooks: for continuous integration")
    given = parser.parse_args()
    if given.short:
        given.notebooks, given.most, given.kernels, given.processes = 10, 4, 1, 1  # beside other tests
    return given


def main() -> int:
    """Play, prove, print. Exit code 1 if a slice that claims to be whole does not reproduce."""
    given = arguments()
    os.environ["MLOPS_TESTING"] = "1"
    warm()
    started = time.monotonic()
    outcomes: list[Outcome] = []
    lost = 0
    for seed, outcome in in_children(lambda seed: prove(seed, given.most), range(given.first, given.first + given.notebooks),
                                     given.processes):
        if isinstance(outcome, ChildFailed):
            lost += 1
            print(f"notebook {seed}: {outcome}", flush=True)
            continue
        outcomes.append(outcome)
        for case in outcome.cases:
            if case.wrong:
                print(f"notebook {seed}: {case.name} after {case.n}, cells {case.cells}: {case.wrong}", flush=True)
    holds = report(outcomes, time.monotonic() - started) and not lost
    if given.kernels:
        tried = [case for seed in range(given.first, given.first + given.kernels) for case in prove_in_kernel(seed)]
        for case in tried:
            if case.wrong:
                print(f"in a clean kernel: {case.name} after {case.n}, cells {case.cells}: {case.wrong}")
        good = sum(not case.wrong for case in tried)
        print(f"  in a clean kernel  {good} of {len(tried)} reproduce")
        holds = holds and good == len(tried)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
