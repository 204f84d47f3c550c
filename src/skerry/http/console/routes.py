"""``/``: the console's page, and the files that it is made of.

The page may be read by whoever may read the API; without a token where one is needed it has no
data, and asks for it. Its scripts send the token as every other client does.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from skerry.core.errors import RouteNotFound, Unauthorized
from skerry.http.auth import check_reader
from skerry.http.console.assets import assets
from skerry.http.console.model_section import WINDOWS
from skerry.http.console.page import locked_page, page_of, render
from skerry.http.context import ServerContext, context_of

router = APIRouter(include_in_schema=False)
Context = Annotated[ServerContext, Depends(context_of)]

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        # No form is ever sent by the browser itself: a token would end up in an address.
        "form-action 'none'",
        "frame-ancestors 'none'",
        # No script may make markup of text, whatever a model calls its features.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_SAFE = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-resource-policy": "same-origin",
}
_PAGE = {**_SAFE, "cache-control": "no-store", "vary": "Authorization"}


@router.get("/")
async def console(
    context: Context,
    request: Request,
    window: Annotated[str, Query(max_length=10)] = WINDOWS[0].key,
    model: Annotated[str | None, Query(max_length=64)] = None,
    authorization: Annotated[str | None, Header()] = None,
) -> Response:
    """Return the page."""
    root = request.scope.get("root_path", "")
    chosen = next((each for each in WINDOWS if each.key == window), WINDOWS[0])
    try:
        check_reader(context.tokens, authorization)
    except Unauthorized:
        page = locked_page(root, chosen)
    else:
        page = await page_of(context, root, chosen, model)
    # What was gathered no longer changes; making text of it takes milliseconds, which the loop
    # has for others.
    text = await asyncio.to_thread(render, page)
    return Response(text, media_type="text/html", headers=_PAGE)


@router.get("/console/assets/{name}")
async def asset(name: str, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """Return one of the page's files; 304 where the browser has it already."""
    found = assets().get(name)
    if found is None:
        raise RouteNotFound("there is no such route; see /docs")
    headers = {**_SAFE, "cache-control": "no-cache", "etag": found.etag}
    if if_none_match is not None and _names(if_none_match, found.etag):
        return Response(status_code=304, headers=headers)
    return Response(found.content, headers={**headers, "content-type": found.media_type})


def _names(if_none_match: str, etag: str) -> bool:
    """Tell whether the header names the tag; a proxy may have made it a weak one (RFC 9110)."""
    given = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return etag in given or "*" in given
