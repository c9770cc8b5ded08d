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


_CLIENT = '''#!{python}
import json, pathlib, sys
here = pathlib.Path({folder!r})
words = sys.argv[1:]
with (here / "said.jsonl").open("a") as said:
    said.write(json.dumps(words) + "\\n")
if (here / "broken").exists():
    code, _, text = (here / "broken").read_text().partition(" ")
    sys.exit(print(text, file=sys.stderr) or int(code))
'''
"""How each of them begins: what it is asked is noted, and where a file `broken` stands, it fails as that says."""

_GH = '''
"""GitHub's client, as far as the runner uses it. Its state is a folder: runs.json, artifacts/ID/, said.jsonl, `broken`."""
import shutil
file = here / "runs.json"
runs = json.loads(file.read_text()) if file.exists() else []
def option(name):
    return words[words.index(name) + 1]
def run_of(text):
    return next(run for run in runs if str(run["databaseId"]) == text)
if words[:2] == ["repo", "view"]:
    print("https://github.com/acme/flights")
elif words[:2] == ["workflow", "run"]:
    given = json.loads(sys.stdin.read())
    if set(given) != {{"submission", "handed"}}:
        sys.exit(print("could not create workflow dispatch event: HTTP 422: Unexpected inputs provided", file=sys.stderr) or 1)
    runs.append({{"databaseId": 100 + len(runs), "displayTitle": "mlops flights " + given["submission"], "status": "queued",
                  "conclusion": "", "attempt": 1, "createdAt": "2026-11-28T10:00:00Z", "startedAt": "2026-11-28T10:00:05Z",
                  "updatedAt": "2026-11-28T10:01:00Z", "url": "https://github.com/acme/flights/actions/runs/100",
                  "handed": given["handed"], "workflow": words[2], "ref": option("--ref"), "repo": option("--repo")}})
elif words[:2] == ["run", "list"]:
    fields = option("--json").split(",")
    print(json.dumps([{{name: run[name] for name in fields}} for run in runs if run["workflow"] == option("--workflow")]))
elif words[:2] == ["run", "view"]:
    print("run\\tRun the job\\t2026-11-28T10:00:07Z it has read \\x1b[31m2 rows")
elif words[:2] == ["run", "cancel"]:
    run_of(words[2]).update(status="completed", conclusion="cancelled")
elif words[:2] == ["run", "download"]:
    kept = here / "artifacts" / words[2]
    if not kept.is_dir():
        sys.exit(print("no valid artifacts found to download", file=sys.stderr) or 1)
    shutil.copytree(kept, option("--dir"), dirs_exist_ok=True)
file.write_text(json.dumps(runs))
'''

_GLAB = '''
"""GitLab's client, as far as the runner uses it: `glab api`. Its state is a folder, as for `gh`; artifacts/ID.zip."""
import re
assert words[0] == "api"
file = here / "pipelines.json"
pipelines = json.loads(file.read_text()) if file.exists() else []
def found(text):
    for one in pipelines:
        if str(one["id"]) == text:
            return one
    sys.exit(print('{{"message":"404 Not found"}}\\nglab: 404 Not found (HTTP 404)', file=sys.stderr) or 1)
what = words[1].partition("?")[0]
if what == "projects/:fullpath":
    print(json.dumps({{"id": 7, "web_url": "https://gitlab.example.org/acme/flights", "path_with_namespace": "acme/flights"}}))
elif what == "projects/7/pipeline":
    asked = json.loads(sys.stdin.buffer.read())
    made = {{"id": 100 + len(pipelines), "status": "created", "web_url": "https://gitlab.example.org/acme/flights/-/pipelines/100",
            "created_at": "2026-11-28T10:00:00.000Z", "updated_at": "2026-11-28T10:01:00.000Z", "started_at": None, **asked}}
    pipelines.append(made)
    print(json.dumps(made))
elif what == "projects/7/pipelines":
    print(json.dumps(pipelines[-2:]))  # a page is short here
elif match := re.fullmatch(r"projects/7/pipelines/(\\d+)(/cancel|/jobs)?", what):
    one = found(match[1])
    if match[2] == "/cancel":
        one["status"] = "canceled"
    jobs = [{{"id": one["id"] * 10, "name": "mlops-flights"}}, {{"id": 5, "name": "lint"}}]
    print(json.dumps(jobs if match[2] == "/jobs" else one))
elif match := re.fullmatch(r"projects/7/jobs/(\\d+)/(trace|artifacts)", what):
    kept = here / "artifacts" / (match[1] + ".zip")
    if match[2] == "trace":
        print("it has read \\x1b[31m2 rows")
    elif kept.is_file():
        sys.stdout.buffer.write(kept.read_bytes())
    else:
        found("")
file.write_text(json.dumps(pipelines))
'''


def write_client(name: str, folder: Path) -> Path:
    """A program named `gh` or `glab` in `folder / "bin"`, which keeps its state in `folder`, as the client's documents say."""
    program = folder / "bin" / name
    program.parent.mkdir(parents=True, exist_ok=True)
    text = _CLIENT + {"gh": _GH, "glab": _GLAB}[name]
    program.write_text(text.format(python=sys.executable, folder=str(folder)), encoding="utf-8")
    program.chmod(0o755)
    return program
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
