"""Proof of load: eight kernels at once on one SQLite store, with three readers and a server that starts anew meanwhile.

usage: python tests/proofs/load.py [--kernels N] [--cells N] [--short]

Real kernels run cells as fast as they can; each cell logs a metric. One reader asks over HTTP, one lists and searches with the
commands' own code in a process of its own (and so ships, as the server does), one listens to the stream of changes and comes back
by the last id that it has seen. In the middle the server is stopped and started. At the end two processes ship one orphan.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its `secrets.py` is no standard library

import psutil  # noqa: E402 (the path comes first)
import requests  # noqa: E402
from jupyter_client.manager import KernelManager  # noqa: E402

from mlops_jupyter.outbox import Outbox, pending, ship  # noqa: E402
from mlops_jupyter.store import Store, open_store  # noqa: E402
from tests.ports import free_port  # noqa: E402
from tests.proofs.children import born  # noqa: E402
from tests.unit.store.story import cell, session  # noqa: E402

API = "/mlops/api/v1"
READER = """
import sys, time
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import MlopsError
count = 0
while not __import__("os").path.exists(sys.argv[1]):
    try:
        store = open_ledger()
        store.search("metrics.m > 0.5", limit=5)
        store.sessions(limit=5)
        count += 1
    except MlopsError as error:
        print(f"{type(error).__name__}: {error}".splitlines()[0], flush=True)
    time.sleep(0.02)
print(f"read {count} times", flush=True)
"""


@dataclass
class Heard:
    """What readers were told."""

    reads: int = 0
    errors: list[str] = field(default_factory=list)
    ended: dict[str, float] = field(default_factory=dict)
    """`session:n` → when the stream said that this cell has ended."""
    resets: int = 0
    connections: int = 0


class Server:
    """`mlops server` in a process of its own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.address = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        command = [sys.executable, "-m", "mlops_jupyter.cli", "server", "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 180  # it shares its cores with all the kernels
        while True:
            with contextlib.suppress(requests.ConnectionError):
                requests.get(f"{self.address}{API}/healthz", timeout=5)  # whatever it says to somebody without a token
                return
            assert self._process.poll() is None, "the server did not start"
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        """As an operator does."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)

    def memory(self) -> float:
        """MiB."""
        assert self._process
        return psutil.Process(self._process.pid).memory_info().rss / 2**20


def run_kernel(folder: Path, number: int, cells: int, done: dict[str, float]) -> str:
    """One kernel's life; what went wrong. `done`: kernel and cell → when the front end had its reply."""
    manager = KernelManager(transport="ipc", ip=str(folder / f"k{number}"))
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        for n in range(cells + 1):
            source = f"x = {n}\nlog_metric('m', {n} / {cells})" if n else (
                f"%load_ext mlops_jupyter\n%mlops track --experiment load{number}\nfrom mlops_jupyter import log_metric")
            asked = client.execute(source)
            while True:
                reply = client.get_shell_msg(timeout=120)
                if reply["parent_header"].get("msg_id") == asked:
                    break
            done[f"load{number}:{n}"] = time.monotonic()
            if reply["content"]["status"] != "ok":
                return f"kernel {number}, cell {n}: {reply['content']}"
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
        manager.cleanup_resources()
    return ""


def ask(server: Server, token: str, heard: Heard, over: threading.Event, down: threading.Event) -> None:
    """The reader over HTTP."""
    headers = {"Authorization": f"Bearer {token}"}
    while not over.wait(0.02):
        try:
            for path in ("/sessions?limit=5", "/runs?limit=20", "/ledger/experiments"):
                answer = requests.get(server.address + API + path, headers=headers, timeout=60)
                if not answer.ok and not (answer.status_code == 503 and down.is_set()):  # it said that it stops
                    heard.errors.append(f"{path}: {answer.status_code} {answer.text[:200]}")
                heard.reads += 1
        except requests.RequestException as error:
            if not down.is_set():
                heard.errors.append(f"HTTP: {error}")


def listen(server: Server, token: str, heard: Heard, over: threading.Event) -> None:
    """The reader of the stream, which comes back after each end of it."""
    last = ""
    while not over.is_set():
        headers = {"Authorization": f"Bearer {token}", **({"Last-Event-ID": last} if last else {})}
        try:
            with requests.get(server.address + API + "/events", headers=headers, stream=True, timeout=30) as answer:
                heard.connections += 1
                kind = ""
                for line in answer.iter_lines():
                    name, _, value = line.decode().partition(": ")
                    last, kind = (value if name == "id" else last), (value if name == "event" else kind)
                    if name != "data":
                        continue
                    if kind == "reset":
                        heard.resets += 1
                        _read_afresh(server, token, heard)
                    change = json.loads(value)
                    if change.get("noun") == "execution" and change.get("state") in {"ok", "error"}:
                        heard.ended.setdefault(change["id"], time.monotonic())
                    if over.is_set():
                        return
        except requests.RequestException:
            time.sleep(0.05)


def _read_afresh(server: Server, token: str, heard: Heard) -> None:
    """What a listener does that has been away for too long."""
    headers = {"Authorization": f"Bearer {token}"}
    for one in requests.get(server.address + API + "/sessions?limit=100", headers=headers, timeout=60).json():
        cells = requests.get(server.address + API + f"/sessions/{one['id']}/executions", headers=headers, timeout=60)
        for each in cells.json():
            heard.ended.setdefault(f"{one['id']}:{each['n']}", float("nan"))


def two_shippers(folder: Path, rounds: int) -> list[str]:
    """Orphans that two processes ship at once."""
    store, wrong = open_store(str(folder / "orphans")), []
    for number in range(rounds):
        box = Outbox(folder / "boxes", f"o{number}")
        box.record(session(f"o{number}", f"o{number}"))
        for n in range(1, 200):
            box.record(cell(n, session=f"o{number}"))
        box.close()
        children = [born(lambda _: ship(folder / "boxes", open_store(str(folder / "orphans")), batch=20)) for _ in range(2)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid, _ in children]
        ship(folder / "boxes", store)  # whoever had the lock may have left the closing to the next, and nothing else
        found = [one.n for one in store.executions(f"o{number}")]
        if any(codes) or found != list(range(1, 200)) or pending(folder / "boxes"):
            wrong.append(f"orphan {number}: {codes}, {len(found)} cells, {pending(folder / 'boxes')} files left")
    return wrong


def whole(store: Store, kernels: int, cells: int, done: dict[str, float], heard: Heard) -> tuple[list[str], list[float]]:
    """What is missing or doubled; seconds from a front end's reply to the listener's word for it."""
    wrong: list[str] = []
    waits: list[float] = []
    sessions = {one.experiment: one for one in store.sessions()}
    if len(store.sessions()) != kernels:
        wrong.append(f"{len(store.sessions())} sessions of {kernels} kernels")
    for number in range(kernels):
        one = sessions[f"load{number}"]
        ran = [each for each in store.executions(one.id) if "log_metric('m'" in each.source]
        sources = [each.source for each in ran]
        values = [seen.value for seen in store.observations(one.id) if seen.kind == "metric"]
        if sources != [f"x = {n}\nlog_metric('m', {n} / {cells})" for n in range(1, cells + 1)]:
            wrong.append(f"load{number}: {len(sources)} cells, {len(set(sources))} different")
        if values != [n / cells for n in range(1, cells + 1)]:
            wrong.append(f"load{number}: {len(values)} metrics")
        if one.state != "ended":
            wrong.append(f"load{number} is {one.state}")
        unheard = [each.n for each in ran if f"{one.id}:{each.n}" not in heard.ended]
        if unheard:
            wrong.append(f"load{number}: the stream said nothing of {len(unheard)} cells: {unheard[:5]}")
        waits += [heard.ended[key] - done[f"load{number}:{place}"] for place, each in enumerate(ran, start=1)
                  if (key := f"{one.id}:{each.n}") in heard.ended and heard.ended[key] == heard.ended[key]]
    return wrong + [f"{one.where}: {one.what}" for one in store.check().problems], waits


def load(folder: Path, kernels: int, cells: int) -> int:
    """Everything at once; how much was wrong."""
    os.environ |= {"MLOPS_STORE": str(folder / "store"), "MLOPS_STATE": str(folder / "state")}
    store = open_store(str(folder / "store"))
    token = store.create_token("reader", "read").secret
    server, heard, done = Server(free_port()), Heard(), dict[str, float]()
    over, down = threading.Event(), threading.Event()
    server.start()
    first = server.memory()
    reader = subprocess.Popen([sys.executable, "-c", READER, str(folder / "over")], stdout=subprocess.PIPE, text=True)
    threads = [threading.Thread(target=ask, args=(server, token, heard, over, down)),
               threading.Thread(target=listen, args=(server, token, heard, over))]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    with ThreadPoolExecutor(kernels) as pool:
        lives = [pool.submit(run_kernel, folder, number, cells, done) for number in range(kernels)]
        while len(done) < kernels * cells / 2 and not all(life.done() for life in lives):
            time.sleep(0.05)
        down.set()
        server.stop()
        server.start()
        down.clear()
        wrong = [said for life in lives if (said := life.result())]
    seconds = time.perf_counter() - started
    _until(lambda: len(heard.ended) >= kernels * cells)
    memory = server.memory()
    (folder / "over").touch()
    over.set()
    told = (reader.communicate(timeout=60)[0] or "").splitlines()
    for thread in threads:
        thread.join(40)
    server.stop()
    ship(next((folder / "state").glob("*/outbox")), store)
    missing, waits = whole(store, kernels, cells, done, heard)
    wrong += [*missing, *heard.errors, *told[:-1]]
    wrong += [] if heard.resets == 1 else [f"{heard.resets} resets after one new start"]
    print(f"{'ok    ' if not wrong else 'WRONG '} {kernels} kernels, {cells} cells each, in {seconds:.0f} s: {len(wrong)} wrong; "
          f"{heard.reads} answers over HTTP, a process {told[-1] if told else 'died'}, "
          f"{heard.connections} connections to the stream")
    if len(waits) > 1:
        print(f"       from reply to the stream's word: median {statistics.median(waits) * 1e3:.0f} ms, "
              f"19 in 20 within {statistics.quantiles(waits, n=20)[-1] * 1e3:.0f} ms; server {first:.0f} → {memory:.0f} MiB")
    for line in wrong[:20]:
        print("   ", line)
    store.close()
    return len(wrong)


def _until(condition: object) -> None:
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:  # type: ignore[operator]
        time.sleep(0.05)


def main() -> int:
    """Load, compare, print. Exit code 1 if something was lost or doubled, or a reader saw an error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kernels", type=int, default=8)
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--short", action="store_true", help="2 kernels, 25 cells")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        wrong = load(Path(name), 2 if options.short else options.kernels, 25 if options.short else options.cells)
        started = time.perf_counter()
        rounds = 3 if options.short else 100
        orphans = two_shippers(Path(name), rounds)
        print(f"{'ok    ' if not orphans else 'WRONG '} {rounds} orphans, two shippers each: {len(orphans)} wrong "
              f"({time.perf_counter() - started:.0f} s)")
        for line in orphans[:20]:
            print("   ", line)
    return 1 if wrong or orphans else 0


if __name__ == "__main__":
    sys.exit(main())
