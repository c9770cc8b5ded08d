"""Proof "500 forks": children of a tracked kernel, made in every way, inside cells and between them.

    python tests/proofs/forks.py [--short]

No cell hangs, no child writes a record, no child's exit ends the session: the outbox holds the numbers 1, 2, 3 … once each, all of
the kernel's own, the lock is still held, and the session is still running at the end.
"""

# ruff: noqa: E501 (cells, one to a line)
from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])

import argparse
import tempfile
import time

from mlops_jupyter.entities import CellExecution, Session
from mlops_jupyter.entities.records import decode
from mlops_jupyter.outbox import alive
from tests.integration.real_kernel import Kernel

PREPARE = """
import atexit, multiprocessing as mp, os, subprocess, sys, threading, time
made = []
def forked(action, leave=os._exit):
    pid = os.fork()
    if pid == 0:
        try:
            action()
        finally:
            leave(0)
    made.append(pid)
    return os.waitpid(pid, 0)[1]
def in_child():
    print('child', flush=False)
    get_ipython().run_cell('child_made = 1')
    open('child.txt', 'a').close()
ctx = mp.get_context('fork')
def work(v):
    return v * 2
"""
WAYS = {
    "os.fork": ("for _ in range(10):\n    forked(lambda: None)", 10),
    "os.fork, a cell in the child": ("for _ in range(5):\n    forked(in_child)", 5),
    "os.fork, exit handlers run": ("for _ in range(5):\n    forked(atexit._run_exitfuncs)", 5),
    "os.fork, tracking used": ("import mlops_jupyter as mlops\nfor _ in range(5):\n    forked(lambda: mlops.log_metric('child', 1))", 5),
    "os.fork, tracking stopped": ("for _ in range(5):\n    forked(mlops.off)", 5),
    "os.fork in a thread": ("t = threading.Thread(target=lambda: forked(lambda: None)); t.start(); t.join()", 1),
    "Process": ("ps = [ctx.Process(target=work, args=(i,)) for i in range(8)]\n[p.start() for p in ps]; [p.join() for p in ps]; made += ps", 8),
    "Pool": ("with ctx.Pool(4) as pool:\n    assert pool.map(work, range(8)) == [v * 2 for v in range(8)]\nmade += range(4)", 4),
    "between cells": ("t = threading.Timer(0.05, lambda: forked(lambda: None)); t.start()", 1),
    "its end": ("t.join()", 0),
    "subprocess": ("for _ in range(4):\n    subprocess.run(['true'])\nmade += range(4)", 4),
    "os.system and !": ("os.system('true')\n!true\nmade += range(2)", 2),
    "loky": ("from joblib import Parallel, delayed\nassert Parallel(n_jobs=2)(delayed(work)(i) for i in range(4)) == [0, 2, 4, 6]\nmade += range(2)", 2),
    "futures": ("from concurrent.futures import ProcessPoolExecutor\nwith ProcessPoolExecutor(2, mp_context=ctx) as pool:\n    assert list(pool.map(work, range(4))) == [0, 2, 4, 6]\nmade += range(2)", 2),
    "an orphan": ("pid = os.fork()\nif pid == 0:\n    leave = os._exit\n    time.sleep(0.3)\n    atexit._run_exitfuncs()\n    leave(0)\nmade.append(pid)", 1),
}


def forks(folder: Path, least: int) -> tuple[int, int, list[str]]:
    """(forks made, records in the outbox, what is wrong)."""
    (folder / "work").mkdir(parents=True)
    kernel = Kernel(folder / "work", folder / "state")
    wrong: list[str] = []
    made = cells = 0
    try:
        kernel.run(PREPARE)
        kernel.track()
        kernel.run("import mlops_jupyter as mlops")
        while made < least:
            for way, (cell, count) in WAYS.items():
                shown = kernel.run(cell)
                wrong += [f"{way}: {message['ename']}: {message['evalue']}" for message in shown if message["type"] == "error"]
                made += count
                cells += 1
                shown = kernel.run("value = len(made)")
                wrong += [f"after {way}: {message}" for message in shown if message["type"] == "error"]
                cells += 1
        time.sleep(0.5)  # the orphans' ends
        outboxes = sorted((folder / "state").glob("*/outbox/*.jsonl"))
        records = [decode(line) for file in outboxes for line in file.read_bytes().splitlines() if line]
        numbers = [record.n for record in records]
        executions = {one.entity.n: one.entity for one in records if isinstance(one.entity, CellExecution) and one.entity.state != "untracked"}
        last = [one.entity for one in records if isinstance(one.entity, Session)][-1]
        if len(outboxes) != 1:
            wrong.append(f"{len(outboxes)} outboxes")
        if numbers != list(range(1, len(numbers) + 1)):
            wrong.append("the numbers of the records are not 1, 2, 3 …")
        if [one for one in executions.values() if one.source == "child_made = 1"]:
            wrong.append("a cell of a child was recorded")
        if sum(bool(one.source) for one in executions.values()) != cells + 1:
            wrong.append(f"{len(executions)} executions of {cells + 1} cells")
        if [one for one in kernel.observations() if one.name == "child"]:
            wrong.append("a child's metric was recorded")
        if last.state != "running":
            wrong.append(f"the session is {last.state}")
        if not alive(outboxes[0].parent, outboxes[0].stem):
            wrong.append("the outbox is not locked any more")
        wrong += [note for note in last.notes if "failed" in note]
        return made, len(records), wrong
    finally:
        kernel.close()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true")
    arguments = parser.parse_args()
    clock = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        made, records, wrong = forks(Path(place), 50 if arguments.short else 500)
    print(f"{made} forks in {len(WAYS)} ways, {records} records, {len(wrong)} failures, {time.perf_counter() - clock:.0f} s, Python {sys.version.split()[0]}")
    for line in dict.fromkeys(wrong):
        print("  ", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
