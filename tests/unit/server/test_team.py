"""`mlops server`: who may do what, by every route there is; and that what comes in comes in whole, once, or not at all."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import requests

from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import (
    ConflictError,
    InputError,
    NotFoundError,
    Origin,
    Record,
    Scope,
    StoreError,
    Submission,
    content_hash,
)
from mlops_jupyter.entities.codec import to_json
from mlops_jupyter.outbox import Outbox, pending, ship
from mlops_jupyter.server import team
from mlops_jupyter.server.routes import team_routes
from mlops_jupyter.server.routes_store import CallHandler
from mlops_jupyter.store import Store, open_store, open_url
from tests.team import serving
from tests.unit.store.story import append, cell, metric, session

API = "/mlops/api/v1"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as found:
        yield found


@pytest.fixture
def store(own_home: Path) -> Store:
    """What the server serves in this test."""
    return open_store(str(own_home / "store"))


class Caller:
    """Asks one server with one token."""

    def __init__(self, address: str, secret: str = "") -> None:
        self.address = address
        self.headers = {"Authorization": f"token {secret}"} if secret else {}

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> requests.Response:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body)
        return requests.request(method, self.address + API + path, data=data, headers={**self.headers, **headers}, timeout=30,
                                allow_redirects=False)


def caller(address: str, store: Store, scope: Scope, name: str = "", **more: str) -> Caller:
    return Caller(address, store.create_token(name or scope, scope, **more).secret)


def paths() -> list[str]:
    """Every route, with an id that can be one."""
    digest = content_hash(b"x")
    return [pattern.removeprefix(API).replace("(?:/.*)?", "/nothing").replace("/blobs/([^/]+)", f"/blobs/{digest}")
            .replace("([^/]+)", "abc") for pattern, _ in team_routes()]


def closed(answer: requests.Response, method: str) -> bool:
    """OPTIONS is how a browser asks what it may ask: it says nothing and allows no other origin."""
    if method == "OPTIONS":
        return (not answer.content and "Access-Control-Allow-Origin" not in answer.headers) or answer.status_code == 403
    return answer.status_code in (403, 405)


def test_every_route_is_closed_to_whoever_has_no_right(address: str, store: Store) -> None:
    expired = store.create_token("expired", "admin", time.time() + 0.01)
    gone = store.create_token("gone", "admin")
    store.revoke_token("gone")
    good = store.create_token("good", "admin").secret
    time.sleep(0.02)
    nobodies = [Caller(address), Caller(address, "wrong"), Caller(address, expired.secret), Caller(address, gone.secret),
                Caller(address, good[:-1]), Caller(address, "")]
    nobodies[-1].headers = {"Cookie": f"username-{address.rpartition(':')[2]}={good}"}
    for path in paths():
        for method in METHODS:
            if path == "/events" and method == "GET":
                continue  # looked at below: it would not end
            for nobody in nobodies:
                assert closed(nobody(method, path), method), (method, path)
            assert closed(Caller(address)(method, f"{path}?token={good}"), method), (method, path)
            assert closed(Caller(address, good)(method, path, Host="evil.example.org"), method), (method, path)
    assert Caller(address)("GET", "/events").status_code == 403
    assert store.sessions() == []


def test_each_scope_opens_what_it_should_and_nothing_else(address: str, store: Store) -> None:
    callers = {scope: caller(address, store, scope) for scope in ("read", "write", "job", "admin")}
    for pattern, handler in team_routes():
        path = pattern.removeprefix(API).replace("(?:/.*)?", "/nothing").replace("([^/]+)", "abc")
        if path in ("/events", "/blobs/abc") or path.startswith("/outboxes"):
            continue
        admin = issubclass(handler, CallHandler) and handler.call.door == "admin"
        method = handler.call.method if issubclass(handler, CallHandler) else "GET"
        allowed = {"admin"} if admin else {"admin", "write"} if method == "POST" else {"admin", "write", "read"}
        for scope, one in callers.items():
            code = one(method, path, None if method == "GET" else {}).status_code
            assert (code != 403) == (scope in allowed), (scope, method, path, code)
    store.put_blob(b"x")
    for scope, one in callers.items():
        assert one("POST", "/outboxes/w9?expected=0&offset=0", b"").status_code == (403 if scope == "read" else 200), scope
        assert one("PUT", f"/blobs/{content_hash(b'x')}", b"x").status_code == (403 if scope == "read" else 200), scope
        assert one("GET", f"/blobs/{content_hash(b'x')}").status_code == (403 if scope == "job" else 200), scope


def test_a_jobs_token_writes_for_its_own_writer_only(address: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    append(store, session("s9", "other"), writer="other")
    job = caller(address, store, "job")
    lines = to_json(Record("w1", 1, 1.0, session())) + b"\n" + to_json(Record("w1", 2, 1.0, cell(1)))
    assert job("POST", "/outboxes/w1?expected=0&offset=10", lines).json() == {"stored": True}
    assert job("GET", "/outboxes/w1").json() == {"n": 2, "offset": 10}
    assert job("GET", "/outboxes/other").status_code == 403
    assert job("POST", "/outboxes/w2?expected=0&offset=10", b"").status_code == 403
    foreign = [to_json(Record("w1", 3, 1.0, cell(1, session="s9"))), to_json(Record("w1", 3, 1.0, session("s9", "w1"))),
               to_json(Record("w1", 3, 1.0, session("s7", "w7")))]
    for line in foreign:
        assert job("POST", "/outboxes/w1?expected=2&offset=20", line).status_code == 403
    assert store.executions("s9") == []
    bound = caller(address, store, "job", "bound", writer="w5")
    assert bound("GET", "/outboxes/w1").status_code == 403
    assert bound("GET", "/outboxes/w5").status_code == 200
    assert job("POST", "/outboxes/w1/close", {"at": 9.0}).status_code == 200
    assert store.session("s1").state == "ended"


def test_a_submissions_token_is_for_its_attempts_and_ends_with_it(address: str, store: Store) -> None:
    """It cannot read, list, promote or write another run; each attempt is a writer."""
    store.put(Submission("sub1", "sha256:j", "local", 1.0, "queued"))
    write = caller(address, store, "write")
    secret = write("POST", "/ledger/create_job_token", {"submission": "sub1", "expires": time.time() + 60}).json()["secret"]
    job = Caller(address, secret)
    for number in (1, 2):
        writer = f"sub1.{number}"
        own = session(f"of-{number}", writer, origin=Origin(submission="sub1"))
        line = to_json(Record(writer, 1, 1.0, own))
        assert job("POST", f"/outboxes/{writer}?expected=0&offset=10", line).json() == {"stored": True}
    claims = to_json(Record("sub1.3", 1, 1.0, session("of-3", "sub1.3", origin=Origin(submission="sub2"))))
    assert job("POST", "/outboxes/sub1.3?expected=0&offset=10", claims).status_code == 403
    other = to_json(Record("sub1.3", 1, 1.0, session("of-1", "sub1.3")))
    assert job("POST", "/outboxes/sub1.3?expected=0&offset=10", other).status_code == 403
    for writer in ("sub2.1", "sub1", "sub11.1", "w1"):
        assert job("POST", f"/outboxes/{writer}?expected=0&offset=10", b"").status_code == 403
        assert job("GET", f"/outboxes/{writer}").status_code == 403
    for path in ("/ledger/runs", "/ledger/sessions", "/ledger/submissions", "/ledger/tokens", "/ledger/search", "/runs"):
        assert job("GET", path).status_code in (403, 404), path
    for path in ("/ledger/settle", "/ledger/put", "/ledger/delete_run", "/ledger/create_job_token", "/ledger/merge"):
        assert job("POST", path, {}).status_code == 403, path
    ended = json.loads(to_json(Submission("sub1", "sha256:j", "local", 1.0, "succeeded")))
    assert write("POST", "/ledger/settle", {"submission": ended, "was": "queued"}).json() is True
    assert job("GET", "/outboxes/sub1.1").status_code == 403


def test_an_end_is_written_down_by_one_of_many_who_see_it(address: str, store: Store) -> None:
    store.put(Submission("sub1", "sha256:j", "local", 1.0, "running"))
    won: list[bool] = []
    ended = Submission("sub1", "sha256:j", "local", 1.0, "failed")
    threads = [threading.Thread(target=lambda: won.append(store.settle(ended, "running"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]
    assert store.submissions()[0].state == "failed"
    assert not store.settle(ended, "running")
    assert not store.settle(msgspec.structs.replace(ended, id="nobody"), "running")


@pytest.mark.parametrize(("method", "path", "body", "code", "says"), [
    ("GET", "/ledger/nothing", None, 404, "nothing"),
    ("POST", "/ledger/runs", {}, 405, "POST"),
    ("GET", "/ledger/delete_run", None, 405, "GET"),
    ("GET", "/ledger/session", None, 400, "id"),
    ("GET", "/ledger/session?id=nope", None, 404, "nope"),
    ("GET", "/ledger/session?id=a&colour=1", None, 400, "colour"),
    ("POST", "/ledger/delete_run", {"id": "a\0b"}, 400, "NUL"),
    ("GET", "/ledger/sessions?limit=-1", None, 400, "limit"),
    ("GET", "/ledger/sessions?limit=many", None, 400, "limit"),
    ("GET", "/ledger/sessions?limit=99999999999999999999999999", None, 400, "limit"),
    ("GET", "/ledger/runs?deleted=perhaps", None, 400, "deleted"),
    ("GET", "/ledger/executions?session=%ff", None, 400, "unicode"),
    ("POST", "/ledger/delete_run", {"id": 3}, 400, "id"),
    ("POST", "/ledger/delete_run", b"{", 400, "JSON"),
    ("POST", "/ledger/delete_run", b"\xff", 400, "JSON"),
    ("POST", "/ledger/delete_run", b'{"id": ' + b"[" * 100_000, 400, "id"),
    ("POST", "/ledger/put", {"entity": {"type": "nothing"}}, 400, "nothing"),
    ("POST", "/ledger/create_token", {"name": "x y", "scope": "read"}, 400, "x y"),
    ("POST", "/ledger/create_token", {"name": "x", "scope": "god"}, 400, "scope"),
    ("POST", "/ledger/create_token", {"name": "x", "scope": "read", "expires": 1.0}, 400, "expired"),
    ("POST", "/ledger/create_token", {"name": "admin", "scope": "read"}, 409, "admin"),
    ("POST", "/ledger/revoke_token", {"id": "nope"}, 404, "nope"),
    ("POST", "/outboxes/w1", b"", 400, "expected"),
    ("POST", "/outboxes/w1?expected=x&offset=1", b"", 400, "expected"),
    ("POST", "/outboxes/w1?expected=0&offset=-1", b"", 400, "offset"),
    ("POST", "/outboxes/w1?expected=0&offset=1", b"{}\n", 400, "line 1"),
    ("POST", "/outboxes/w1?expected=0&offset=1", to_json(Record("w2", 1, 1.0, cell(1))), 400, "w2"),
    ("POST", "/outboxes/..%2fw1?expected=0&offset=1", b"", 400, "identifier"),
    ("POST", "/outboxes/w1/close", {"at": "x"}, 400, "at"),
    ("GET", "/outboxes/w1/close", None, 405, "GET"),
    ("GET", "/blobs/..%2f..%2fetc", None, 400, "no content hash"),
    ("PUT", "/blobs/..%2f..%2fetc", b"x", 400, "no content hash"),
    ("PUT", "/blobs/" + "0" * 64, b"x", 400, "no content hash"),
    ("PUT", f"/blobs/{content_hash(b'x')}", b"y", 400, "not sha256"),
    ("GET", f"/blobs/{content_hash(b'x')}", None, 404, "no blob"),
])
def test_bad_input_is_named(address: str, store: Store, method: str, path: str, body: object, code: int, says: str) -> None:
    answer = caller(address, store, "admin")(method, path, body)
    assert (answer.status_code, says in answer.text) == (code, True), answer.text
    assert set(answer.json()) == {"message", "remedy"}
    assert "Traceback" not in answer.text
    assert store.shipped("w1") == (0, 0)
    assert store.blobs() == []
    assert [path for path in (Path(store.url) / "blobs").rglob("*") if path.is_file()] == []


def test_a_batch_with_a_bad_line_is_not_taken_in_part_and_can_be_sent_again(address: str, store: Store) -> None:
    job = caller(address, store, "write")
    good = [to_json(Record("w1", n, 1.0, entity)) for n, entity in enumerate([session(), cell(1), cell(2)], start=1)]
    bad = b"\n".join([good[0], b'{"writer": "w1", "n": 2}', good[2]])
    assert "line 2" in job("POST", "/outboxes/w1?expected=0&offset=10", bad).text
    assert store.sessions() == []
    assert [job("POST", "/outboxes/w1?expected=0&offset=10", b"\n".join(good)).json() for _ in range(3)] == [
        {"stored": True}, {"stored": False}, {"stored": False}]
    assert [found.n for found in store.executions("s1")] == [1, 2]


def test_an_outbox_is_shipped_over_the_wire_with_its_blobs_once(address: str, store: Store, tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_TOKEN", store.create_token("me", "write").secret)
    boxes = [Outbox(tmp_path / "outbox") for _ in range(3)]
    for number, box in enumerate(boxes):
        box.record(session(f"s{number}", box.writer))
        for seq in range(100):
            box.record(metric(1, seq, session=f"s{number}", blob=box.blob(b"%d" % (seq % 5))))
        box.close()
    failures: list[BaseException] = []

    def carry() -> None:
        try:
            remote = open_url(address)
            while pending(tmp_path / "outbox"):
                ship(tmp_path / "outbox", remote, batch=20)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=carry) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    for number in range(3):
        assert [found.seq for found in store.observations(f"s{number}")] == list(range(100))
        assert store.session(f"s{number}").state == "ended"
    assert len(store.blobs()) == 5


def test_stored_bytes_are_served_inert(address: str, store: Store) -> None:
    page = b"<html><script>alert(1)</script></html>"
    answer = caller(address, store, "read")("GET", f"/blobs/{store.put_blob(page)}")
    assert answer.content == page
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_a_large_blob_is_streamed_both_ways(address: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_TOKEN", store.create_token("me", "write").secret)
    data = bytes(range(256)) * 40_000  # 10 MB
    remote = open_url(address)
    digest = remote.put_blob(data)
    assert remote.has_blob(digest)
    assert not remote.has_blob(content_hash(b"another"))
    assert remote.get_blob(digest) == data
    assert remote.put_blob(data) == digest
    assert store.blobs() == [(digest, len(data))]


def test_an_upload_that_breaks_off_leaves_nothing(address: str, store: Store) -> None:
    secret = store.create_token("me", "write").secret
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        line.sendall(f"PUT {API}/blobs/{content_hash(b'x')} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: token {secret}\r\n"
                     "Content-Length: 1000000\r\n\r\nhalf of it".encode())
        folder = Path(store.url) / "blobs"
        end = time.monotonic() + 10
        while not [path for path in folder.rglob(".*") if path.is_file()]:
            assert time.monotonic() < end, "nothing arrived"
            time.sleep(0.01)
    while [path for path in folder.rglob("*") if path.is_file()]:
        assert time.monotonic() < end, "the half of it was left"
        time.sleep(0.01)


def test_what_changed_is_told_and_a_stream_resumes(address: str, store: Store) -> None:
    writer = caller(address, store, "write")
    listener = caller(address, store, "read")

    def listen(last: str = "") -> Iterator[tuple[str, str, dict[str, object]]]:
        with requests.get(address + API + "/events", headers={**listener.headers, "Last-Event-ID": last}, stream=True,
                          timeout=30) as answer:
            assert answer.headers["Content-Type"] == "text/event-stream"
            found: dict[str, str] = {}
            for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
                assert not line.startswith(":"), "nothing was told, only that the stream is alive"
                if line:
                    name, _, value = line.partition(": ")
                    found[name] = value
                elif "event" in found:
                    yield found["id"], found["event"], json.loads(found["data"])
                    found = {}

    stream = listen()
    first, kind, _ = next(stream)
    assert kind == "hello"
    story = [session("told", "w-told"), cell(1, session="told")]  # the server remembers what it told of other tests' sessions
    lines = b"\n".join(to_json(Record("w-told", n, 1.0, one)) for n, one in enumerate(story, start=1))
    started = time.monotonic()
    assert writer("POST", "/outboxes/w-told?expected=0&offset=10", lines).json() == {"stored": True}
    told = [next(stream), next(stream)]
    assert {change["noun"] for _, _, change in told} == {"session", "execution"}
    assert time.monotonic() - started < 5
    again = listen(first)
    assert [next(again)[1:], next(again)[1:], next(again)[1:]] == [("hello", {}), told[0][1:], told[1][1:]]
    assert next(listen("another-7"))[1] == "reset"
    assert next(listen(first.partition("-")[0] + "-99999"))[1] == "reset"


def test_it_says_how_it_is(address: str, store: Store) -> None:
    reader = caller(address, store, "read")
    append(store, session())
    assert reader("GET", "/healthz").json() == {"status": "ok"}
    answer = reader("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    found = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert float(found["mlops_sessions_running"]) == 1
    assert float(found["mlops_store_bytes"]) > 1000


def test_a_store_out_of_reach_is_503_without_its_address(address: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = caller(address, store, "read")
    monkeypatch.setattr(Store, "sessions", lambda *_, **__: (_ for _ in ()).throw(StoreError("the store is locked", "wait")))
    answer = reader("GET", "/healthz")
    assert (answer.status_code, answer.json()) == (503, {"message": "the store is locked", "remedy": "wait"})


def test_what_was_not_foreseen_shows_no_traceback(address: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = caller(address, store, "read")
    monkeypatch.setattr(Store, "runs", lambda *_, **__: 1 / 0)
    answer = reader("GET", "/ledger/runs")
    assert answer.status_code == 500
    assert "division" not in answer.text


def test_there_is_nothing_but_ours(address: str, store: Store) -> None:
    admin = caller(address, store, "admin")
    ours = [f"{API}/{name}" for name in ("tasks", "jobs", "live", "runs/x/verify")]
    for path in ("/api/kernels", "/api/contents", "/api/sessions", "/lab", "/tree", "/login", "/files/x", "/api/terminals",
                 "/api", "/nbconvert/html/x.ipynb", "/metrics", "/static/favicon.ico", "/", "/x/", *ours):
        answer = requests.get(address + path, headers=admin.headers, timeout=10, allow_redirects=False)
        assert answer.status_code in (404, 405), path
    assert requests.post(address + f"{API}/runs/x/verify", headers=admin.headers, data="{}", timeout=10).status_code == 404


def test_a_server_without_a_way_in_does_not_start(store: Store) -> None:
    with pytest.raises(StoreError, match="nobody could come in"):
        team.serve()
    store.create_token("a", "read")
    store.revoke_token("a")
    with pytest.raises(StoreError, match="mlops token create"):
        team.serve()


def test_a_server_in_the_open_needs_a_name(store: Store) -> None:
    with pytest.raises(InputError, match="asked by a name"):
        team.serve("0.0.0.0")
    with pytest.raises(InputError, match="cannot be read"):
        team.serve(certfile="/nowhere/cert.pem")


def test_a_server_before_a_server_does_not_start(address: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_TOKEN", store.create_token("me", "admin").secret)
    monkeypatch.setenv("MLOPS_STORE", address)
    assert not isinstance(open_ledger(), Store)
    with pytest.raises(ConflictError, match="behind a server already"):
        team.serve()


@pytest.mark.parametrize(("url", "says"), [
    ("http://example.org", "in the clear"),
    ("https://me:hunter2@example.org", "no password"),
    ("https://", "cannot be read"),
    ("https://example.org?x=1", "cannot be read"),
])
def test_an_address_that_cannot_be_one_is_refused(url: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        open_url(url)
    assert "hunter2" not in str(caught.value)


def test_a_refusal_of_the_server_is_the_same_error_here(address: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="does not know the token"):
        open_url(address).runs()
    monkeypatch.setenv("MLOPS_TOKEN", store.create_token("me", "read").secret)
    reader = open_url(address)
    with pytest.raises(StoreError, match="does not allow this"):
        reader.delete_run("x")
    with pytest.raises(NotFoundError, match="no run 'x'") as caught:
        reader.run("x")
    assert caught.value.remedy == "mlops runs list"
    with pytest.raises(InputError, match="no content hash"):
        reader.get_blob("sha256:zz")


def test_nobody_there_is_a_store_out_of_reach(store: Store) -> None:
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1 cannot be reached: .*refused") as caught:
        open_url("http://127.0.0.1:1").runs()
    assert caught.value.exit_code == 3


def test_a_token_may_come_from_a_file(address: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(store.create_token("me", "read").secret + "\n")
    monkeypatch.setenv("MLOPS_TOKEN_FILE", str(tmp_path / "token"))
    assert open_url(address).runs() == []
    monkeypatch.setenv("MLOPS_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises(InputError, match="cannot be read"):
        open_url(address)


def test_over_tls_only_a_trusted_certificate_will_do(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [str(tmp_path / name) for name in ("cert.pem", "key.pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    monkeypatch.setenv("MLOPS_TOKEN", store.create_token("me", "read").secret)
    with serving(*files) as secure:
        assert secure.startswith("https://")
        with pytest.raises(StoreError, match=r"certificate .* is not trusted") as caught:
            open_url(secure).runs()
        assert "REQUESTS_CA_BUNDLE" in caught.value.remedy
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", files[0])
        assert open_url(secure).runs() == []


def test_a_secret_is_stored_nowhere(store: Store) -> None:
    made = store.create_token("me", "read")
    assert re.fullmatch(r"mlops_[a-z2-7]{52}", made.secret)
    store.close()
    assert made.secret.encode() not in (Path(store.url) / "ledger.db").read_bytes()
    assert store.token_of(made.secret) == made.token
    assert store.token_of(made.secret.upper()) is None
    assert store.token_of("") is None
