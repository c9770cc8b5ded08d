"""Proof of the store: whatever is done to it in whatever order, it holds what a model of a few dictionaries holds.

usage: python tests/proofs/machine.py [--examples N] [--seed N] [--short]

hypothesis draws histories: writers are born, record, end, or die with half a line written; shippers ship, or die before or after
any call to the store; the store is closed and opened, swept, copied and replaced by its copy; runs are derived, searched, hidden
and forgotten. After each shipment the store is compared with the model.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its `secrets.py` is no standard library

from hypothesis import HealthCheck, Phase, seed, settings  # noqa: E402 (the path comes first)
from hypothesis import strategies as st  # noqa: E402
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test  # noqa: E402

from mlops_jupyter.api.ledger import derive_runs  # noqa: E402
from mlops_jupyter.entities import Observation  # noqa: E402
from mlops_jupyter.outbox import Outbox, pending, ship  # noqa: E402
from mlops_jupyter.store import Store, open_store  # noqa: E402
from mlops_jupyter.store.sweeping import GRACE  # noqa: E402
from tests.unit.store.story import cell, session  # noqa: E402

STEPS = 30


class Died(BaseException):
    """The end of a shipper, at a call."""


class Mortal:
    """A store whose `calls`-th call kills whoever made it: before it is done, or after."""

    def __init__(self, store: Store, calls: int, after: bool) -> None:
        self._store, self._left, self._after = store, calls, after

    def __getattr__(self, name: str) -> Callable[..., object]:
        done: Callable[..., object] = getattr(self._store, name)

        @functools.wraps(done)
        def call(*given: object, **named: object) -> object:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Died
            result = done(*given, **named)
            if self._left == 0:
                raise Died
            return result

        return call


@dataclass
class Life:
    """What one writer has recorded."""

    box: Outbox
    cells: dict[int, str] = field(default_factory=dict)
    seen: dict[tuple[int, int], tuple[float, str]] = field(default_factory=dict)
    state: str = "running"


class Machine(RuleBasedStateMachine):
    """A store, its outboxes, and what must be in it."""

    writers = Bundle("writers")
    empty: Path
    """A store that is new, to be copied: making one takes longer than a history."""

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp(prefix="mlops-machine-"))
        self.numbers = itertools.count(1)
        self.place = self.base / "store0"
        shutil.copytree(self.empty, self.place)
        self.outbox = self.base / "outbox"
        self.store = open_store(str(self.place))
        self.lives: dict[str, Life] = {}
        self.hidden: set[str] = set()
        self.level = True
        """The store is known to hold what the model holds."""

    def teardown(self) -> None:
        self.ship()
        assert self.store.check().problems == []
        self.store.close()
        for life in self.lives.values():
            life.box.close()
        shutil.rmtree(self.base)

    # writers

    @rule(target=writers)
    def born(self) -> str:
        name = f"w{next(self.numbers)}"
        life = Life(Outbox(self.outbox, name))
        life.box.record(session(name, name, path=f"{name}.ipynb"))
        self.lives[name] = life
        self.level = False
        return name

    @rule(name=writers, state=st.sampled_from(["ok", "error", "running"]))
    def cell(self, name: str, state: str) -> None:
        life = self.lives[name]
        n = len(life.cells) + 1
        life.box.record(cell(n, state=state, session=name))
        life.cells[n] = state
        self.level = False

    @rule(name=writers, value=st.floats(0, 1), data=st.sampled_from(["", "a", "b", "c" * 9000]))
    def observation(self, name: str, value: float, data: str) -> None:
        life = self.lives[name]
        n, seq = max(1, len(life.cells)), len(life.seen)
        blob = life.box.blob(data.encode()) if data else None
        kind, called = ("artifact", "a") if blob else ("metric", "auc")
        life.box.record(Observation(name, n, seq, 1.0, kind, called, value=value, blob=blob))  # type: ignore[arg-type]
        life.seen[n, seq] = (value, data)
        self.level = False

    @rule(name=consumes(writers))
    def ends(self, name: str) -> None:
        self._gone(name)
        self.lives[name].box.close()

    @rule(name=consumes(writers), half=st.booleans())
    def dies(self, name: str, half: bool) -> None:
        life = self.lives[name]
        self._gone(name)
        if half:
            os.write(life.box._fd, b'{"writer": "' + name.encode())
        life.box.disown()

    def _gone(self, name: str) -> None:
        life = self.lives[name]
        unfinished = "running" in life.cells.values()
        life.state = "interrupted" if unfinished else "ended"
        life.cells = {n: "interrupted" if state == "running" else state for n, state in life.cells.items()}
        self.level = False

    # shippers

    @rule(batch=st.sampled_from([1, 3, 1000]))
    def ship(self, batch: int = 1000) -> None:
        ship(self.outbox, self.store, batch=batch)
        self.level = True

    @rule(calls=st.integers(1, 12), after=st.booleans(), batch=st.sampled_from([1, 3]))
    def shipper_dies(self, calls: int, after: bool, batch: int) -> None:
        try:
            ship(self.outbox, Mortal(self.store, calls, after), batch=batch)  # type: ignore[arg-type]
        except Died:
            return
        self.level = True

    # the store

    @rule()
    def opened_again(self) -> None:
        self.store.close()
        self.store = open_store(str(self.place), create=False)

    @rule()
    def swept(self) -> None:
        for blob in self.store._blobs.listed():
            os.utime(blob.place, (1.0, 1.0))
        with self.store.database.write() as connection:
            connection.exec_driver_sql("update blobs set at = 1")
        self.store.sweep(GRACE, dry_run=False, force=True)

    @rule()
    def replaced_by_its_copy(self) -> None:
        self.place = self.base / f"store{next(self.numbers)}"
        shutil.copytree(self.empty, self.place)
        copy = open_store(str(self.place))
        self.store.copy_to(copy)
        self.store.close()
        self.store = copy

    # runs

    @rule(least=st.floats(0, 1))
    def searched(self, least: float) -> None:
        self.ship()
        derive_runs(self.store)
        found = {run.session for run in self.store.search(f"metrics.auc >= {least!r}", limit=1000, deleted=True)}
        assert found == {name for name in self.lives if any(self._newest(name, least))}, least

    def _newest(self, name: str, least: float) -> list[bool]:
        runs = self.store.runs(session=name, deleted=True)
        return [float(metric.value or 0) >= least for run in runs for metric in run.metrics]

    @rule(chosen=st.integers(0, 100))
    def hidden_or_shown(self, chosen: int) -> None:
        derive_runs(self.store)
        known = sorted(run.id for run in self.store.runs(deleted=True))
        if known:
            run = known[chosen % len(known)]
            (self.store.restore_run if run in self.hidden else self.store.delete_run)(run)
            self.hidden ^= {run}

    @rule(name=consumes(writers))
    def forgotten(self, name: str) -> None:
        self.ship()
        self.store.forget_session(name)
        life = self.lives.pop(name)
        life.box.record(cell(99, session=name))  # late, and dropped
        life.box.close()
        self.hidden &= {run.id for run in self.store.runs(deleted=True)}
        self.level = False

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        shown = {run.id for run in self.store.runs(limit=1000)}
        assert not shown & self.hidden
        if not self.level:
            return
        assert {one.id: one.state for one in self.store.sessions()} == {name: life.state for name, life in self.lives.items()}
        for name, life in self.lives.items():
            assert {one.n: one.state for one in self.store.executions(name)} == life.cells
            assert {(one.n, one.seq): (one.value, self._data(one)) for one in self.store.observations(name)} == life.seen
        assert pending(self.outbox) == sum(life.state == "running" for life in self.lives.values())

    def _data(self, one: Observation) -> str:
        return self.store.get_blob(one.blob).decode() if one.blob else ""


def main() -> int:
    """Draw, live, compare, print. Exit code 1 at the first history that differs, which is printed at its shortest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="40 histories")
    options = parser.parse_args()
    examples = 40 if options.short else options.examples
    logging.getLogger("mlops_jupyter").setLevel(logging.ERROR)  # torn lines are what we want
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        Machine.empty = Path(folder) / "empty"
        open_store(str(Machine.empty)).close()
        run_state_machine_as_test(seed(options.seed)(Machine), settings=settings(
            max_examples=examples, stateful_step_count=STEPS, deadline=None, database=None, print_blob=False,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink]))  # fmt: skip
    print(f"ok     {examples} histories of up to {STEPS} steps: 0 wrong ({time.perf_counter() - started:.0f} s), "
          f"Python {sys.version.split()[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
