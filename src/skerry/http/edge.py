"""The outermost ASGI layer: request ids, header limits, the last resort for errors, the log line.

Pure ASGI. What a route learns about its request it leaves in the record.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skerry.core.errors import HeadersTooLarge, SkerryError
from skerry.http.context import (
    ARRIVED_KEY,
    SCOPE_KEY,
    UNIFORM_KEY,
    RequestRecord,
    ServerContext,
)
from skerry.http.errors import CLIENT_GONE, internal_error, is_v2, problem_lines
from skerry.http.header_fields import header_fields
from skerry.http.lean_route import LeanAnswer, LeanRoutes
from skerry.http.request_end import end_request
from skerry.http.request_ids import request_id_of
from skerry.http.request_spans import origin_of_scope

MAX_HEADER_BYTES = 32 * 1024
_CLOSE = (b"connection", b"close")


class Edge:
    """Wraps the application, and goes past its stack where a lean route answers."""

    def __init__(self, app: ASGIApp, lean_routes: LeanRoutes, context: ServerContext) -> None:
        self._app = app
        self._lean_routes = lean_routes
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or pass lifespan events on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        uniform, fields = scope.get(UNIFORM_KEY), header_fields(headers)
        record = RequestRecord(
            request_id_of(fields),
            scope.get(ARRIVED_KEY) or time.perf_counter(),
            scope["method"],
            self._context.draw() if uniform is None else uniform,
            is_v2=is_v2(self._lean_routes.bare(scope["path"])),
        )
        scope[SCOPE_KEY] = record
        tracing = self._context.tracing
        if tracing is not None:
            record.trace = tracing.begin(fields)
            if record.trace.is_sampled:
                record.origin = origin_of_scope(scope, fields)
        self._context.metrics.in_flight += 1

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message["headers"] = self._finish_headers(message["headers"], record)
            await send(message)

        try:
            _check_size(scope, headers)
            lean = self._lean_routes.find(scope["method"], scope["path"])
            if lean is None:
                record.trace = record.origin = None  # The instrumentation in there sees to it.
                await self._app(scope, receive, send_with_id)
                return
            route, path_params = lean
            record.route = route.path
            scope["app"] = self._app
            answer = await route.answer(Request(scope, receive), path_params)
            await self._send(answer, record, send)
        except ClientDisconnect:
            record.status = record.status or CLIENT_GONE
        except SkerryError as error:
            await _answer(error, record, send_with_id)
        except Exception as error:  # noqa: BLE001 - the last resort
            text = "".join(traceback.format_exception(error))
            told = {"request_id": record.request_id, "traceback": text}
            self._context.log.emit("error", "exception", told)
            await _answer(internal_error(), record, send_with_id)
        finally:
            record.route = record.route or getattr(scope.get("route"), "path", None)
            self._context.metrics.in_flight -= 1
            end_request(self._context, record)

    async def _send(self, answer: LeanAnswer, record: RequestRecord, send: Send) -> None:
        record.status = 200
        headers = answer.lines(record.request_id)
        if self._context.life.draining:
            headers.append(_CLOSE)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def _finish_headers(
        self, headers: Iterable[tuple[bytes, bytes]], record: RequestRecord
    ) -> list[tuple[bytes, bytes]]:
        finished = [*headers, (b"x-request-id", record.request_id.encode())]
        if self._context.life.draining:
            # Keep-alive clients must come back by a new connection, to another process.
            finished.append(_CLOSE)
        return finished


def _check_size(scope: Scope, headers: Iterable[tuple[bytes, bytes]]) -> None:
    size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    size += sum(len(name) + len(value) + 4 for name, value in headers)
    if size > MAX_HEADER_BYTES:
        raise HeadersTooLarge(
            f"request line and headers: expected at most {MAX_HEADER_BYTES} bytes, got {size}"
        )


async def _answer(error: SkerryError, record: RequestRecord, send: Send) -> None:
    if record.status:
        return  # The answer has begun: nothing sensible can follow it.
    status, body, lines = problem_lines(error, record)
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
