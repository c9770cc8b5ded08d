"""Proof of upkeep: every damage is found and none imagined, nothing that is named is swept, every backup restores.

usage: python tests/proofs/upkeep.py [--edits N] [--clean N] [--races N] [--backups N] [--seed N] [--short]

Stores are filled at random with everything that facts are kept in. An edit changes one value of a row that holds a fact, removes
a session or an environment from under what names it, or changes, cuts, lengthens, removes or exchanges blobs; then `fsck` must
find it. In a race a process that stores blobs is stopped at a random moment, `gc` sweeps, and the process goes on. A backup is
restored, and must hold the same.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import select
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its `secrets.py` is no standard library

from mlops_jupyter.api import upkeep  # noqa: E402 (the path comes first)
from mlops_jupyter.api.ledger import derive_runs  # noqa: E402
from mlops_jupyter.entities import Goal, NotFoundError, Observation, Output  # noqa: E402
from mlops_jupyter.outbox import Outbox, ship  # noqa: E402
from mlops_jupyter.store import Store, open_store, schema  # noqa: E402
from mlops_jupyter.store.checking import Problem  # noqa: E402
from mlops_jupyter.store.sweeping import GRACE  # noqa: E402
from tests.proofs.children import born  # noqa: E402
from tests.proofs.running import report  # noqa: E402
from tests.unit.store.story import append, cell, metric, session, verdict  # noqa: E402

BY_THEMSELVES = {"sessions": {"revision", "derived"}, "runs": {"deleted"}}
"""Columns that are no part of a fact: how far a session's runs are derived, which runs are hidden."""
RACE_BLOBS = 20


def filled(folder: Path, draw: random.Random) -> Store:
    """A store with one to three sessions."""
    store = open_store(str(folder))
    for number in range(draw.randint(1, 3)):
        name = f"s{number}"
        cells = range(1, draw.randint(2, 8))
        shown = [Output("display", "image/png", blob=store.put_blob(draw.randbytes(draw.randint(1, 5000)))) for _ in cells]
        append(store, session(name, name, path=f"{name}.ipynb", tags={"k": "naïve ☕"}), writer=name)
        append(store, *(cell(n, session=name, outputs=[one]) for n, one in zip(cells, shown, strict=True)), writer=name)
        append(store, *(metric(n, session=name, value=draw.random()) for n in cells), writer=name)
        store.put(Goal(f"exp-{name}", 1.0, "good", metric="auc", at_least=0.4))
    derive_runs(store)
    for run in store.runs():
        store.put(verdict(f"v{run.id}", run.id, 9.0))
    store.create_token("me", "read")
    return store


def edit_row(store: Store, draw: random.Random) -> str:
    """One value of one row that holds a fact becomes another."""
    with contextlib.closing(sqlite3.connect(file_of(store))) as connection, connection:
        tables = [one for one in schema.metadata.sorted_tables if "checksum" in one.c or one.name in {"marks", "packages"}]
        table = draw.choice([one for one in tables if connection.execute(f"select count(*) from {one.name}").fetchone()[0]])
        column = draw.choice([one.name for one in table.columns if one.name not in BY_THEMSELVES.get(table.name, ())])
        row, value = draw.choice(connection.execute(f"select rowid, {column} from {table.name}").fetchall())
        with contextlib.suppress(sqlite3.IntegrityError):
            connection.execute(f"update {table.name} set {column} = ? where rowid = ?", (another(value, draw), row))
            return f"{table.name}.{column}"
    return edit_row(store, draw)  # another row has that key


def another(value: object, draw: random.Random) -> object:
    """Not `value`, but close to it."""
    if isinstance(value, str) and value:
        at = draw.randrange(len(value))
        return value[:at] + draw.choice([chr(ord(value[at]) ^ 1), "", value[at] * 2]) + value[at + 1:]
    return "x" if isinstance(value, str) else (value or 0) + draw.choice([1, -1, 0.5])  # type: ignore[operator]


def remove_row(store: Store, draw: random.Random) -> str:
    """A session, an environment or a part of the index goes."""
    with contextlib.closing(sqlite3.connect(file_of(store))) as connection, connection:
        table = draw.choice(["sessions", "environments", "marks", "packages", "blobs"])
        row = draw.choice(connection.execute(f"select rowid from {table}").fetchall())[0]
        connection.execute(f"delete from {table} where rowid = ?", (row,))
        if table == "blobs":  # the row alone is no loss: the bytes are there
            path = store._blobs.path(next(iter(digest for digest, _ in store.blobs())))  # type: ignore[attr-defined]
            path.unlink()
    return f"{table} removed"


def edit_blob(store: Store, draw: random.Random) -> str:
    """A bit changes; or the file is cut, lengthened, removed, or exchanged with another."""
    paths = [Path(one.place) for one in store._blobs.listed()]
    path = draw.choice(paths)
    data = bytearray(path.read_bytes())
    kind = draw.choice(["flip", "cut", "grow", "remove", "swap"])
    if kind == "flip":
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif kind == "cut":
        del data[draw.randrange(len(data)):]
    elif kind == "grow":
        data += draw.randbytes(draw.randint(1, 99))
    elif kind == "swap" and len(paths) > 1:
        other = draw.choice([one for one in paths if one != path])
        data, theirs = bytearray(other.read_bytes()), data
        other.write_bytes(theirs)
    path.unlink()
    if kind not in {"remove", "swap"} or (kind == "swap" and len(paths) > 1):
        path.write_bytes(data)
    return f"blob {kind}"


def file_of(store: Store) -> Path:
    """The database."""
    assert store.database.path is not None
    return store.database.path


def edits(folder: Path, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """What was edited, how often; what was not found."""
    done: Counter[str] = Counter()
    missed: list[str] = []
    ways: list[Callable[[Store, random.Random], str]] = [edit_row, edit_row, edit_row, edit_blob, edit_blob, remove_row]
    for number in range(count):
        draw = random.Random(seed * 10**6 + number)
        if number % 100 == 0:
            shutil.rmtree(folder / "whole", ignore_errors=True)
            filled(folder / "whole", draw).close()
        target = folder / "edited"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder / "whole", target)
        store = open_store(str(target))
        what = draw.choice(ways)(store, draw)
        done[what.split(maxsplit=1)[0]] += 1
        if not problems(store):
            missed.append(f"edit {number}: {what} was not found")
        store.close()
    return done, missed


def problems(store: Store) -> list[Problem]:
    """What `fsck` says."""
    return store.check().problems


def clean(folder: Path, count: int, seed: int) -> list[str]:
    """False alarms in so many whole stores, which are also used: hidden, renamed, ended, purged, swept."""
    wrong: list[str] = []
    for number in range(count):
        draw = random.Random(seed * 10**6 - number)
        store = filled(folder / f"clean{number}", draw)
        run = draw.choice(store.runs())
        for change in draw.sample([
            lambda store=store, run=run: store.delete_run(run.id),
            lambda store=store: store.rename_notebook("s0.ipynb", "t.ipynb"),
            lambda store=store: store.close_writer("s0", 500.0),
            lambda store=store: store.revoke_token("me"),
            lambda store=store, run=run: store.forget_run(run.id),
            lambda store=store: store.forget_session("s0"),
            lambda store=store: store.sweep(0.0, dry_run=False, force=True),
        ], draw.randint(0, 3)):  # fmt: skip
            with contextlib.suppress(NotFoundError):  # the run went with its session
                change()
        derive_runs(store)
        wrong += [f"clean {number}: {one.where}: {one.what}" for one in problems(store)]
        store.close()
        shutil.rmtree(folder / f"clean{number}")
    return wrong


def races(folder: Path, count: int, seed: int) -> list[str]:
    """What a sweep took although a process, stopped meanwhile, was about to name it."""
    place, wrong, draw = folder / "raced", [], random.Random(seed)
    store = open_store(str(place))
    for number in range(count):
        data = [b"race %d blob %d" % (number, one) for one in range(RACE_BLOBS)]
        for digest in store.put_blobs(data):
            _age(store, digest)
        writer, pipe = born(lambda say, data=data, number=number: _write(place, f"r{number}", data, say))  # type: ignore[misc]
        select.select([pipe], [], [], 30)
        time.sleep(draw.random() * 0.06)  # the random moment
        os.kill(writer, signal.SIGSTOP)
        sweeper, other = born(lambda _: _swept(place))
        select.select([other], [], [], 0.15)  # it has ended, or waits for the lock that the stopped one holds
        os.kill(writer, signal.SIGCONT)
        for what, pid in (("writer", writer), ("sweep", sweeper)):
            if code := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
                wrong.append(f"race {number}: the {what} ended with {code}")
        os.close(pipe)
        os.close(other)
        lost = [one.blob for one in store.observations(f"r{number}") if not store.has_blob(one.blob)]
        if lost or len(store.observations(f"r{number}")) != RACE_BLOBS:
            wrong.append(f"race {number}: lost {lost}")
    return wrong + [f"{one.where}: {one.what}" for one in problems(store)]


def _age(store: Store, digest: str) -> None:
    path = store._blobs.path(digest)  # type: ignore[attr-defined]
    os.utime(path, (1.0, 1.0))
    with store.database.write() as connection:
        connection.execute(schema.blobs.update().where(schema.blobs.c.digest == digest).values(at=1.0))


def _write(place: Path, name: str, data: list[bytes], say: Callable[[], object]) -> None:
    box = Outbox(place / "outbox", name)
    box.record(session(name, name))
    store = open_store(str(place))
    say()
    for seq, each in enumerate(data):
        box.record(Observation(name, 1, seq, 1.0, "artifact", "picture", blob=box.blob(each)))
        if seq % 4 == 3:
            ship(place / "outbox", store)
    box.close()
    ship(place / "outbox", store)


def _swept(place: Path) -> None:
    open_store(str(place)).sweep(GRACE, dry_run=False, force=True)


def backups(folder: Path, count: int, seed: int) -> list[str]:
    """What a restored backup holds otherwise than the store that was backed up."""
    wrong: list[str] = []
    for number in range(count):
        base = folder / f"backup{number}"
        os.environ["MLOPS_STATE"] = str(base / "state")
        os.environ["MLOPS_STORE"] = str(base / "store")
        store = filled(base / "store", random.Random(seed * 10**6 + number))
        upkeep.back_up(base / "copy")
        os.environ["MLOPS_STORE"] = str(base / "again")
        upkeep.restore(base / "copy")
        again = open_store(str(base / "again"))
        with store.database.read() as one, again.database.read() as other:
            same = [one.execute(table.select()).all() == other.execute(table.select()).all()
                    for table in schema.metadata.sorted_tables]
        blobs = [store.get_blob(digest) == again.get_blob(digest) for digest, _ in store.blobs()]
        if not (all(same) and all(blobs) and store.blobs() == again.blobs()):
            wrong.append(f"backup {number} is not the store")
        store.close()
        again.close()
        shutil.rmtree(base)
    return wrong


def main() -> int:
    """Damage, look, race, restore, print. Exit code 1 if one figure is not what it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    for name, count in (("--edits", 10_000), ("--clean", 1_000), ("--races", 500), ("--backups", 100), ("--seed", 1)):
        parser.add_argument(name, type=int, default=count)
    parser.add_argument("--short", action="store_true", help="150 edits, 15 clean stores, 8 races, 3 backups")
    options = parser.parse_args()
    sizes = (150, 15, 8, 3) if options.short else (options.edits, options.clean, options.races, options.backups)
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        done, missed = edits(folder, sizes[0], options.seed)
        wrong += report(f"{sizes[0]} edits, not found", missed, started)
        print("       " + ", ".join(f"{what} {count}" for what, count in sorted(done.items())))
        for what, proof, count in (("whole stores, false alarms", clean, sizes[1]),
                                   ("races of gc, lost or failed", races, sizes[2]),
                                   ("backups restored, different", backups, sizes[3])):
            started = time.perf_counter()
            wrong += report(f"{count} {what}", proof(folder, count, options.seed), started)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
