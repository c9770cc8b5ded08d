"""Verbs on the tokens of a server: make, list, revoke."""

from __future__ import annotations

import time
from collections.abc import Sequence

from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.words import plural
from mlops_jupyter.entities import NewToken, Scope, Token


def create(name: str, scope: Scope = "write", expires: float | None = None, writer: str = "") -> NewToken:
    """A new token, with the secret that is shown once. `expires` in Unix seconds."""
    return open_ledger().create_token(name, scope, expires, writer)


def tokens() -> list[Token]:
    """All tokens, newest first."""
    return open_ledger().tokens()


def revoke(id: str) -> Token:
    """Let nobody in by this token any more."""
    return open_ledger().revoke_token(id)


def tokens_sheet(found: Sequence[Token]) -> Sheet:
    """One line a token."""
    rows = [[one.name, one.scope, one.writer, day(one.created), _end(one), one.id[:12]] for one in found]
    return Sheet(plural(len(found), "token"), [Block(columns=["name", "scope", "writer", "made", "ends", "id"], rows=rows)],
                 [] if found else ["mlops token create NAME --scope write"])


def _end(token: Token) -> str:
    if token.revoked is not None:
        return f"revoked {day(token.revoked)}"
    return "never" if token.expires is None else f"{'expired' if token.expires <= time.time() else 'on'} {day(token.expires)}"


def day(at: float) -> str:
    """The date, here."""
    return time.strftime("%Y-%m-%d", time.localtime(at))
