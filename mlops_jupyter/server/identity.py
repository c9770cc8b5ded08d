"""Who may do what at a team's server: callers are known by their token alone, and allowed what its scope says.

No cookie, no password, no login page, no token in an address, where it would end up in logs and referrers. The rules are
Jupyter's own: an identity provider says who it is, an authorizer says yes or no to an action on a resource.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from jupyter_server.auth import Authorizer, IdentityProvider
from jupyter_server.auth.identity import User
from tornado import web

from mlops_jupyter.api.ledger import opened
from mlops_jupyter.entities import Token
from mlops_jupyter.store import Store

_NOBODY = Token("", "nobody", "read", 0.0)
ALLOWED: dict[str, frozenset[tuple[str, str]]] = {
    "read": frozenset({("mlops", "read")}),
    "write": frozenset({("mlops", "read"), ("mlops", "write"), ("mlops:outbox", "read"), ("mlops:outbox", "write")}),
    "job": frozenset({("mlops:outbox", "read"), ("mlops:outbox", "write")}),
}
"""What each scope allows, as (resource, action). `admin` may do all that a server offers."""


@dataclass
class TokenUser(User):
    """A caller with the token that it came by."""

    token: Token = field(default_factory=lambda: _NOBODY)


class TokenIdentity(IdentityProvider):
    """Knows callers by `Authorization: token SECRET` (or `Bearer`), as the store has it."""

    async def get_user(self, handler: web.RequestHandler) -> User | None:
        """The owner of a valid token; nobody for anything else."""
        match = self.auth_header_pat.match(handler.request.headers.get("Authorization", ""))
        if match is None:
            return None
        token = await handler.settings["mlops_services"].in_thread(_token, match.group(2).strip())
        if token is None:
            return None
        handler._token_authenticated = True  # type: ignore[attr-defined]  # it came in a header, which no foreign page can make a browser send
        return TokenUser(username=token.name, token=token)

    def is_token_authenticated(self, handler: web.RequestHandler) -> bool:
        """True once it was known by its token: there is no other way in."""
        return getattr(handler, "_token_authenticated", False)

    def get_handlers(self) -> list[tuple[str, object]]:
        """There is nothing to log in to."""
        return []

    def validate_security(self, app: object, ssl_options: object = None) -> None:
        """Checked before the server starts, by `team.serve`."""


def _token(secret: str) -> Token | None:
    """In a thread: opening a store may migrate it."""
    store = opened()
    assert isinstance(store, Store)
    return store.token_of(secret)


class ScopeAuthorizer(Authorizer):
    """Says yes to what the scope of the caller's token allows, no to all else; nothing here runs code."""

    def is_authorized(self, handler: object, user: User, action: str, resource: str) -> bool:
        """Whether this caller may."""
        if not isinstance(user, TokenUser) or action == "execute" or resource.partition(":")[0] != "mlops":
            return False
        return user.token.scope == "admin" or (resource, action) in ALLOWED[user.token.scope]
