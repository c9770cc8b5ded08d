"""Values that are known to be secret: of environment variables with secret-looking names, and those that the user registered.

A known value is found in each spelling that it is likely to have in a text: as it is, escaped for JSON, `repr`, HTML or a URL, in
base64 (also inside a longer one, as in a Basic header) and in hex. A value of several lines is known by its lines.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

from mlops_jupyter.capture.secrets.spans import Joined, Span
from mlops_jupyter.capture.secrets.words import is_placeholder

TOLD = "MLOPS_SECRETS"
"""The environment variable that names others, with commas between, whose values are secret whatever they are called."""
MINIMUM = 6
"""Shorter values of environment variables (`1`, `true`, `dev`) would redact ordinary text."""
_BROKEN = 8
"""Shortest value that is looked for across line ends and literals."""
_PART = 5
_NAME = re.compile(
    r"(?:^|_)(?:pass(?:wd|word|phrase)?|pwd|secrets?|token|credentials?|cookie|salt|pat|connection_?string|conn_?str|webhook"
    r"|api_?key|apikey|access_?key|private_?key|auth_?key|(?:auth|signing|encryption|master|account|storage)_?key)(?:$|_)"
    r"|(?:password|passwd|secret|token|apikey|_key|_auth|_sas)$",
    re.IGNORECASE,
)
_NOT_ITSELF = re.compile(r"(?:^|_)(?:file|path|dir|folder|name|user|id|ttl|timeout|expiry|type|hosts?|port)$", re.IGNORECASE)
_IN_URL = re.compile(r"://[^\s/:@]*:([^\s@]+)@")


def is_secret_name(name: str) -> bool:
    """True for the name of an environment variable, or of a variable, that holds a secret."""
    return _NAME.search(name) is not None and _NOT_ITSELF.search(name) is None


def secret_values(environ: Mapping[str, str], names: Mapping[str, bool]) -> set[str]:
    """The values that are secret, of the variables that `names` tells by name, and the passwords in the URLs of the others."""
    found: set[str] = set()
    for name, value in list(environ.items()):
        if names.get(name):
            if not (value[:1] in "/~." and Path(value).expanduser().exists()):  # GOOGLE_APPLICATION_CREDENTIALS names a file
                found.add(value)
        elif "://" in value and (match := _IN_URL.search(value)) is not None:
            found.add(match[1])
    return {value for value in found if is_worth_knowing(value)}


def is_worth_knowing(value: str) -> bool:
    """False for what would redact ordinary text: short values, and words like `password`."""
    return len(value) >= MINIMUM and not is_placeholder(value) and not value.isspace()


class Known:
    """The known values, and how they may be spelled."""

    def __init__(self) -> None:
        self.values: set[str] = set()
        self._spellings: dict[str, str] = {}
        self._sorted: list[tuple[str, str]] = []
        self._broken: list[tuple[str, str]] = []
        self.parts: set[str] = set()
        """Of a value that is broken into pieces of nine letters or more, one of these is whole."""

    def add(self, value: str, kind: str) -> None:
        """From now on this value is known. It stays so when the environment forgets it."""
        if value in self.values:
            return
        self.values.add(value)
        pieces = {value}
        if "\n" in value or "\\n" in value:
            pieces |= {line.strip() for line in value.replace("\\n", "\n").splitlines() if len(line.strip()) >= 20}
        for piece in pieces:
            for spelling in spellings(piece):
                self._spellings.setdefault(spelling, kind)
            for spelling in escaped(piece) if len(piece) >= _BROKEN else ():
                whole = Joined(spelling).text
                size = _PART if len(whole) >= 2 * _PART else len(whole) // 2
                self._broken.append((whole, kind))
                self.parts.update(whole[at:at + size] for at in range(0, len(whole) - size + 1, size))
        self._sorted = sorted(self._spellings.items(), key=lambda one: -len(one[0]))

    def find(self, text: str) -> list[Span]:
        """Where known values stand, whole or broken by line ends and literals."""
        found: list[Span] = []
        for spelling, kind in self._sorted:
            at = text.find(spelling)
            while at >= 0:
                found.append(Span(at, at + len(spelling), kind, spelling))
                at = text.find(spelling, at + len(spelling))
        return found

    def find_broken(self, joined: Joined) -> list[Span]:
        """Where known values stand in a text whose breaks were taken out."""
        found: list[Span] = []
        for value, kind in self._broken:
            at = joined.text.find(value)
            while at >= 0:
                found += joined.spans(at, at + len(value), kind, value)
                at = joined.text.find(value, at + len(value))
        return found


def escaped(value: str) -> set[str]:
    """How a value may stand in a literal."""
    doubled = value.replace("\\", "\\\\")
    return {
        value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1], doubled,
        value.replace("'", "\\'"), value.replace('"', '\\"'), doubled.replace("'", "\\'"), doubled.replace('"', '\\"'),
    }


def spellings(value: str) -> set[str]:
    """How a value may stand in a text."""
    data = value.encode("utf-8", "surrogatepass")
    found = {
        *escaped(value), *(json.dumps(spelling)[1:-1] for spelling in escaped(value)), html.escape(value),
        json.dumps(value).replace("/", "\\/")[1:-1],
        quote(value, safe="", errors="replace"), quote(value, errors="replace"), quote_plus(value, errors="replace"), data.hex(),
    }
    for before, first in ((0, 0), (1, 2), (2, 3)):  # base64 of 3 bytes is 4 letters: three ways to lie inside a longer one
        whole = (before + len(data)) * 4 // 3
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            core = encode(bytes(before) + data).decode().rstrip("=")[first:whole]
            if len(core) >= 8:
                found.add(core)
    return {spelling for spelling in found if len(spelling) >= MINIMUM}


class NamesSeen:
    """Which names of an environment are secret, each asked once."""

    def __init__(self) -> None:
        self.names: dict[str, bool] = {}
        self._last: tuple[object, ...] = ()

    def changed(self, environ: Mapping[str, str]) -> bool:
        """True if a secret value may be new: another set of names, or another value of a secret one."""
        raw: Mapping[str, str] = getattr(environ, "_data", environ)  # os.environ decodes each name anew: 30 × slower
        now = (len(raw), *raw.values())
        if now == self._last:
            return False
        self._last = now
        told = environ.get(TOLD, "").split(",")
        for name in list(environ):
            if name not in self.names:
                self.names[name] = (is_secret_name(name) and name not in {"PWD", "OLDPWD"}) or name in told
        return True
