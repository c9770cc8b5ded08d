"""Identifiers: random ones for things that happen, derived ones for things that follow from other things.

Random ids come from `os.urandom`, never from the global `random` module: a tracker that draws from the user's generator
would change the user's results.
"""

from __future__ import annotations

import hashlib
import os
import time


def new_id() -> str:
    """A new identifier of 26 lower-case characters that sorts by creation time (millisecond clock, then 80 random bits)."""
    value = (int(time.time() * 1000) << 80) | int.from_bytes(os.urandom(10), "big")
    digits = "0123456789abcdefghjkmnpqrstvwxyz"
    return "".join(digits[(value >> (5 * place)) & 31] for place in range(25, -1, -1))


def derived_id(*parts: str) -> str:
    """The identifier that follows from `parts`: 24 hexadecimal characters, the same on every machine."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.hexdigest()[:24]


def content_hash(data: bytes) -> str:
    """The name of a blob: `sha256:` and 64 hexadecimal characters."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
