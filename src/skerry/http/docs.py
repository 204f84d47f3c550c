"""``/docs``: Swagger UI from files of a package, so that it works without the internet."""

from __future__ import annotations

import functools
from importlib import resources

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html

from skerry.core.errors import RouteNotFound

router = APIRouter(include_in_schema=False)
_PACKAGE = "fastapi_swagger.resources"
_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Return the page."""
    base = request.scope.get("root_path", "")
    return get_swagger_ui_html(
        openapi_url=f"{base}/openapi.json",
        title="Skerry",
        swagger_js_url=f"{base}/docs/assets/swagger-ui-bundle.js",
        swagger_css_url=f"{base}/docs/assets/swagger-ui.css",
        swagger_favicon_url=f"{base}/docs/assets/favicon-32x32.png",
    )


@router.get("/docs/assets/{name}")
def asset(name: str) -> Response:
    """Return one of the page's files."""
    if name not in _ASSETS:
        raise RouteNotFound("there is no such route; see /docs")
    headers = {"cache-control": "public, max-age=86400"}
    return Response(_read(name), media_type=_ASSETS[name], headers=headers)


@functools.cache
def _read(name: str) -> bytes:
    return resources.files(_PACKAGE).joinpath(name).read_bytes()
