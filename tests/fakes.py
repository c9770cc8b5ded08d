"""The doubles of all tests: real interfaces, kept in memory."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from keyring.backend import KeyringBackend

from mlops_jupyter.entities import Entity, Observation, Record, content_hash


class MemorySink:
    """A Sink in memory with the real compare-and-swap."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.blobs: dict[str, bytes] = {}
        self.offsets: dict[str, tuple[int, int]] = {}
        self.closed: dict[str, float] = {}
        self.lock = threading.Lock()

    def shipped(self, writer: str) -> tuple[int, int]:
        return self.offsets.get(writer, (0, 0))

    def append(self, writer: str, expected: int, records: Sequence[Record], offset: int) -> bool:
        with self.lock:
            if self.shipped(writer)[0] != expected:
                return False
            self.records += records
            self.offsets[writer] = (max([expected, *(record.n for record in records)]), offset)
            return True

    def close_writer(self, writer: str, at: float) -> None:
        self.closed[writer] = at

    def put_blob(self, data: bytes) -> str:
        digest = content_hash(data)
        self.blobs[digest] = data
        return digest

    def put_blobs(self, blobs_: Sequence[bytes]) -> list[str]:
        return [self.put_blob(data) for data in blobs_]

    def names(self) -> list[str]:
        return [record.entity.name for record in self.records if isinstance(record.entity, Observation)]


class MemoryRecorder:
    """A Recorder in memory."""

    def __init__(self) -> None:
        self.entities: list[Entity] = []
        self.blobs: dict[str, bytes] = {}

    def record(self, entity: Entity) -> None:
        self.entities.append(entity)

    def blob(self, data: bytes) -> str:
        digest = content_hash(data)
        self.blobs[digest] = data
        return digest


class MemoryKeyring(KeyringBackend):
    """A keyring in memory: (service, user) → value."""

    priority = 1  # type: ignore[assignment] # a property of its class there

    def __init__(self, values: dict[tuple[str, str], str]) -> None:
        super().__init__()
        self.values = values

    def get_password(self, service: str, username: str) -> str | None:
        return self.values.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.values[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.values[service, username]


class Listener:
    """Whom to tell, on loopback: keeps what apprise's `json://` sends, and answers with `status`. As a context manager."""

    def __init__(self, status: int = 200) -> None:
        self.heard: list[dict[str, str]] = []
        listener = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.heard.append(json.loads(body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.address = f"json://127.0.0.1:{self._server.server_port}/s3cret-hook"

    @property
    def titles(self) -> list[str]:
        return [one["title"] for one in self.heard]

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


_CRONTAB = """#!{python}
import os, pathlib, subprocess, sys
file = pathlib.Path({file!r})
if sys.argv[1] == "-l":
    if not file.exists():
        sys.exit("no crontab for somebody")
    sys.stdout.buffer.write(file.read_bytes().replace(b"\\r", b"\\\\r"))  # as Debian's does
elif sys.argv[1] == "-e":
    subprocess.run([os.environ["VISUAL"], str(file)], check=True)
elif sys.argv[1] == "-r":
    file.unlink()
else:
    given = sys.stdin.buffer.read()
    if not given.endswith(b"\\n"):
        sys.exit("new crontab file is missing newline before EOF, can't install.")
    file.write_bytes(given)
"""


def write_crontab(folder: Path) -> Path:
    """A program `crontab` in `folder`, to be put on PATH; the file that it keeps. Developers' own crontabs are left alone."""
    file = folder / "kept"
    _program(folder / "crontab", _CRONTAB.format(python=sys.executable, file=str(file)))
    return file


_SYSTEMCTL = """#!{python}
import pathlib, sys
words = sys.argv[1:]
with open({log!r}, "a") as log:
    print(*words, file=log)
running = pathlib.Path({running!r})
timers = set(running.read_text().split()) if running.exists() else set()
if words[1] == "enable":
    timers |= set(words[3:])
elif words[1] == "disable":
    timers -= set(words[3:])
elif words[1] == "is-active":
    sys.exit(0 if words[3] in timers else 3)
running.write_text(" ".join(sorted(timers)))
"""


def write_systemctl(folder: Path) -> tuple[Path, Path]:
    """A program `systemctl` in `folder`; the files with what it was asked, and with the timers that it runs."""
    log, running = folder / "asked", folder / "running"
    _program(folder / "systemctl", _SYSTEMCTL.format(python=sys.executable, log=str(log), running=str(running)))
    return log, running


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
