"""A store behind `mlops server`: the same calls over HTTP, with a token. Only that server knows the database and its password.

The calls follow from the protocols (`entities/calls.py`); here are the connection, the outbox's two calls and the bytes. A plain
`http://` address is taken only where it leads to this machine: a token does not travel in the clear. No redirect is followed,
because it would take the token along.
"""

from __future__ import annotations

import functools
import ipaddress
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlsplit

import msgspec
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from mlops_jupyter.entities import (
    AnyStore,
    ConflictError,
    InputError,
    JobFailedError,
    MlopsError,
    NotFoundError,
    Record,
    StoreError,
    content_hash,
)
from mlops_jupyter.entities.calls import API, CALLS, Call, ErrorBody, Position, Stored
from mlops_jupyter.entities.codec import any_from_json, to_json

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
_ERRORS: dict[int, type[MlopsError]] = {
    **{kind.http_status: kind for kind in (InputError, NotFoundError, ConflictError, JobFailedError)},
    405: InputError, 413: InputError,
}


def connect(url: str) -> AnyStore:
    """The store at this address, with the token of `$MLOPS_TOKEN` or the file `$MLOPS_TOKEN_FILE`. Nothing is asked yet."""
    return cast(AnyStore, RemoteStore(url))


class RemoteStore:
    """Ledger, Sink, Custodian and Gate by HTTP. Threads may share it, forks may carry it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise InputError("a store's address holds no password", "set MLOPS_TOKEN to the token, out of MLOPS_STORE")
        if not parts.hostname or parts.query or parts.fragment:
            raise InputError(f"the store's address {url!r} cannot be read", "set MLOPS_STORE to https://HOST[:PORT][/PREFIX]")
        if parts.scheme == "http" and not _is_this_machine(parts.hostname):
            raise InputError(f"{url} would carry the token in the clear", "use https://, or a tunnel to http://127.0.0.1:PORT")
        self.url = url.rstrip("/")
        self._token = _token()
        self._local = threading.local()

    def __getattr__(self, name: str) -> Any:
        call = CALLS.get(name)
        if call is None:
            raise AttributeError(name)
        return functools.partial(self._call, call)

    def _call(self, call: Call, *given: object, **named: object) -> object:
        arguments = call.bind(given, named)
        if call.method == "GET":
            query = {name: _text(value) for name, value in arguments.items() if value is not None}
            answer = self._ask("GET", f"/ledger/{call.name}", params=query)
        else:
            answer = self._ask("POST", f"/ledger/{call.name}", data=to_json(arguments))
        return self._decode(answer, call.result)

    # Sink

    def shipped(self, writer: str) -> tuple[int, int]:
        """(last n, byte offset) that the store holds of this writer; (0, 0) if none."""
        found = self._decode(self._ask("GET", f"/outboxes/{quote(writer, safe='')}"), Position)
        return found.n, found.offset

    def append(self, writer: str, expected: int, records: Sequence[Record], offset: int) -> bool:
        """Store `records` and move the writer to `offset`, in one transaction, if it stands at n == `expected`; else False."""
        lines = b"\n".join(map(to_json, records))
        where = {"expected": str(expected), "offset": str(offset)}
        answer = self._ask("POST", f"/outboxes/{quote(writer, safe='')}", params=where, data=lines)
        return bool(self._decode(answer, Stored).stored)

    def close_writer(self, writer: str, at: float) -> None:
        """The writer is gone: what it left running is `interrupted`, its open sessions have ended at `at`."""
        self._ask("POST", f"/outboxes/{quote(writer, safe='')}/close", data=to_json({"at": at}))

    def put_blob(self, data: bytes) -> str:
        """Store `data` under its content hash, durably, before any row names it."""
        digest = content_hash(data)
        self._ask("PUT", f"/blobs/{digest}", data=data)
        return digest

    def put_blobs(self, blobs_: Sequence[bytes]) -> list[str]:
        """As `put_blob` for each of them."""
        return [self.put_blob(data) for data in blobs_]

    # bytes

    def get_blob(self, digest: str) -> bytes:
        """The bytes of a blob; NotFoundError if it is not there, StoreError if its bytes do not match its name."""
        data = self._ask("GET", f"/blobs/{quote(digest, safe=':')}").content
        if content_hash(data) != digest:
            raise StoreError(f"{self.url} sent other bytes than those of {digest}", "mlops fsck, on the server")
        return data

    def has_blob(self, digest: str) -> bool:
        """True if the bytes are there."""
        try:
            self._ask("HEAD", f"/blobs/{quote(digest, safe=':')}")
        except NotFoundError:
            return False
        return True

    def close(self) -> None:
        """Let this thread's connections go."""
        session = getattr(self._local, "session", None)
        if session is not None:
            session.close()

    # the connection

    def _session(self) -> requests.Session:
        """Of this very thread and process."""
        if getattr(self._local, "pid", None) != os.getpid():
            self._local.pid, self._local.session = os.getpid(), requests.Session()
            again = Retry(3, backoff_factor=0.2, status_forcelist=(502, 504), allowed_methods=None, raise_on_status=False)
            self._local.session.mount(self.url, HTTPAdapter(max_retries=again))  # each of our calls may be made twice
            self._local.session.headers["Authorization"] = f"token {self._token}"
        session: requests.Session = self._local.session
        return session

    def _ask(self, method: str, path: str, *, params: Mapping[str, object] | None = None, data: bytes | None = None,
             ) -> requests.Response:
        try:
            answer = self._session().request(
                method, self.url + API + path, params=params, data=data,  # type: ignore[arg-type]
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS), allow_redirects=False)
        except requests.exceptions.SSLError as error:
            raise StoreError(f"the certificate of {self.url} is not trusted: {_reason(error)}",
                             "set REQUESTS_CA_BUNDLE to the file of your authority") from None
        except requests.exceptions.RequestException as error:
            raise StoreError(f"the server {self.url} cannot be reached: {_reason(error)}", "mlops doctor") from None
        if answer.status_code >= 300:
            raise self._refused(answer)
        return answer

    def _refused(self, answer: requests.Response) -> MlopsError:
        status = answer.status_code
        if status < 400:
            return StoreError(f"{self.url} has moved to {answer.headers.get('Location', 'elsewhere')}",
                              "set MLOPS_STORE to the new address")
        try:
            said = msgspec.json.decode(answer.content, type=ErrorBody) if answer.content else ErrorBody(f"HTTP {status}")
        except msgspec.DecodeError:
            return StoreError(f"{self.url} answered {status} as no mlops server does",
                              "check MLOPS_STORE: it is the address before /mlops")
        if status in (401, 403):
            who = "does not know the token" if not self._token or "authoriz" not in said.message else "does not allow this"
            return StoreError(f"the server {self.url} {who}: {said.message}",
                              "set MLOPS_TOKEN to a token with that scope: mlops token create NAME --scope write")
        return _ERRORS.get(status, StoreError)(said.message, said.remedy)

    def _decode(self, answer: requests.Response, kind: Any) -> Any:
        try:
            return any_from_json(answer.content, kind)
        except msgspec.DecodeError as error:
            what = f"{self.url} answered what this version cannot read: {error}"
            raise StoreError(what, "pip install -U mlops_jupyter") from None


def _token() -> str:
    """From the environment, else from a file that a secret is mounted as."""
    token = os.environ.get("MLOPS_TOKEN", "").strip()
    file = os.environ.get("MLOPS_TOKEN_FILE", "")
    if token or not file:
        return token
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        what = f"the token's file {file} cannot be read: {error}"
        raise InputError(what, "set MLOPS_TOKEN_FILE to a file that holds it") from None


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _text(value: object) -> object:
    """A query argument: words for truth, a list as a repeated argument."""
    return "true" if value is True else "false" if value is False else value


def _reason(error: BaseException) -> str:
    """The innermost reason, in one line: the outer ones repeat the address, and the query with it."""
    while (inner := getattr(error, "reason", None) or error.__cause__ or error.__context__) is not None and inner is not error:
        if not isinstance(inner, BaseException):
            return str(inner)
        error = inner
    return str(error).splitlines()[0] if str(error) else type(error).__name__
