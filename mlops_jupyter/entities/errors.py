"""The errors that a user can meet. Each says what happened, with the value, then what to do, as a command.

One base, `MlopsError`. The command line maps `exit_code` to the process's exit code, the server maps `http_status`; nobody
else looks at them. Exit codes: 1 the job, check or verification failed; 2 bad input; 3 store or server unreachable.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from pathlib import Path

_LONG = re.compile(r"\S{500,}")


def shortened(text: str) -> str:
    """What was given is said again, but not all of a name of five thousand characters."""
    return _LONG.sub(lambda match: f"{match[0][:200]}…{match[0][-50:]}", text)


def must_be_text(words: Iterable[str]) -> None:
    """InputError for a word with a NUL, or with bytes that are no UTF-8, which Python hands over as lone surrogates."""
    for word in words:
        if "\0" in word or any("\ud800" <= letter <= "\udfff" for letter in word):
            raise InputError(f"{word!r} is no text in UTF-8", "type it anew")


def must_be_a_file(path: Path, remedy: str) -> None:
    """InputError for what is there and is no file: a device may have no end, a pipe may never begin."""
    if not path.is_file() and path.exists():
        raise InputError(f"{path} cannot be read: it is no file", remedy)


class MlopsError(Exception):
    """A failure that we foresaw. `what` carries the value that was wrong, `remedy` the command or step that helps."""

    exit_code = 1
    http_status = 500

    def __init__(self, what: str, remedy: str = "") -> None:
        what, remedy = shortened(what), shortened(remedy)
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}\n  → {self.remedy}" if self.remedy else self.what


class InputError(MlopsError):
    """What was asked for is malformed: a parameter, a notebook, a bundle, an option."""

    exit_code = 2
    http_status = 400


class NotFoundError(InputError):
    """A run, session, result, bundle or file of that name does not exist."""

    http_status = 404


class ConflictError(InputError):
    """The request is well-formed, but the state of things forbids it (a folder that exists, a session that is running)."""

    http_status = 409


class JobFailedError(MlopsError):
    """A job, check or verification ran and did not succeed."""

    exit_code = 1
    http_status = 422


class JobCancelledError(JobFailedError):
    """A job was stopped before it was done, as a shell says it of a command that Control-C has ended."""

    exit_code = 130


class StoreError(MlopsError):
    """The store cannot be reached, read or written: absent, locked, read-only, of a newer schema."""

    exit_code = 3
    http_status = 503


def as_ours(error: Exception) -> Exception:
    """The error itself, or ours for one of the system's that only says what was wrong with what was given."""
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return InputError(f"{str(error.filename)!r} is too long a name", "check the path")
    return error
