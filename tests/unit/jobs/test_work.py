"""An input comes from wherever -i says, and what lets it in is nowhere but in the environment."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from mlops_jupyter.entities import Fingerprint, InputError, JobInput, JobManifest, NotFoundError
from mlops_jupyter.jobs.bundle import Bundle
from mlops_jupyter.jobs.work import place, resolve_inputs
from tests.bucket import S3

SECRET = "horse/battery@staple"


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    entries = [JobInput("rows", "data/rows.csv", Fingerprint("file", "fp1:d"), source=str(tmp_path / "rows.csv"))]
    (tmp_path / "rows.csv").write_text("a\n1\n")
    return Bundle(tmp_path, JobManifest("job", 1.0, [], entries, [], 1, 1))


class Locked(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        wanted = "Basic " + base64.b64encode(f"ann:{SECRET}".encode()).decode()
        self.send_response(200 if self.headers.get("Authorization") == wanted else 401)
        self.end_headers()
        self.wfile.write(b"a\n2\n")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def locked() -> Iterator[str]:
    """A server that lets Ann in: its host."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Locked)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_password_is_named_by_its_variable_and_never_written(bundle: Bundle, locked: str, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_PASSWORD", SECRET)
    address = f"http://ann:${{DATA_PASSWORD}}@{locked}/rows.csv"
    found = resolve_inputs(bundle, {"rows": address})
    assert found == {"rows": address}
    place(found["rows"], tmp_path / "w" / "rows.csv", "rows")
    assert (tmp_path / "w" / "rows.csv").read_text() == "a\n2\n"
    with pytest.raises(InputError) as caught:
        resolve_inputs(bundle, {"rows": f"http://ann:horse-battery@{locked}/rows.csv"})
    assert "horse" not in str(caught.value)
    monkeypatch.delenv("DATA_PASSWORD")
    with pytest.raises(NotFoundError, match="DATA_PASSWORD"):
        place(address, tmp_path / "w" / "other.csv", "rows")


def test_a_refused_address_leaves_no_half_file(bundle: Bundle, locked: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="401"):
        place(f"http://{locked}/rows.csv", tmp_path / "w" / "rows.csv", "rows")
    assert not (tmp_path / "w" / "rows.csv").exists()


def test_a_bucket_gives_an_input(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = S3()
    try:
        bucket = server.bucket()
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        with fsspec.open(f"{bucket}/rows.csv", "wb", skip_instance_cache=True) as file:
            file.write(b"a\n3\n")
        found = resolve_inputs(bundle, {"rows": f"{bucket}/rows.csv"})
        place(found["rows"], tmp_path / "w" / "rows.csv", "rows")
        assert (tmp_path / "w" / "rows.csv").read_bytes() == b"a\n3\n"
        with pytest.raises(InputError, match="could not be fetched"):
            place(f"{bucket}/none.csv", tmp_path / "w" / "none.csv", "rows")
    finally:
        server.remove()


@pytest.mark.parametrize(("given", "what"), [
    ("nowhere://x/y.csv", "nowhere://"),
    ("no/such/file.csv", "there is no file"), (".", "is a folder"), ("http://[x", "no address"),
])
def test_what_is_no_input_is_refused_before_anything_starts(bundle: Bundle, given: str, what: str) -> None:
    with pytest.raises((InputError, NotFoundError)) as caught:
        resolve_inputs(bundle, {"rows": given})
    assert what in caught.value.what
