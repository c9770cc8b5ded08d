"""What lets somebody into a server: a token with a scope. Its secret is shown once and stored as a hash."""

from __future__ import annotations

from typing import Literal

import msgspec

Scope = Literal["read", "write", "job", "admin"]
"""`read`: look. `write`: also record, delete, forget. `job`: only append what one writer records. `admin`: also tokens."""
PREFIX = "mlops_"
"""How every secret begins, so that scanners and our own redaction know one."""


class Token(msgspec.Struct, omit_defaults=True):
    """Times are Unix seconds. `writer`: the one writer that a `job` token may append to, bound by its first use.

    One that ends with a dot is the beginning of a submission's writers: each attempt is one.
    """

    id: str
    name: str
    scope: Scope
    created: float
    expires: float | None = None
    revoked: float | None = None
    writer: str = ""


class NewToken(msgspec.Struct):
    """A token that was just made. `secret` is nowhere else."""

    token: Token
    secret: str
