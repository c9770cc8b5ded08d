"""The one place where errors become HTTP answers: status code and `{"message": what happened, "remedy": what to do}`.

What we foresaw (`MlopsError`) carries its status itself; a request body that does not fit its type is 400 with the path of the
field; anything else is a 500 that says where to look and never shows a traceback, because tracebacks carry values.
"""

from __future__ import annotations

import msgspec
from tornado.web import HTTPError

from mlops_jupyter.entities import InputError, MlopsError
from mlops_jupyter.entities.calls import ErrorBody


def body_error(error: msgspec.DecodeError) -> InputError:
    """The error of a body that is not JSON or not of the expected type; msgspec's text ends with the path of the field."""
    text = str(error)
    if isinstance(error, msgspec.ValidationError):
        return InputError(f"bad request body: {text}", "see the fields of this route in the REST reference")
    return InputError(f"the request body is not JSON: {text}", "send a JSON object with Content-Type: application/json")


def answer(error: BaseException) -> tuple[int, ErrorBody]:
    """Status and body for any exception that left a handler."""
    if isinstance(error, msgspec.DecodeError):
        error = body_error(error)
    if isinstance(error, RecursionError | OverflowError | UnicodeError):
        error = InputError("the request is nested too deeply, or holds a number or a text that no store keeps",
                           "send what the REST reference says")
    if isinstance(error, MlopsError):
        return error.http_status, ErrorBody(error.what, error.remedy)
    if isinstance(error, HTTPError):
        return error.status_code, ErrorBody(error.log_message or error.reason or f"HTTP {error.status_code}")
    return 500, ErrorBody("the server met an error that it did not expect", "its log holds the details; mlops doctor")
