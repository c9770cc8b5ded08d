"""Proof that the example job runs on every engine: with its Parquet from elsewhere, and the metrics of its clean run.

usage: python tests/proofs/example_everywhere.py [--only ENGINE…]

The example, `flight_delays.ipynb`, is tracked and made a job by the commands, and handed to each engine as by
`-i flights=ADDRESS`, that of an HTTP server or an S3 bucket on loopback, whose log says that the file was asked for. Each must
succeed and give each metric of the clean run, to nine digits.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its `secrets.py` is no standard library


from mlops_jupyter import plugins  # noqa: E402 (the path comes first)
from mlops_jupyter.api import submissions as verbs  # noqa: E402
from mlops_jupyter.api.handing import Handing, submit  # noqa: E402
from mlops_jupyter.api.ledger import open_ledger  # noqa: E402
from mlops_jupyter.entities import Schedule, Submission  # noqa: E402
from mlops_jupyter.entities.submissions import NO_END  # noqa: E402
from mlops_jupyter.jobs import bundle  # noqa: E402
from tests.bucket import S3  # noqa: E402
from tests.engines.test_cron import daemon  # noqa: E402
from tests.integration.test_attempts import FarRunner  # noqa: E402
from tests.proofs.killed_engines import begun  # noqa: E402
from tests.proofs.killing import Strike, remains  # noqa: E402
from tests.proofs.running import report  # noqa: E402

ELSEWHERE = {"local": "http", "another machine": "s3", "cron": "http", "dask": "s3", "airflow": "s3", "slurm": "s3",
             "github": "http", "gitlab": "http", "kubernetes": "s3"}
"""Engine → where its Parquet lies."""
FILE = "flights.parquet"
PATIENCE = 600.0


class Shelf:
    """The file at two addresses, and how often it was asked for at each."""

    def __init__(self, folder: Path, file: Path) -> None:
        (folder / "served").mkdir()
        shutil.copy(file, folder / "served" / FILE)
        self.asked: list[str] = []
        handler = functools.partial(_Handler, self.asked, directory=str(folder / "served"))
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self._log = folder / "s3.log"
        self._s3 = S3(self._log)
        os.environ.update(self._s3.environment)
        place = self._s3.bucket()
        import fsspec

        fsspec.filesystem("s3", skip_instance_cache=True).put(str(file), f"{place}/{FILE}")
        self.addresses = {"http": f"http://127.0.0.1:{self._http.server_port}/{FILE}", "s3": f"{place}/{FILE}"}

    def count(self, where: str) -> int:
        """Requests for its content so far."""
        if where == "http":
            return len(self.asked)
        return sum(f"GET {self.addresses['s3'].removeprefix('s3:/')} " in line for line in self._log.read_text().splitlines())

    def remove(self) -> None:
        """Both servers."""
        self._http.shutdown()
        self._http.server_close()
        self._s3.remove()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, asked: list[str], *words: Any, **more: Any) -> None:
        self._asked = asked
        super().__init__(*words, **more)

    def do_GET(self) -> None:
        self._asked.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *words: object) -> None:
        """Nothing is printed."""


def example(folder: Path) -> Path:
    """The job, made as a user makes it."""
    for file in [ROOT / "example_notebooks" / "flight_delays.ipynb", *(ROOT / "example_notebooks").glob("*.py")]:
        shutil.copy(file, folder)
    for words in (["track", "flight_delays.ipynb"], ["convert", "flight_delays.ipynb", "-o", "made", "--yes"]):
        done = subprocess.run(["mlops", *words], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "made"


def ended(one: Submission) -> Submission:
    """The submission at its end."""
    end = time.monotonic() + PATIENCE
    while (now := verbs.submission(one.id)).state in NO_END:
        assert time.monotonic() < end, now
        time.sleep(0.5)
    return now


def metrics(one: Submission) -> dict[tuple[str, str], float]:
    """Of all runs that it has left."""
    store = open_ledger()
    return {(metric.name, metric.key): metric.value for session in store.sessions(submission=one.id)
            for run in store.runs(session=session.id) for metric in run.metrics}


def by_engine(name: str, folder: Path, job: Path, address: str) -> Submission:
    """Handed to a real engine."""
    engine = begun(name, folder, 2, lambda place: Path(shutil.copytree(job, place)))
    try:
        how = Handing(options=engine.options(Strike("", "runs", again=False)), deliver=engine.deliver())
        return ended(submit(engine.job, engine.runner, {}, {"flights": address}, how))
    finally:
        engine.remove()


def by_another_machine(_name: str, _folder: Path, job: Path, address: str) -> Submission:
    """This one, as if it were another: nothing is shared but what the attempt leaves."""
    load = plugins.load
    plugins.load = lambda group, name: FarRunner
    try:
        return ended(submit(job, "local", {}, {"flights": address}))
    finally:
        plugins.load = load


def by_cron(_name: str, _folder: Path, job: Path, address: str) -> Submission:
    """Once, by Debian's cron."""
    with own_crontab():
        made = submit(job, "cron", {}, {"flights": address}, Handing(schedule=Schedule("* * * * *", "UTC")))
        with daemon():
            end = time.monotonic() + 130
            while not (children := [one for one in verbs.submissions() if one.parent == made.id]):
                assert time.monotonic() < end, "cron started nothing"
                time.sleep(1)
        verbs.cancel(made.id)
        return ended(children[0])


@contextmanager
def own_crontab() -> Iterator[None]:
    """Afterwards it is what it was."""
    before = subprocess.run(["crontab", "-l"], capture_output=True, check=False)
    try:
        yield
    finally:
        words, text = (["-r"], b"") if before.returncode else (["-"], before.stdout)
        subprocess.run(["crontab", *words], input=text, check=False)


WAYS: dict[str, Callable[[str, Path, Path, str], Submission]] = {"another machine": by_another_machine, "cron": by_cron}


def tried(name: str, folder: Path, job: Path, shelf: Shelf) -> list[str]:
    """One engine; what was wrong. Prints a line."""
    where = ELSEWHERE[name]
    before, began = shelf.count(where), time.monotonic()
    (folder / name).mkdir()
    one = WAYS.get(name, by_engine)(name, folder / name, job, shelf.addresses[where])
    seconds, found, asked = time.monotonic() - began, metrics(one), shelf.count(where) - before
    clean = {(each.name, each.key): each.value for each in bundle.load(job).manifest.results if each.kind == "metric"}
    other = [f"{name}: {key} is {found.get(key)}, in the clean run {value}" for key, value in clean.items()
             if not math.isclose(found.get(key, math.nan), value, rel_tol=1e-9)]
    took = one.outcome.seconds if one.outcome else 0.0
    right, auc = f"{len(clean) - len(other)} of {len(clean)} metrics", found.get(("auc", ""), math.nan)
    print(f"    {name:16} {one.state:10} {seconds:4.0f} s with its engine's start, the job {took:3.0f}; {right}, AUC {auc:.6f}; "
          f"flights by {where}, asked for {asked} times", flush=True)
    wrong = [f"{name}: it {one.state}: {one.outcome}"] if one.state != "succeeded" else other
    return wrong if asked else [*wrong, f"{name}: nobody asked for {shelf.addresses[where]}"]


def main() -> int:
    """Prove, print. Exit code 1 if an engine gave something else."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", nargs="+", choices=list(ELSEWHERE), default=list(ELSEWHERE))
    options = parser.parse_args()
    started, wrong = time.perf_counter(), list[str]()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory(prefix="mlops-proof-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        os.environ.update(MLOPS_STORE=f"{name}/store", MLOPS_STATE=f"{name}/state")
        job = example(folder)
        shelf = Shelf(folder, job / FILE)
        try:
            for engine in options.only:
                wrong += tried(engine, folder, job, shelf)
        finally:
            shelf.remove()
        wrong += [f"a process is left: {each}" for each in remains(name)]
    return 1 if report(f"the example on {len(options.only)} engines", wrong, started) else 0


if __name__ == "__main__":
    sys.exit(main())
