"""What `why` and `stale` take for long sessions: building the graph, finding and slicing a result, judging every cell.

usage: python tests/benchmarks/lineage.py [EXECUTIONS] [ROUNDS]

The sessions are written by hand, one for each shape that could make a step look at all steps before it. Milliseconds are minima
over the rounds (these machines are shared), texts parsed already; the growth says whether twice the cells take twice the time.
No test asserts a time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mlops_jupyter.entities import (  # noqa: E402 (the path comes first)
    CellExecution,
    FileAccess,
    Fingerprint,
    Output,
    RandomState,
    Read,
    VariableVersion,
)
from mlops_jupyter.lineage.graph import build  # noqa: E402
from mlops_jupyter.lineage.slice import find_results, slice_of  # noqa: E402
from mlops_jupyter.lineage.stale import staleness  # noqa: E402


def cell(n: int, source: str, reads: str = "", writes: str = "", changes: str = "", **more: object) -> CellExecution:
    """One execution; names in words."""
    made = [VariableVersion(name, "rebound", Fingerprint("container", f"{name}{n}", "list")) for name in writes.split()]
    made += [VariableVersion(name, "mutated", Fingerprint("container", f"{name}{n}", "list")) for name in changes.split()]
    return CellExecution("s", n, source, "ok", cell=f"c{n}", started=float(n), ended=n + 0.5, prompt=n, stores=writes.split(),
                         reads=[Read(name) for name in reads.split()], writes=made, **more)  # type: ignore[arg-type]


def chain(count: int) -> list[CellExecution]:
    """Each cell rests on the one before."""
    first = cell(1, "x1 = [1]", "", "x1")
    return [first, *(cell(n, f"x{n} = x{n - 1} + [{n}]", f"x{n - 1}", f"x{n}") for n in range(2, count + 1))]


def in_place(count: int) -> list[CellExecution]:
    """One list, changed by every cell."""
    return [cell(1, "rows = []", "", "rows")] + [cell(n, f"rows.append({n})", "rows", "", "rows") for n in range(2, count + 1)]


def wide(count: int) -> list[CellExecution]:
    """Many names, each made once; every cell reads five of them."""
    found = [cell(1, "v1 = [1]", "", "v1")]
    for n in range(2, count + 1):
        near = dict.fromkeys(f"v{max(n - back, 1)}" for back in (1, 2, 3, 5, 8))
        found.append(cell(n, f"v{n} = {' + '.join(near)}", " ".join(near), f"v{n}"))
    return found


def files(count: int) -> list[CellExecution]:
    """Every cell writes a file, every second reads one that nobody was seen to write."""
    found = []
    for n in range(1, count + 1):
        access = [FileAccess(f"f{n}.csv", "write", Fingerprint("file", f"d{n}"), f"f{n}.csv"),
                  FileAccess(f"g{n}.csv", "read", Fingerprint("file", f"e{n}"), f"g{n}.csv", modified=n / 2)]
        found.append(cell(n, f"t{n} = pd.read_csv('g{n}.csv')\nt{n}.to_csv('f{n}.csv')", "pd", f"t{n}", files=access))
    return found


def results(count: int) -> list[CellExecution]:
    """Every cell shows a result and reads the one before by its prompt number."""
    shown = [Output("result", text="1")]
    return [cell(n, f"_{n - 1}", f"_{n - 1}" if n > 1 else "", "", outputs=shown) for n in range(1, count + 1)]


def draws(count: int) -> list[CellExecution]:
    """A seed, then every cell draws."""
    drew = RandomState({"python": "b"}, ("python",))
    seed = cell(1, "import random\nrandom.seed(1)", "", "random", random=RandomState({"python": "a"}, ("python",), ("python",)))
    return [seed] + [cell(n, f"y{n} = random.random()", "random", f"y{n}", random=drew) for n in range(2, count + 1)]


def opaque(count: int) -> list[CellExecution]:
    """Every tenth cell runs hidden code."""
    found = []
    for n in range(1, count + 1):
        plain = cell(n, f"w{n} = [w{n // 2}]", f"w{n // 2}", f"w{n}")
        found.append(cell(n, "exec(code)", "code", f"z{n}", opaque=["exec()"]) if n % 10 == 0 else plain)
    return found


SHAPES = (chain, in_place, wide, files, results, draws, opaque)


def least(work: Callable[[], object], rounds: int) -> float:
    """Milliseconds of the fastest round."""
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        taken.append((time.process_time() - started) * 1e3)
    return min(taken)


def measure(shape: Callable[[int], list[CellExecution]], count: int, rounds: int) -> list[float]:
    """Milliseconds of: the graph; `why` of the last name; `stale` when all holds; `stale` after the first cell was edited."""
    executions = shape(count)
    page = [(one.cell, one.source) for one in executions]
    edited = [(page[0][0], page[0][1] + "\nedited = 1"), *page[1:]]
    names = [write.name for one in executions for write in one.writes]

    def why() -> None:
        if names:
            slice_of(find_results(names[-1], executions, [])[0], executions)

    return [least(work, rounds) for work in (
        lambda: build(executions), why, lambda: staleness(executions, page), lambda: staleness(executions, edited))]


def main() -> None:
    """Print a table, and how much longer twice as many cells take."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    print(f"{count} executions, CPU ms (× against half as many){'graph':>10}{'why':>18}{'stale':>16}{'stale, edited':>18}")
    for shape in SHAPES:
        half, whole = measure(shape, count // 2, rounds), measure(shape, count, rounds)
        cells = "".join(f"{now:9.1f} ({now / max(before, 0.01):3.1f}×)" for before, now in zip(half, whole, strict=True))
        print(f"{shape.__name__:10}{cells}")


if __name__ == "__main__":
    main()
