"""Proof of shipping: the connection to PostgreSQL is cut at a byte, at every stage of a batch, and each record is stored once.

usage: python tests/proofs/cuts.py [--points N] [--short]

An outbox is shipped through a proxy of our own that lets so many bytes pass and then ends both sides: before a statement, in
it, between the last statement and `COMMIT`, after `COMMIT` was sent and before its answer came. Then it is shipped again, as any
reader would do.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its `secrets.py` is no standard library

from mlops_jupyter.entities import StoreError  # noqa: E402 (the path comes first)
from mlops_jupyter.outbox import Outbox, pending, ship  # noqa: E402
from mlops_jupyter.store import Store, open_store  # noqa: E402
from tests.postgres import Cluster  # noqa: E402
from tests.unit.store.story import cell, metric, session  # noqa: E402

RECORDS = 12


class Proxy:
    """Passes bytes on, until `left` of those to the server are used up; `None`: all of them."""

    def __init__(self, port: int) -> None:
        self.to = port
        self.left: int | None = None
        self.answers = False
        """True: the bytes that are counted are those that come back."""
        self.passed = 0
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to))
            pair = (client, server)
            threading.Thread(target=self._pump, args=(client, server, pair, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, pair, True), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, pair: tuple[socket.socket, socket.socket], back: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if back == self.answers:
                    self.passed += len(data)
                    if self.left is not None:
                        if len(data) >= self.left:
                            target.sendall(data[: self.left])
                            self.left = None  # once
                            self.cuts += 1
                            break
                        self.left -= len(data)
                target.sendall(data)
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # also wakes the other thread, which a close does not
                end.close()

    def close(self) -> None:
        """Take no more."""
        self._listener.close()


@contextmanager
def proxied(cluster: Cluster) -> Iterator[tuple[Proxy, Store, Store]]:
    """A proxy, a store through it, and the same store beside it."""
    url = cluster.database()
    direct = open_store(url)
    proxy = Proxy(cluster.port)
    through = open_store(url.replace(f":{cluster.port}/", f":{proxy.port}/"))
    try:
        yield proxy, through, direct
    finally:
        through.close()
        direct.close()
        proxy.close()


def shipped(folder: Path, store: Store, name: str) -> int:
    """An outbox of one session, shipped until nothing waits. How often that was refused."""
    outbox = Outbox(folder, name)
    outbox.record(session(f"s-{name}", name))
    for n in range(1, RECORDS + 1):
        outbox.record(cell(n, session=f"s-{name}"))
        outbox.record(metric(n, session=f"s-{name}"))
    outbox.close()
    refused = 0
    end = time.monotonic() + 60
    while pending(folder):
        assert time.monotonic() < end, f"{name} was never shipped"
        try:
            ship(folder, store, batch=10)
        except StoreError:
            refused += 1
    return refused


def whole(store: Store, name: str) -> str:
    """What is wrong with what was stored; "" if nothing is."""
    found = store.session(f"s-{name}")
    cells = [one.n for one in store.executions(found.id)]
    seen = [one.n for one in store.observations(found.id)]
    wanted = list(range(1, RECORDS + 1))
    if cells != wanted or seen != wanted or found.state != "ended":
        return f"{name}: {cells}, {seen}, {found.state}"
    return ""


def cut_everywhere(cluster: Cluster, folder: Path, points: int) -> tuple[int, int, list[str]]:
    """(cuts, refusals, what is wrong) of so many shipments, each cut at another byte: half on the way there, half back."""
    with proxied(cluster) as (proxy, through, direct):
        refused, wrong = 0, []
        for way in (False, True):
            proxy.answers, proxy.passed = way, 0
            shipped(folder / f"whole{way}", through, f"whole{way}")
            length = proxy.passed
            for number in range(points // 2):
                name = f"cut{way}{number}"
                proxy.left = 1 + number * length // (points // 2)
                refused += shipped(folder / name, through, name)
                proxy.left = None
                wrong += filter(None, [whole(direct, name)])
        wrong += [f"{one.where}: {one.what}" for one in direct.check().problems]
        return proxy.cuts, refused, wrong


def main() -> int:
    """Cut, ship again, compare, print. Exit code 1 if a record was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--points", type=int, default=500)
    parser.add_argument("--short", action="store_true", help="24 points")
    options = parser.parse_args()
    points = 24 if options.short else options.points
    cluster = Cluster()
    try:
        with tempfile.TemporaryDirectory() as name:
            os.environ["MLOPS_BLOBS"] = f"{name}/blobs"
            started = time.perf_counter()
            cuts, refused, wrong = cut_everywhere(cluster, Path(name), points)
    finally:
        cluster.remove()
    print(f"Python {sys.version.split()[0]}: {points} shipments, {cuts} of them cut, {refused} refusals, "
          f"{time.perf_counter() - started:.0f} s")
    print(f"{'ok    ' if not wrong else 'WRONG '} lost, doubled or damaged: {len(wrong)}")
    for line in wrong[:20]:
        print("   ", line)
    return 1 if wrong or cuts < points * 0.9 else 0


if __name__ == "__main__":
    sys.exit(main())
