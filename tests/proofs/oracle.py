"""The oracle: does capture see every change? `python tests/proofs/oracle.py --cells 20000 [--seed S] [--short]`.

Random notebooks are played under real tracking; after every move a description of the whole namespace that shares no code with
the fingerprints says what really changed. Printed: recall (real changes seen or marked unknown: must be 100 %), false
changes (at most 2 %), how much is marked unknown. Exit code 1 if a bar is missed. Notebooks run in forked processes,
since they patch libraries and leave threads behind.
"""

# ruff: noqa: E501, E402 (the path is set before the project's own modules are imported; figures on one line)

from __future__ import annotations

import argparse
import collections
import contextlib
import importlib
import multiprocessing
import os
import platform
import signal
import sys
import tempfile
import time
import traceback
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

sys.path[0] = str(Path(__file__).parents[2])  # not this folder, whose secrets.py is not the standard library's
os.environ.setdefault("MPLBACKEND", "agg")

from tests.proofs.judging import Verdict, judge
from tests.proofs.notebooks import notebook
from tests.proofs.playing import BESIDE, Played, play

FALSE_BAR = 0.02
PER_PROCESS = 6
"""Notebooks of one forked process."""
LIMIT = 120
"""Seconds after which a notebook counts as stuck."""
Tally = dict[str, int]


def run_seed(seed: int) -> tuple[Tally, list[str]]:
    """Play the notebook of this seed: figures, and what is wrong, each with the cells that led there."""
    moves = notebook(seed)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        state = Path(folder) / "state"
        os.environ["MLOPS_STATE"] = str(state)
        try:
            played = play(moves, Path(folder), seed)
        except (Exception, AssertionError) as error:
            lines = "".join(traceback.format_exception(error)[-3:])
            return {"notebooks": 1, "crashed": 1}, [f"seed {seed}: {type(error).__name__}: {error}\n{lines}"]
    tally: Tally = collections.Counter(notebooks=1)
    wrong: list[str] = []
    for at, one in enumerate(played):
        verdict = judge(one)
        if one.move.drawn:
            _count(tally, one, verdict)
        for kind in ("missed", "missed_hidden", "false"):
            wrong += [f"seed {seed} move {at} {kind}: {what}\n    {_move(one)}" for what in getattr(verdict, kind)]
    return dict(tally), wrong


def _count(tally: Tally, one: Played, verdict: Verdict) -> None:
    tally["moves"] += 1
    tally["cells"] += one.move.kind not in BESIDE
    tally["failed"] += bool(one.error)
    for name in ("real", "unknown", "hidden", "definite", "executions", "opaque", "maybe"):
        tally[name] += getattr(verdict, name)
    for name in ("missed", "missed_hidden", "false"):
        tally[name] += len(getattr(verdict, name))


def _move(one: Played) -> str:
    marks = [(write.name, write.how) for execution in one.executions for write in execution.writes]
    return f"{one.move.kind}| {one.move.source!r} {one.error} recorded {marks}"


def _chunk(seeds: list[int], channel: Connection) -> None:
    """In a forked process: its main thread plays these notebooks, and is stopped if one never ends."""
    signal.signal(signal.SIGALRM, _stop)
    found = []
    for seed in seeds:
        signal.alarm(LIMIT)
        found.append(run_seed(seed))
        signal.alarm(0)
    channel.send(found)
    channel.close()
    sys.stdout.flush()
    os._exit(0)  # threads and finalizers of the notebooks are of no interest


def _stop(number: int, frame: object) -> None:
    raise AssertionError(f"a notebook did not end within {LIMIT} s")


def _import_first() -> None:
    """Libraries whose import changes options, warnings and the environment: no cell is to be blamed for that."""
    for name in ("matplotlib.pyplot", "sklearn.ensemble", "sklearn.model_selection", "sklearn.pipeline", "sklearn.neighbors",
                 "polars", "pyarrow", "torch", "torch.optim", "torch._dynamo", "sympy", "scipy.sparse"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def measure(cells: int, seed: int, workers: int, *, quiet: bool = False) -> tuple[Tally, list[str]]:
    """Play notebooks from `seed` on until so many drawn cells have run."""
    _import_first()
    total: Tally = collections.Counter()
    wrong: list[str] = []
    start = time.time()
    running: dict[Connection, BaseProcess] = {}
    context = multiprocessing.get_context("fork")
    while total["cells"] < cells:
        while len(running) < workers:
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_chunk, args=(list(range(seed, seed + PER_PROCESS)), there))
            process.start()
            there.close()
            running[here] = process
            seed += PER_PROCESS
        for channel in wait(list(running)):
            process = running.pop(cast(Connection, channel))
            try:
                batch = cast(Connection, channel).recv()
            except EOFError:
                batch = [({"notebooks": PER_PROCESS, "crashed": 1}, ["a process died"])]
            process.join()
            for tally, found in batch:
                total.update(tally)
                wrong += found
                if found and not quiet:
                    print(*found, sep="\n", flush=True)
        if not quiet:
            print(f"... {total['cells']} cells, {total['cells'] / (time.time() - start):.1f}/s, missed {total['missed']}"
                  f"+{total['missed_hidden']}, false {total['false']}", flush=True)
    for process in running.values():
        process.kill()
    return dict(total), wrong


def summary(total: Tally) -> list[tuple[str, str, bool]]:
    """(figure, value, whether its bar is met)."""
    def share(part: str, whole: str) -> float:
        return total.get(part, 0) / total[whole] if total.get(whole) else 0.0

    missed, hidden, false = (total.get(name, 0) for name in ("missed", "missed_hidden", "false"))
    return [
        ("cells", f"{total.get('cells', 0)} in {total.get('notebooks', 0)} notebooks, {total.get('failed', 0)} of them failing", True),
        ("notebooks in which capture failed", str(total.get("crashed", 0)), not total.get("crashed")),
        ("real changes of names seen or marked unknown", f"{total['real'] - missed} of {total['real']}", not missed),
        ("  of these only marked unknown", f"{share('unknown', 'real'):.1%}", True),
        ("real changes of state beside names, seen or marked unknown", f"{total['hidden'] - hidden} of {total['hidden']}", not hidden),
        ("false among the definite changes", f"{false} of {total['definite']} = {share('false', 'definite'):.2%}",
         share("false", "definite") <= FALSE_BAR),
        ("executions marked opaque", f"{share('opaque', 'executions'):.1%} (the catalogue is full of them)", True),
        ("other executions with a change that may be", f"{share('maybe', 'executions'):.1%}", True),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Play, print one line for each figure, say whether the bars are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--short", action="store_true", help="200 cells, one line for each figure only")
    parser.add_argument("--only", type=int, help="one notebook, by its seed: what is wrong in it")
    options = parser.parse_args(arguments)
    if options.only is not None:
        _import_first()
        _, wrong = run_seed(options.only)
        print(*wrong, sep="\n")
        return bool(wrong)
    workers = 1 if options.short else options.workers  # beside other tests
    total, wrong = measure(200 if options.short else options.cells, options.seed, workers, quiet=options.short)
    print(*wrong if options.short else (), f"Python {platform.python_version()}, seed {options.seed}", sep="\n")
    figures = summary(total)
    for figure, value, met in figures:
        print(f"{'ok    ' if met else 'MISSED'} {figure}: {value}")
    return not all(met for _, _, met in figures)


if __name__ == "__main__":
    sys.exit(main())
