"""Proof of staleness: after one edit, run what `%mlops stale` names, and all is as after a fresh run from top to bottom.

usage: python tests/proofs/staleness.py [--notebooks N] [--first SEED] [--short] [--processes P]

Generated notebooks run from top to bottom under real tracking, some of their cells once more out of order. Then each cell in
turn is replaced, deleted, moved, and a new one is put before it. For each edit the live shell runs exactly the cells that
`stale` names, in their order (`named`), and in another life what `%mlops rerun` runs, which asks again after each cell (`rerun`).
Then the outputs of every cell and every variable must equal those of a fresh run of the edited notebook in a clean shell and
a clean folder, as far as that run gets: where it fails at a cell, so must the rerun. The number of cells run is compared with
the smallest set that does it (all subsets up to eight cells, else by taking cells away), and with running the edited cell and
everything below it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its `secrets.py` is no standard library

import numpy as np  # noqa: E402 (the path comes first)
from IPython.core.interactiveshell import InteractiveShell  # noqa: E402

from mlops_jupyter.api.rerun import Kernel, rerun  # noqa: E402
from mlops_jupyter.api.slices import RunAgain, Stale  # noqa: E402
from mlops_jupyter.capture import ipython  # noqa: E402
from mlops_jupyter.entities import CellExecution  # noqa: E402
from mlops_jupyter.entities.records import decode  # noqa: E402
from mlops_jupyter.fingerprint import fingerprint, fingerprint_file  # noqa: E402
from mlops_jupyter.lineage.page import Surroundings  # noqa: E402
from mlops_jupyter.lineage.stale import Staleness, staleness  # noqa: E402
from tests.proofs.children import ChildFailed, in_child, in_children, warm  # noqa: E402
from tests.proofs.small_notebooks import Edit, Notebook, Page, edits, small_notebook  # noqa: E402
from tests.unit.capture.notebook_player import UNKNOWN, describe, fresh_shell, without_scan, world  # noqa: E402

Value = tuple[object, str | None]
Output = tuple[str, Value | None, str]
"""What a cell printed, the value it showed, the error that ended it."""
PASSING = re.compile(r"0x[0-9a-f]{6,}|(?<=object at )[0-9a-f]{9,}|Out\[\d+\]|execution_count=\d+|(?:CPU times|Wall time): .*"
                     r"|[\d.]+ \S+ (?:±|\+-) .* per loop.*")
"""What differs between two runs of the same cell: addresses, prompt numbers, times."""


@dataclass
class State:
    """What a reader sees: the outputs of each cell and every variable."""

    outputs: dict[str, Output] = field(default_factory=dict)
    variables: dict[str, Value] = field(default_factory=dict)
    failed: str = ""
    """The cell that failed: nothing below it ran."""
    draws: bool = False
    """True if a cell drew from a generator that no cell had seeded."""


@dataclass
class Case:
    """One edit: how many cells each way ran, and what was wrong."""

    edit: str
    words: str
    named: int = 0
    wrong: str = ""
    rerun: int = 0
    rerun_wrong: str = ""
    below: int = 0
    below_wrong: bool = False
    minimum: int | None = None
    excluded: str = ""
    plan: list[str] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    """What came of one notebook."""

    seed: int
    page: Page
    cases: list[Case] = field(default_factory=list)


class Desk:
    """A shell whose cells' outputs are looked at."""

    def __init__(self) -> None:
        self.shell: InteractiveShell = fresh_shell()
        self.state = State()
        self.seeded: set[str] = set()

    def run(self, cell: str, source: str) -> bool:
        """Run one cell; True if it did not fail."""
        before = _generators()
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            done = self.shell.run_cell(source, store_history=True, cell_id=cell)
        error = done.error_before_exec or done.error_in_exec
        shown = (describe(done.result), fingerprint(done.result).digest) if done.result is not None else None
        words = f"{type(error).__name__}: {error}" if error is not None else ""
        self.state.outputs[cell] = (PASSING.sub("~", printed.getvalue()), shown, PASSING.sub("~", words))
        self.seeded |= {"python"} if re.search(r"(?<![\w.])random\.seed\(|setstate", source) else set()
        self.seeded |= {"numpy"} if "np.random.seed(" in source else set()
        now = _generators()
        self.state.draws |= any(before[name] != now[name] and name not in self.seeded for name in now)
        return error is None

    def all(self, cells: Sequence[tuple[str, str]]) -> State:
        """Run them until one fails; the state then."""
        for cell, source in cells:
            if not self.run(cell, source):
                self.state.failed = cell
                break
        return self.look()

    def look(self) -> State:
        """The state with all variables as they are now."""
        hidden = {"In", "Out", "exit", "quit", "get_ipython", "open"}
        results = self.shell.user_ns.get("_oh")  # by prompt numbers, which are others in another run
        self.state.variables = {name: (describe(value), fingerprint(value).digest) for name, value in self.shell.user_ns.items()
                                if not name.startswith("_") and name not in hidden and value is not results}
        return self.state


class Live:
    """The notebook as it was run under tracking."""

    def __init__(self, folder: Path, notebook: Notebook) -> None:
        self.folder, self.notebook = folder, notebook
        self.desk = Desk()
        self.tracking = ipython.start(self.desk.shell, ipython.TrackOptions(notebook_path="nb.ipynb"))
        sources = dict(notebook.page)
        for cell in [*sources, *notebook.again]:
            self.desk.run(cell, sources[cell])

    def executions(self) -> list[CellExecution]:
        """The ledger."""
        outbox = self.tracking._outbox
        found: dict[int, CellExecution] = {}
        for line in (outbox.folder / f"{outbox.writer}.jsonl").read_bytes().splitlines(keepends=True):
            entity = decode(line).entity
            if isinstance(entity, CellExecution):
                found[entity.n] = entity
        return list(found.values())

    def ask(self, page: Page) -> Staleness:
        """What `%mlops stale` says."""
        return staleness(self.executions(), page, Surroundings(digest))

    def run(self, cells: Sequence[str], forget: Mapping[str, Sequence[str]], page: Page) -> State:
        """Run the named cells in order, each without the names that a fresh run would not have; until one fails."""
        sources = dict(page)
        for cell in cells:
            self.forget(forget.get(cell, ()))
            if not self.desk.run(cell, sources[cell]):
                self.desk.state.failed = cell
                return self.desk.look()
        self.forget(forget.get("", ()))
        return self.desk.look()

    def forget(self, names: Sequence[str]) -> None:
        """Delete names as the magic does: by a cell of its own, so that the ledger knows."""
        known = [name for name in names if name in self.desk.shell.user_ns]
        if known:
            self.desk.shell.run_cell(f"del {', '.join(known)}", store_history=False)

    def rerun(self, page: Page) -> tuple[State, list[str]]:
        """What `%mlops rerun` does: run the first cell that it must, ask again."""
        def ask() -> Stale:
            plan = self.ask(page).plan
            again = [RunAgain(*page[at], at, plan.forget.get(key, [])) for key, at in zip(plan.keys, plan.positions, strict=True)]
            return Stale([], "", again, plan.forget.get("", []), plan.beyond)

        done = rerun(Kernel(self.desk.run, self.forget), ask(), ask)
        self.desk.state.failed = done.failed
        return self.desk.look(), done.ran


def digest(path: str) -> str | None:
    """The present digest of a file."""
    return fingerprint_file(Path(path)).digest


def _generators() -> dict[str, object]:
    state = np.random.get_state()
    return {"python": hash(random.getstate()), "numpy": (state[1].tobytes(), state[2:])}  # type: ignore[index,union-attr]


def begin(folder: Path) -> contextlib.AbstractContextManager[None]:
    """A process as a new kernel finds it."""
    os.environ["MLOPS_STATE"] = str(folder / "state")
    opened = world(folder / "work")
    random.seed(1)
    np.random.seed(1)
    return opened


def fresh(folder: Path, page: Page) -> State:
    """The run from top to bottom that everything is compared with."""
    with begin(folder):
        return Desk().all(page)


def same(one: Value | None, other: Value | None) -> bool:
    """Equal in all that can be known of both."""
    if one is None or other is None:
        return one is other
    if one[1] is not None and other[1] is not None and one[1] != other[1]:
        return False
    return UNKNOWN in str(one[0]) or UNKNOWN in str(other[0]) or one[0] == other[0]


def difference(found: State, expected: State, page: Page) -> str:
    """What is other than in the fresh run; "" if nothing is."""
    if found.failed != expected.failed:
        return f"{found.failed or 'no cell'} failed, not {expected.failed or 'any'}: {found.outputs.get(found.failed)}"
    for cell, _ in page:
        if cell == expected.failed:
            return ""
        one, other = found.outputs.get(cell), expected.outputs[cell]
        if one is None or one[0] != other[0] or one[2] != other[2] or not same(one[1], other[1]):
            return f"{cell} shows {str(one)[:200]} and not {str(other)[:200]}"
    for name in sorted(found.variables.keys() | expected.variables.keys()):
        if not same(found.variables.get(name), expected.variables.get(name)):
            return f"{name} is {str(found.variables.get(name))[:200]} and not {str(expected.variables.get(name))[:200]}"
    return ""


def judge(notebook: Notebook, edit: Edit, folder: Path, least: bool) -> Case:
    """One edit. In a fork of a clean process."""
    case = Case(edit.kind, edit.words)
    expected = in_child(lambda: fresh(folder / "fresh", edit.page))
    if expected.draws:
        case.excluded = "draws that no cell seeded"
        return case
    with begin(folder / "live"), without_scan():
        live = Live(folder / "live", notebook)
        answer = live.ask(edit.page)
        case.plan, case.beyond = answer.plan.keys, answer.plan.beyond
        case.reasons = [f"{one.id}: {one.reason}" for one in answer.cells]
        if case.plan != [one.id for one in answer.cells]:
            case.wrong = f"the plan {case.plan} is not what is named {case.reasons}"
            return case

        def tried(cells: Sequence[str]) -> str:
            files = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
            try:
                return in_child(lambda: difference(live.run(cells, answer.plan.forget, edit.page), expected, edit.page))
            finally:  # what the child left in the folder is not there for the next
                for path in [path for path in Path().iterdir() if path.is_file() and path not in files]:
                    path.unlink()
                for path, content in files.items():
                    if not path.exists() or path.read_bytes() != content:
                        path.write_bytes(content)

        case.named = len(case.plan)
        case.wrong = tried(case.plan)
        below = [cell for cell, _ in edit.page[edit.first:]]
        case.below, case.below_wrong = len(below), bool(tried(below))
        if least:
            case.minimum = smallest(case, [cell for cell, _ in edit.page], lambda cells: not tried(cells))
        state, ran = live.rerun(edit.page)
        case.rerun = len(ran)
        case.rerun_wrong = difference(state, expected, edit.page)
        if case.rerun_wrong:
            case.rerun_wrong += f" after {ran}"
    return case


def smallest(case: Case, cells: list[str], holds: Callable[[Sequence[str]], bool]) -> int | None:
    """The size of the smallest set of cells that does it; None where not even the named ones do."""
    if case.wrong:
        return None
    if len(cells) <= 8:
        for size in range(len(case.plan)):
            if any(holds(chosen) for chosen in itertools.combinations(cells, size)):
                return size
        return len(case.plan)
    kept = list(case.plan)
    for cell in reversed(case.plan):
        fewer = [one for one in kept if one != cell]
        if holds(fewer):
            kept = fewer
    return len(kept)


def runs_through(folder: Path, notebook: Notebook) -> bool:
    """Drop the cells that fail; False if too little is left."""
    for number in range(8):
        state = in_child(lambda number=number: fresh(folder / f"try{number}", notebook.page))  # type: ignore[misc]
        if not state.failed:
            return len(notebook.page) > 2
        notebook.page = [(cell, source) for cell, source in notebook.page if cell != state.failed]
        notebook.again = [cell for cell in notebook.again if cell != state.failed]
    return False


def prove(seed: int, most: int) -> Outcome:
    """One notebook and at most so many of its edits."""
    draw = random.Random(seed)
    notebook = small_notebook(draw, draw.choice([3, 4, 5, 6]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not runs_through(folder, notebook):
            return Outcome(seed, notebook.page)
        outcome = Outcome(seed, notebook.page)
        every = list(edits(notebook, draw))
        for number, edit in enumerate(draw.sample(every, min(most, len(every)))):
            least = number % 8 == 0
            outcome.cases.append(in_child(
                lambda number=number, edit=edit, least=least: judge(notebook, edit, folder / f"e{number}", least)))  # type: ignore[misc]
        return outcome


def report(outcomes: Sequence[Outcome], seconds: float) -> bool:
    """Print the figures; True if everything held."""
    used = [outcome for outcome in outcomes if outcome.cases]
    cases = [case for outcome in used for case in outcome.cases]
    told = [case for case in cases if case.beyond]
    counted = [case for case in cases if not case.excluded and not case.beyond]
    size = statistics.mean(len(one.page) for one in used)
    print(f"Python {sys.version.split()[0]}: {len(used)} notebooks of {size:.1f} cells, {len(cases)} edits, {seconds:.0f} s")
    for reason, count in Counter(case.excluded for case in cases if case.excluded).items():
        print(f"  not counted        {count:6}  {reason}")
    if told:
        good = sum(not case.wrong and not case.rerun_wrong for case in told)
        print(f"  told: not by cells {len(told):6} = {len(told) / len(cases):7.2%} of the edits; right all the same: {good}")
        for reason, count in Counter(reason for case in told for reason in case.beyond).most_common(12):
            print(f"      {count:6}  {reason}")
    most = max(len(counted), 1)
    for title, wrong in (("named", "wrong"), ("rerun", "rerun_wrong")):
        good = sum(not getattr(case, wrong) for case in counted)
        print(f"  as a fresh run     {good:6} = {good / most:7.2%} of {len(counted)} edits, running what is {title}")
    right = sum(not case.below_wrong for case in counted)
    print(f"                     {right:6} = {right / most:7.2%} by running everything below the edit")
    for title, sizes in (("named", [case.named for case in counted]), ("rerun", [case.rerun for case in counted]),
                         ("everything below", [case.below for case in counted])):
        print(f"  cells run: {title:17} mean {statistics.mean(sizes):5.2f}, median {statistics.median(sizes):4.1f}")
    known = [case for case in counted if case.minimum is not None]
    if known:
        for title, sizes in (("minimum", [case.minimum or 0 for case in known]), ("named", [case.named for case in known]),
                             ("rerun", [case.rerun for case in known]), ("everything below", [case.below for case in known])):
            print(f"  where the minimum is known ({len(known)}): {title:17} mean {statistics.mean(sizes):5.2f}, "
                  f"median {statistics.median(sizes):4.1f}")
    return all(not case.wrong and not case.rerun_wrong for case in counted)


def main() -> int:
    """Play, edit, rerun, compare, print. Exit code 1 if anything differed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--notebooks", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="seed of the first notebook")
    parser.add_argument("--most", type=int, default=60, help="most edits of one notebook")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="a few notebooks: for continuous integration")
    given = parser.parse_args()
    if given.short:
        given.notebooks, given.most, given.processes = 5, 6, 1  # beside other tests
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
            if (case.wrong or case.rerun_wrong) and not case.beyond:
                print(f"notebook {seed}, {case.edit} ({case.words}): named {case.plan}: {case.wrong or 'right'}; "
                      f"rerun: {case.rerun_wrong or 'right'}", flush=True)
    return 0 if report(outcomes, time.monotonic() - started) and not lost else 1


if __name__ == "__main__":
    sys.exit(main())
