"""Routes that answer without the framework's stack, and yet are documented by it.

The stack costs more than a prediction: middleware, routing by trial, dependencies, exit stacks
and serialisation by model. The edge asks ``LeanRoutes`` first and calls the endpoint itself.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NamedTuple

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute


class LeanAnswer(NamedTuple):
    """What a lean route answers, with status 200.

    headers: as ASGI has them; content type and length are added on the way out.
    """

    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    content_type: bytes = b"application/json"

    def lines(self, request_id: str) -> list[tuple[bytes, bytes]]:
        """Return all headers of the answer."""
        return [
            (b"content-length", b"%d" % len(self.body)),
            (b"content-type", self.content_type),
            *self.headers,
            (b"x-request-id", request_id.encode()),
        ]


class LeanRoute(APIRoute):
    """A FastAPI route whose endpoint takes the request and path parameters, and nothing else.

    Validation and serialisation are the endpoint's own.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint, for a request that came through the framework after all."""

        async def handle(request: Request) -> Response:
            answer = await self.answer(request, request.path_params)
            response = Response(answer.body, media_type=answer.content_type.decode())
            response.raw_headers += answer.headers
            return response

        return handle

    async def answer(self, request: Request, path_params: dict[str, Any]) -> LeanAnswer:
        """Return the endpoint's answer; what it raises passes through."""
        answer: LeanAnswer = await self.endpoint(request, **path_params)
        return answer


class LeanRoutes:
    """Finds the lean route of a request, if it has one. Methods that none takes are not found."""

    def __init__(self, routes: Iterable[BaseRoute], root_path: str) -> None:
        lean = [route for route in routes if isinstance(route, LeanRoute)]
        self._root_path = root_path
        self._exact = {
            (method, route.path): route
            for route in lean
            if "{" not in route.path
            for method in route.methods or ()
        }
        self._others = [route for route in lean if "{" in route.path]

    def bare(self, path: str) -> str:
        """Return the path without the root path, with which some proxies pass it on."""
        if self._root_path and path.startswith(self._root_path + "/"):
            return path[len(self._root_path) :]
        return path

    def find(self, method: str, path: str) -> tuple[LeanRoute, dict[str, str]] | None:
        """Return the route and its path parameters."""
        path = self.bare(path)
        exact = self._exact.get((method, path))
        if exact is not None:
            return exact, {}
        for route in self._others:
            match = route.path_regex.match(path)
            if match is not None and method in (route.methods or ()):
                return route, match.groupdict()
        return None
