"""Tokens of a server. A secret is 256 random bits, so one round of SHA-256 keeps it: nobody guesses what was hashed."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import time

import msgspec
from sqlalchemy import Connection, select

from mlops_jupyter.entities import ConflictError, InputError, NewToken, NotFoundError, Scope, Token, new_id
from mlops_jupyter.entities.codec import from_json, to_json
from mlops_jupyter.entities.tokens import PREFIX
from mlops_jupyter.store.database import upsert
from mlops_jupyter.store.schema import tokens

_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}")


def create(connection: Connection, name: str, scope: Scope, expires: float | None, writer: str) -> NewToken:
    """A new token. ConflictError if one of that name can still be used."""
    if not _name.fullmatch(name):
        raise InputError(f"{name[:80]!r} is no name for a token", "use up to 100 letters, digits, `-`, `_`, `.` and `@`")
    if scope not in Scope.__args__:  # type: ignore[attr-defined]
        raise InputError(f"there is no scope {scope!r}", "read, write, job or admin")
    if expires is not None and not expires > time.time():
        raise InputError("a token that has expired already lets nobody in", "mlops token create NAME --expires 90d")
    if writer and scope != "job":
        raise InputError(f"a {scope} token is not bound to a writer", "mlops token create NAME --scope job --writer WRITER")
    if any(one.name == name and is_valid(one) for one in listed(connection)):
        raise ConflictError(f"there is a token {name!r}", f"choose another name, or: mlops token revoke {name}")
    secret = PREFIX + base64.b32encode(os.urandom(32)).decode().rstrip("=").lower()
    token = Token(new_id(), name, scope, time.time(), expires, writer=writer)
    upsert(connection, tokens, [{"id": token.id, "digest": _digest(secret), "created": token.created, "body": _body(token)}])
    return NewToken(token, secret)


def listed(connection: Connection) -> list[Token]:
    """All of them, newest first."""
    return [from_json(body, Token) for body in connection.execute(
        select(tokens.c.body).order_by(tokens.c.created.desc(), tokens.c.id.desc())).scalars()]


def one(connection: Connection, id: str) -> Token:
    """By id, unique prefix of it, or name; of several with one name the newest."""
    every = listed(connection)
    found = [token for token in every if id in {token.id, token.name}][:1]
    found = found or [token for token in every if token.id.startswith(id)]
    if not id or not found:
        raise NotFoundError(f"there is no token {id!r}", "mlops token list")
    if len(found) > 1:
        raise InputError(f"{id!r} begins the ids of several tokens", "give its name, or more characters of its id")
    return found[0]


def revoke(connection: Connection, id: str) -> Token:
    """From now on it lets nobody in."""
    token = one(connection, id)
    if token.revoked is None:
        token.revoked = time.time()
        _save(connection, token)
    return token


def of_submission(submission: str) -> str:
    """The name of a submission's token."""
    return f"submission-{submission}"


def end(connection: Connection, name: str) -> None:
    """Tokens of that name let nobody in any more."""
    for token in listed(connection):
        if token.name == name and token.revoked is None:
            token.revoked = time.time()
            _save(connection, token)


def owner(connection: Connection, secret: str) -> Token | None:
    """The valid token with this secret."""
    body = connection.execute(select(tokens.c.body).where(tokens.c.digest == _digest(secret))).scalar()
    token = None if body is None else from_json(body, Token)
    return token if token is not None and is_valid(token) else None


def bind(connection: Connection, token: Token, writer: str) -> bool:
    """True if the token may append to this writer; one that is bound to none yet is bound now."""
    current = one(connection, token.id)
    if current.writer == "":
        _save(connection, msgspec.structs.replace(current, writer=writer))
        return True
    return current.writer == writer or (current.writer.endswith(".") and writer.startswith(current.writer))


def is_valid(token: Token) -> bool:
    """Neither revoked nor expired."""
    return token.revoked is None and (token.expires is None or token.expires > time.time())


def _save(connection: Connection, token: Token) -> None:
    digest = connection.execute(select(tokens.c.digest).where(tokens.c.id == token.id)).scalar_one()
    upsert(connection, tokens, [{"id": token.id, "digest": digest, "created": token.created, "body": _body(token)}])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _body(token: Token) -> str:
    return to_json(token).decode()
