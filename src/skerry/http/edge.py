"""The outermost ASGI layer: request ids, header limits, the last resort for errors, the log line.

Pure ASGI. What a route learns about its request it leaves in the record.
"""

from __future__ import annotations

import random
import re
import time
import traceback
from collections.abc import Iterable

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skerry.core.errors import HeadersTooLarge, SkerryError
from skerry.http.context import SCOPE_KEY, RequestRecord, ServerContext
from skerry.http.errors import CLIENT_GONE, internal_error, problem
from skerry.http.lean_route import LeanAnswer, LeanRoutes
from skerry.http.request_ids import new_request_id

MAX_HEADER_BYTES = 32 * 1024
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
QUIET_ROUTES = frozenset({"/livez", "/readyz", "/startupz", "/metrics"})
_WARNED = frozenset({429, 503, 504})
_JSON = (b"content-type", b"application/json")
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
        record = RequestRecord(_request_id(headers), time.perf_counter(), scope["method"])
        scope[SCOPE_KEY] = record

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message["headers"] = self._finish_headers(message["headers"], record)
            await send(message)

        try:
            _check_size(scope, headers)
            lean = self._lean_routes.find(scope)
            if lean is None:
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
            fields = {"request_id": record.request_id, "traceback": text}
            self._context.log.emit("error", "exception", fields)
            await _answer(internal_error(), record, send_with_id)
        finally:
            self._log(scope, record)

    async def _send(self, answer: LeanAnswer, record: RequestRecord, send: Send) -> None:
        record.status = 200
        headers = [
            (b"content-length", b"%d" % len(answer.body)),
            _JSON,
            *answer.headers,
            (b"x-request-id", record.request_id.encode()),
        ]
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

    def _log(self, scope: Scope, record: RequestRecord) -> None:
        status = record.status or CLIENT_GONE
        route = record.route or getattr(scope.get("route"), "path", None)
        sample = self._context.log_sample
        if status < 400 and sample < 1 and random.random() >= sample:  # noqa: S311 - no secret
            return
        fields = {
            "request_id": record.request_id,
            "trace_id": None,
            "span_id": None,
            "method": record.method,
            "route": route,
            "status": status,
            "duration_ms": round((time.perf_counter() - record.started_s) * 1000, 3),
            "model": record.model,
            "version": record.version,
            "track": record.track,
            "rows": record.rows,
            "error": record.error,
        }
        self._context.log.emit(_level(status, route), "request", fields)


def _level(status: int, route: str | None) -> str:
    if route in QUIET_ROUTES:
        return "debug"
    if status in _WARNED:
        return "warning"
    return "error" if status >= 500 else "info"


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return value.decode("ascii")
    return new_request_id()


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
    status, body, headers = problem(error, record)
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
