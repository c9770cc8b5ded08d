"""What a server holds after a hundred thousand cells: they come through an outbox, are derived, told to a listener and listed.

usage: python tests/benchmarks/server_memory.py [CELLS] [CELLS_PER_SESSION]

A real `mlops server` with a store of its own. Each kernel appends to its outbox, which is shipped by HTTP;
one client follows the stream of events, one asks for the newest runs after each session. Prints the server's memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mlops_jupyter.outbox import Outbox, ship
from mlops_jupyter.store import open_store, open_url
from tests.ports import free_port
from tests.unit.store.story import cell, metric, session

LINES = 10
"""So many lines of the table."""


def follow(address: str, token: str, heard: list[int]) -> None:
    """Count the events, as a panel would hear them."""
    headers = {"Authorization": f"token {token}"}
    with (suppress(requests.RequestException),  # the server ends before we do
          requests.get(f"{address}/mlops/api/v1/events", headers=headers, stream=True, timeout=600) as answer):
        for line in answer.iter_lines():
            heard[0] += line.startswith(b"event:")


def fill(folder: Path, store: object, number: int, cells: int) -> None:
    """One kernel's life: its cells, each with a metric, shipped as they come."""
    outbox = Outbox(folder, f"w{number}")
    name = f"s{number}"
    outbox.record(session(name, f"w{number}", f"{number % 50}.ipynb"))
    for n in range(1, cells + 1):
        outbox.record(cell(n, "running", name))
        outbox.record(cell(n, session=name))
        outbox.record(metric(n, session=name, value=1.0 / n))
        if n % 100 == 0:
            ship(folder, store)  # type: ignore[arg-type]
    outbox.close()
    ship(folder, store)  # type: ignore[arg-type]


def main() -> None:
    """Start the server, fill it, print."""
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    each = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        token = open_store(str(folder / "store")).create_token("bench", "write").secret
        address = f"http://127.0.0.1:{port}"
        environment = {**os.environ, "MLOPS_STORE": str(folder / "store"), "MLOPS_STATE": str(folder / "state")}
        server = subprocess.Popen([sys.executable, "-m", "mlops_jupyter.cli", "server", "--port", str(port)], env=environment,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _until_answers(address)
            os.environ["MLOPS_TOKEN"] = token
            store, heard, process = open_url(address), [0], psutil.Process(server.pid)
            threading.Thread(target=follow, args=(address, token, heard), daemon=True).start()
            print(f"{'cells':>8} {'MiB':>8} {'events':>8} {'seconds':>8}")
            began = time.monotonic()
            for number in range(total // each):
                fill(folder / "outbox", store, number, each)
                store.runs(limit=20)
                done = (number + 1) * each
                if done % max(each, total // LINES) < each:
                    held, seconds = process.memory_info().rss / 2**20, time.monotonic() - began
                    print(f"{done:>8} {held:>8.1f} {heard[0]:>8} {seconds:>8.0f}", flush=True)
        finally:
            server.terminate()
            server.wait(30)


def _until_answers(address: str) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            requests.get(f"{address}/healthz", timeout=5)
        except requests.RequestException:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    main()
