"""Who may ask what: bearer tokens, compared in constant time."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Depends, Header

from skerry.core.errors import MutationsDisabled, Unauthorized
from skerry.http.context import ServerContext, Tokens, context_of


def check_reader(tokens: Tokens, authorization: str | None) -> None:
    """Let inference and reading pass: open without an API token, else for either token.

    Raises:
        Unauthorized: the token is missing or wrong.
    """
    if tokens.api is None:
        return
    token = _bearer(authorization)
    if not (_same(token, tokens.api) or _same(token, tokens.admin)):
        raise Unauthorized("a token is needed: send 'Authorization: Bearer TOKEN'")


def check_admin(tokens: Tokens, authorization: str | None) -> None:
    """Let a mutation pass, with the admin token only.

    Raises:
        MutationsDisabled: the server has no admin token, or the API token was sent.
        Unauthorized: the token is missing or wrong.
    """
    if tokens.admin is None:
        raise MutationsDisabled(
            "changes are not enabled here: start the server with SKERRY_ADMIN_TOKEN"
        )
    token = _bearer(authorization)
    if _same(token, tokens.admin):
        return
    if _same(token, tokens.api):
        raise MutationsDisabled("the API token allows no changes: send the admin token")
    raise Unauthorized("the admin token is needed: send 'Authorization: Bearer TOKEN'")


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _same(given: str, secret: str | None) -> bool:
    if secret is None:
        return False
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())


_Context = Annotated[ServerContext, Depends(context_of)]
_Authorization = Annotated[str | None, Header(include_in_schema=False)]


async def require_reader(context: _Context, authorization: _Authorization = None) -> None:
    """Guard a route as ``check_reader`` does, for ``Depends``."""
    check_reader(context.tokens, authorization)


async def require_admin(context: _Context, authorization: _Authorization = None) -> None:
    """Guard a route as ``check_admin`` does, for ``Depends``."""
    check_admin(context.tokens, authorization)
