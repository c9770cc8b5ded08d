"""One shape for every failure, and no traceback in it."""

from __future__ import annotations

import msgspec
import pytest
from tornado.web import HTTPError

from mlops_jupyter.entities import ConflictError, InputError, JobFailedError, NotFoundError, StoreError
from mlops_jupyter.server.bodies import ConvertBody
from mlops_jupyter.server.errors import answer


@pytest.mark.parametrize(("error", "status"), [
    (InputError("bad"), 400), (NotFoundError("none"), 404), (ConflictError("there"), 409), (JobFailedError("no"), 422),
    (StoreError("locked"), 503), (HTTPError(405, "not here"), 405), (RuntimeError("secret 123"), 500),
])
def test_each_error_has_its_status(error: Exception, status: int) -> None:
    assert answer(error)[0] == status


def test_what_was_not_foreseen_shows_nothing_of_itself() -> None:
    assert "secret" not in answer(RuntimeError("secret 123"))[1].message


@pytest.mark.parametrize(("text", "names"), [
    (b'{"folder": 3}', "$.folder"), (b'{"folder": "a", "results": [1]}', "$.results[0]"),
    (b'{"folder": "a", "colour": 1}', "colour"), (b"[]", "object"), (b"{", "not JSON"), (b"", "not JSON"),
])
def test_a_bad_body_is_answered_with_the_path_of_the_field(text: bytes, names: str) -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(text, type=ConvertBody)
    status, body = answer(caught.value)
    assert status == 400
    assert names in body.message
