"""Hostile and broken input, from every side: one clear error each, with what to do, and nothing lost, made or let out.

Every command that takes a name is given every bad name, every route every bad body, `log_…` every bad name and value. The
numbers of `reliability.md` say which kinds there are; notebooks and parameters of jobs have tables of their own, in `unit/jobs`.
"""

# ruff: noqa: E501 (tables of what is bad)

from __future__ import annotations

import contextlib
import gzip
import io
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests

import mlops_jupyter as mlops
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.capture import ipython
from mlops_jupyter.cli import execute
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import MlopsError
from mlops_jupyter.server.routes import team_routes
from mlops_jupyter.store import Store, open_store
from tests.team import serving
from tests.unit.capture.notebook_player import fresh_shell
from tests.unit.store.story import append, cell, metric, session

API = "/mlops/api/v1"
NAMES = [
    "", " ", ".", "..", "a/../b", "/etc/passwd", "C:\\x", "\\\\host\\share", "file:///etc/passwd", "dbfs:/x", "s3://b/x?y=..",
    "http://169.254.169.254/", "//proc/self/root", "/dev/zero", "a\0b", "x\ny", "\u202egnp.exe", "\u200b", "e\u0301", "CON", "NUL",
    "a" * 5000, "é" * 300, "<img src=x onerror=alert(1)>", "=cmd()", "-x", "--help-me", "'; drop table runs; --", "%", "_%", "%2e%2e%2f",
    "%252e%252e", "x;y", "x#y", "x?y", "#99999999999999999999", "#-1", "#0", "sha256:" + "0" * 64, "sha256:zz", "\ud800", "$(id)", "`id`",
    "{{ 7*7 }}", "${HOME}", "\x1b[31mred",
]
COMMANDS = [
    "runs show", "runs delete", "runs restore", "runs diff @", "runs diff s1 @", "why", "verify", "forget --yes", "report", "export -o out.zip",
    "sessions show", "sessions export", "sessions replay", "token revoke", "submissions show", "submissions cancel", "submissions logs",
    "restore", "import", "inspect", "run", "submit", "convert -o job", "track", "stale", "runs list --filter", "runs list --order-by",
    "runs list --limit", "runs list --offset", "gc --grace", "sessions list --limit", "token create t --expires",
    "review @ --base job", "review work.ipynb --base @", "review work.ipynb --base job -o @",
]
MAY_WORK = {
    "runs list --filter": {"", " "}, "runs list --order-by": {"", " ", "`id`"}, "token create t --expires": {""},
    "sessions show": {""}, "sessions replay": {""},
}
"""What is no mistake: nothing to filter by, nothing to order by, the newest session."""
BODIES: list[tuple[str, bytes, dict[str, str]]] = [
    ("nothing", b"", {}), ("not JSON", b"{", {}), ("a list", b"[]", {}), ("a number", b"1", {}), ("null", b"null", {}), ("text", b'"x"', {}),
    ("depth", b"[" * 100_000 + b"]" * 100_000, {}), ("deep objects", b'{"a":' * 50_000 + b"1" + b"}" * 50_000, {}),
    ("the same key twice", b'{"id": "a", "id": "b"}', {}), ("NaN", b'{"value": NaN}', {}), ("Infinity", b'{"value": -Infinity}', {}),
    ("1e400", b'{"at": 1e400, "started": 1e400}', {}), ("a large integer", b'{"n": 99999999999999999999999}', {}),
    ("a lone surrogate", b'{"id": "\\ud800"}', {}), ("NUL", b'{"id": "a\\u0000b", "name": "\\u0000"}', {}),
    ("invalid UTF-8", b'{"id": "\xff\xfe"}', {}), ("UTF-16", '{"id": "a"}'.encode("utf-16"), {}), ("a BOM", b"\xef\xbb\xbf{}", {}),
    ("unknown fields", b'{"nonsense": 1}', {}), ("another type", b"<a/>", {"Content-Type": "application/xml"}),
    ("a form", b"id=1", {"Content-Type": "application/x-www-form-urlencoded"}),
    ("a part without end", b"--x\r\nContent-Disposition: form-data", {"Content-Type": "multipart/form-data; boundary=x"}),
    ("a bomb", gzip.compress(bytes(50_000_000)), {"Content-Encoding": "gzip"}), ("no gzip", b"{}", {"Content-Encoding": "gzip"}),
]
QUERIES = ["limit=-1", "limit=abc", "limit=99999999999999999999", "offset=-1", "offset=1e3", "page=abc", "filter=%27%3Bdrop+table+runs",
           "filter=" + "(" * 5000, "filter=metrics.x+~+(a%2B)%2B%24", "order_by=id%3Bdrop", "session=%00", "run=..%2f..", "nonsense=1",
           "expected=x&offset=y", "expected=-1&offset=-1", "limit=" + "9" * 5000, "filter=" + "a" * 20000, "id=%ff"]
LOGGED = [
    ("metric", "", 1.0), ("metric", "a\nb", 1.0), ("metric", "a\0b", 1.0), ("metric", "n" * 5000, 1.0), ("metric", "\ud800", 1.0),
    ("metric", "<b>", 1.0), ("metric", "x", math.nan), ("metric", "x", math.inf), ("metric", "x", "text"), ("metric", "x", None),
    ("metric", "x", [1.0]), ("metric", "x", np.float16(1)), ("metric", "x", np.array([1.0, 2.0])), ("metric", "x", 10**400),
    ("metric", "x", 1j), ("metric", "x", True), ("metric", 5, 1.0), ("param", "p", object()), ("param", "", 1), ("param", "p", "\0"),
    ("param", "p", "\ud800"), ("param", "p", 2**70), ("param", "p", "x" * 10_000_000), ("param", "p", math.nan), ("param", "p", b"\xff"),
    ("param", "p", (1, {2})), ("artifact", "../x", "text"), ("artifact", "/etc/passwd", "text"), ("artifact", "", "no such file"),
    ("artifact", "a\0b", "text"), ("artifact", "x", lambda: None), ("artifact", "x", io.StringIO()), ("artifact", "", "a\0b"),
    ("artifact", "x", Path("/nowhere")), ("artifact", "n" * 5000, b"data"), ("artifact", "<script>", b"data"),
]


@pytest.fixture
def store(own_home: Path) -> Iterator[Store]:
    """A session with a run."""
    opened = open_store(str(own_home / "store"))
    append(opened, session(), cell(1), metric(1))
    open_ledger()
    yield opened
    opened.close()


def given(command: str, name: str) -> list[str]:
    """The command line with the bad name: instead of `@`, or as the last word, after `--` if it looks like an option."""
    words = command.split()
    if "@" in words:
        return [name if word == "@" else word for word in words]
    option = words[-1].startswith("--") and words[-1] != "--yes"
    return [*words, name] if option else [*words, "--", name]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_bad_name_is_one_error_and_nothing_happens(store: Store, command: str, tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    before, wrong = content(store), []
    for name in NAMES:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = execute(given(command, name))
        said = err.getvalue()
        clean = said.strip() and len(said) < 3_000 and not any(word in said for word in ("Traceback", "unexpected", "\x1b[31mred"))
        if name not in MAY_WORK.get(command, ()) and not (code in {1, 2, 3, 4, 5} and clean):
            wrong.append(f"{name[:40]!r} exited {code} with {len(said)} characters: {said[-300:]} {out.getvalue()[:100]}")
        wrong += [f"{name!r} left {path}" for path in tmp_path.iterdir()]
    assert wrong == []
    assert content(store) == before


def content(store: Store) -> list[object]:
    """What the store says."""
    return [store.sessions(), store.runs(deleted=True), store.executions("s1"), store.observations("s1"),
            [one.name for one in store.tokens()]]


def test_a_bad_body_or_query_is_no_500_and_changes_nothing(store: Store) -> None:
    token = store.create_token("t", "admin").secret
    before = content(store)
    paths = sorted({pattern.removeprefix(API).replace("(?:/.*)?", "").replace("([^/]+)", "s1") for pattern, _ in team_routes()})
    wrong = []
    with serving() as address, requests.Session() as client:
        client.headers["Authorization"] = f"Bearer {token}"
        for path in paths:
            if path == "/events":
                continue
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                for what, body, headers in BODIES if method == "POST" else BODIES[:4]:
                    try:
                        answer = client.request(method, address + API + path, data=body, headers=headers, timeout=60)
                    except requests.ConnectionError:  # hung up on what it will not read; and it must answer the next
                        answer = client.get(f"{address}{API}/healthz", timeout=60)
                    if answer.status_code >= 500:
                        wrong.append(f"{method} {path} with {what}: {answer.status_code} {answer.text[:200]}")
            for query in QUERIES:
                answer = client.get(f"{address}{API}{path}?{query}", timeout=60)
                if answer.status_code >= 500 or "Traceback" in answer.text:
                    wrong.append(f"GET {path}?{query[:40]}: {answer.status_code} {answer.text[:200]}")
            for name in NAMES:
                with contextlib.suppress(UnicodeError):
                    answer = client.get(f"{address}{API}{path}".replace("s1", requests.utils.quote(name, safe="")), timeout=60)
                    if answer.status_code >= 500 or "root:" in answer.text:
                        wrong.append(f"GET {path} for {name[:40]!r}: {answer.status_code} {answer.text[:200]}")
    assert wrong == []
    assert content(store)[:4] == before[:4]
    assert store.check().problems == []


MAGICS = ["why", "stale", "verify", "diff", "runs --filter", "forget", "run", "submit", "track --experiment", "track --keep-data",
          "convert -o", "rerun"]
LINES = [
    "%mlops", "%mlops nonsense", "%mlops why 'x", "%mlops why --nonsense", "%mlops why -h", "%mlops why {name}", "%mlops why " + "x" * 100_000,
    "%mlops track --tag=-x", "%mlops track --tag k=v --tag k=w", "%mlops track --tag password=hunter22secret", "%mlops goal auc >= abc",
    "%%mlops nonsense\nx = 1", "%%mlops skip --nonsense\nx = 1", "def f():\n    get_ipython().run_line_magic('mlops', 'status')\nf()",
    "for _ in range(2):\n    %mlops status", "%%capture out\n%mlops status", "%mlops off", "%mlops off", "%mlops status", "%mlops why value",
    "async def g():\n    get_ipython().run_line_magic('mlops', 'status')\nawait g()", "%mlops track", "%mlops track",
]


@pytest.mark.parametrize("magic", ["lines", *MAGICS])
def test_a_bad_magic_is_one_message_and_cells_go_on(own_home: Path, tmp_path: Path, magic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLOPS_TESTING", raising=False)
    Settings.clear_instance()
    shell, wrong = fresh_shell(), []
    shell.user_ns["value"] = 1
    lines = LINES if magic == "lines" else [f"%mlops {magic} {name}" for name in NAMES if "\n" not in name]
    try:
        for line in ["%load_ext mlops_jupyter", "%mlops track", *lines, "last = 1"]:
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                result = shell.run_cell(line, store_history=True)
            told = out.getvalue().replace("Got unexpected extra", "")
            bad = [word for word in ("Traceback", "unexpected", "hunter22secret") if word in told]
            if bad or len(told) > 4_000 or not result.success:
                wrong.append(f"{line[:60]!r}: {bad} {len(told)} characters, {result.error_in_exec!r}: {told[-200:]}")
    finally:
        ipython.stop()
    assert wrong == []
    assert shell.user_ns["last"] == 1


@pytest.mark.parametrize(("kind", "name", "value"), LOGGED, ids=[f"{kind}-{str(name)[:9]!a}-{place}" for place, (kind, name, _)
                                                                 in enumerate(LOGGED)])
def test_what_cannot_be_logged_is_an_error_of_ours_and_the_session_goes_on(own_home: Path, tmp_path: Path, kind: str, name: str,
                                                                            value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Settings.clear_instance()
    log = {"metric": mlops.log_metric, "param": mlops.log_param}.get(kind)
    shell = fresh_shell()
    ipython.start(shell, ipython.TrackOptions(notebook_path="nb.ipynb"))
    try:
        shell.user_ns |= {"log": log or (lambda name, value: mlops.log_artifact(value, name=name)), "name": name, "value": value}
        with contextlib.redirect_stdout(io.StringIO()):
            error = shell.run_cell("log(name, value)", store_history=True).error_in_exec
            after = shell.run_cell("log_after = 1", store_history=True)
        assert error is None or isinstance(error, MlopsError), f"{type(error).__name__}: {error}"
        assert error is None or error.remedy, error
        assert after.success
        assert ipython.current() is not None
    finally:
        ipython.stop()
    found = open_ledger()
    assert [one.source for one in found.executions(found.sessions()[0].id)][-1] == "log_after = 1"
    assert isinstance(found, Store)
    assert found.check().problems == []
    assert len(found.runs()) <= 1
