"""Proof of durability: writers and shippers die by `kill -9` at any moment, and what was acknowledged is stored, once.

usage: python tests/proofs/kills.py [--cycles N] [--lines] [--short]

In each cycle one, two or four processes append to outboxes of their own, say on a pipe what `record` has acknowledged, ship what
they and the dead before them have left, and are killed at a random moment. With `--lines` one process does all of that and
is killed at the first line of our code that it comes to, then at the second, and so on through the outbox and the store.
"""

from __future__ import annotations

import argparse
import os
import random
import select
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its `secrets.py` is no standard library

from mlops_jupyter.entities import Observation, StoreError  # noqa: E402 (the path comes first)
from mlops_jupyter.outbox import Outbox, pending, ship  # noqa: E402
from mlops_jupyter.store import Store, open_store  # noqa: E402
from tests.postgres import Cluster  # noqa: E402
from tests.proofs.children import born  # noqa: E402
from tests.proofs.running import report  # noqa: E402
from tests.unit.store.story import cell, session  # noqa: E402

WRITERS = (1, 2, 4)
OURS = (str(ROOT / "mlops_jupyter" / "outbox.py"), str(ROOT / "mlops_jupyter" / "store") + os.sep)
SHARED_BLOBS = 7
"""So many different blobs are named again and again, by every writer."""


@dataclass
class Tally:
    """What came of it."""

    kills: int = 0
    records: int = 0
    acknowledged: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (f"{self.kills} kills, {self.acknowledged} records acknowledged, {self.records} stored; "
                "lost, doubled or damaged")


def write(folder: Path, url: str, name: str, acknowledge: Callable[[], None], rounds: int | None) -> None:
    """One writer that is a shipper too; for ever, or for so many rounds and then closed."""
    box = Outbox(folder, name)
    box.record(session(name, name))
    acknowledge()
    store = open_store(url)
    n = 0
    while rounds is None or n < rounds:
        n += 1
        box.record(cell(n, session=name))
        acknowledge()
        box.record(Observation(name, n, 0, 1.0, "artifact", "picture", blob=box.blob(b"%d" % (n % SHARED_BLOBS))))
        acknowledge()
        if n % 3 == 0:
            ship(folder, store, batch=4)
    box.close()
    ship(folder, store, batch=4)


def acknowledged(pipe: int) -> int:
    """How many bytes a dead process has left in its pipe."""
    total = 0
    while data := os.read(pipe, 65536):
        total += len(data)
    os.close(pipe)
    return total


def ended(pid: int) -> bool:
    """Wait for a child. True if it was killed, as it should be."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def judge(store: Store, folder: Path, names: dict[str, int], tally: Tally) -> None:
    """Ship the rest and compare. `names`: writer → how many of its records were acknowledged."""
    end = time.monotonic() + 60
    while True:
        try:
            ship(folder, store)
        except StoreError as error:  # a dead client's transaction may hold a lock for a moment
            if time.monotonic() > end:
                tally.wrong.append(str(error))
                return
            continue
        break
    if pending(folder):
        tally.wrong.append(f"{pending(folder)} files of dead writers are left")
    for name, wanted in names.items():
        found = store.sessions() if wanted == 0 else [store.session(name)]
        one = next((each for each in found if each.id == name), None)
        cells = [each.n for each in store.executions(name)] if one else []
        seen = [each.n for each in store.observations(name)] if one else []
        count = bool(one) + len(cells) + len(seen)
        tally.records += count
        tally.acknowledged += wanted
        whole = cells == list(range(1, len(cells) + 1)) and seen == cells[: len(seen)] and len(cells) - len(seen) <= 1
        if not wanted <= count <= wanted + 1 or not whole or (one and one.state not in {"ended", "interrupted"}):
            tally.wrong.append(f"{name}: {wanted} acknowledged, {count} stored, {one and one.state}: {cells} {seen}")


def kill_at_random(url: str, folder: Path, writers: int, cycles: int) -> Tally:
    """So many cycles with so many writers each."""
    tally, draw = Tally(), random.Random(writers)
    store = open_store(url)
    for cycle in range(cycles):
        names = [f"c{cycle}w{number}" for number in range(writers)]
        children = [born(lambda say, name=name: write(folder, url, name, say, None)) for name in names]  # type: ignore[misc]
        select.select([pipe for _, pipe in children], [], [], 30)
        time.sleep(draw.random() ** 2 * 0.12)  # the random moment
        for pid, _ in children:
            os.kill(pid, signal.SIGKILL)
        tally.kills += sum(ended(pid) for pid, _ in children)
        judge(store, folder, {name: acknowledged(pipe) for name, (_, pipe) in zip(names, children, strict=True)}, tally)
    return _checked(store, tally)


def kill_at_lines(url: str, folder: Path, step: int) -> Tally:
    """At each line of ours, or at each `step`-th, until a process comes to its end."""
    tally, number = Tally(), 1
    store = open_store(url)
    while True:
        name = f"line{number}"
        pid, pipe = born(lambda say, name=name, number=number: _until(number, folder, url, name, say))  # type: ignore[misc]
        killed = ended(pid)
        judge(store, folder, {name: acknowledged(pipe)}, tally)
        if not killed:
            return _checked(store, tally)
        tally.kills += 1
        number += step


def _until(number: int, folder: Path, url: str, name: str, acknowledge: Callable[[], None]) -> None:
    left = number

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
        nonlocal left
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        left -= event == "line"
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    write(folder, url, name, acknowledge, 4)
    sys.settrace(None)


def _checked(store: Store, tally: Tally) -> Tally:
    tally.wrong += [f"{one.where}: {one.what}" for one in store.check().problems]
    store.close()
    return tally


@contextmanager
def stores(folder: Path, cluster: Cluster) -> Iterator[dict[str, Callable[[], str]]]:
    """Kind of store → what makes an empty one and gives its URL."""
    number = iter(range(10**6))

    def sqlite(version: tuple[int, int, int]) -> str:
        sqlite3.sqlite_version_info = version  # type: ignore[misc] # what our code chooses the journal by
        return str(folder / f"store{next(number)}")

    true = sqlite3.sqlite_version_info
    os.environ["MLOPS_BLOBS"] = str(folder / "blobs")
    try:
        yield {"SQLite, rollback journal": lambda: sqlite((3, 40, 0)), "SQLite, WAL": lambda: sqlite((3, 51, 3)),
               "PostgreSQL": cluster.database}
    finally:
        sqlite3.sqlite_version_info = true  # type: ignore[misc]


def main() -> int:
    """Kill, ship, compare, print. Exit code 1 if a record was lost or doubled, or a store is not whole."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--lines", action="store_true", help="at each line of our own code, instead of at random")
    parser.add_argument("--short", action="store_true", help="6 cycles of each kind, and each 97th line")
    options = parser.parse_args()
    cluster = Cluster()
    wrong = 0
    try:
        with tempfile.TemporaryDirectory() as name, stores(Path(name), cluster) as kinds:
            for kind, make in kinds.items():
                cycles = 6 if options.short else options.cycles
                for writers in () if options.lines else WRITERS:
                    started = time.perf_counter()
                    found = kill_at_random(make(), Path(name) / f"{kind}{writers}", writers, cycles)
                    wrong += report(f"{kind}, {writers} at once, {found}", found.wrong, started)
                if options.lines or options.short:
                    started = time.perf_counter()
                    found = kill_at_lines(make(), Path(name) / f"{kind}lines", 97 if options.short else 1)
                    wrong += report(f"{kind}, at each line, {found}", found.wrong, started)
    finally:
        cluster.remove()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
