"""Predictions that are answered where the parser found the request, with no task and no waiting.

That takes a model that is quick, and a request that came whole and has nothing unusual about it.
Everything else is declined, errors too, and goes the ordinary way from its beginning.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import lru_cache

from skerry.core.errors import QueueFull
from skerry.http.context import RequestRecord, ServerContext
from skerry.http.dialects import dialect_of
from skerry.http.errors import is_v2, problem_lines
from skerry.http.header_fields import Fields, header_fields
from skerry.http.lean_route import LeanRoute, LeanRoutes
from skerry.http.prediction import answer, ask_now, choose, decode, mirror
from skerry.http.question import question
from skerry.http.request_end import end_request
from skerry.http.request_ids import request_id_of
from skerry.http.request_spans import Connection, origin_of_connection

_UNUSUAL = (b"content-encoding", b"expect", b"connection", b"upgrade")
_KNOWN_TARGETS = 1024
_JSON = b"application/json"
_OK = b"HTTP/1.1 200 OK\r\n"
_HEAD = b"content-length: %d\r\ncontent-type: %b\r\n%bx-request-id: %b\r\n\r\n"
_NO_TIME = "more is asked than can be answered; this could be, in a second or so"
_RETRY_AFTER_S = 1
_TOO_MANY = b"HTTP/1.1 429 Too Many Requests\r\n"


class ImmediateAnswers:
    """Answers what it can at once. For the event loop's thread."""

    def __init__(self, lean_routes: LeanRoutes, context: ServerContext) -> None:
        self._context = context

        @lru_cache(_KNOWN_TARGETS)
        def find(target: bytes) -> tuple[LeanRoute, dict[str, str]] | None:
            plain = target.isascii() and b"?" not in target and b"%" not in target
            return lean_routes.find("POST", target.decode()) if plain else None

        self._find = find

    def takes(self, target: bytes) -> bool:
        """Tell whether a request target may be answered at once: a route's path, nothing more."""
        return self._find(target) is not None

    def draw(self) -> float:
        """Return the number that decides between versions, for one request."""
        return self._context.draw()

    def answer(
        self,
        target: bytes,
        lines: list[tuple[bytes, bytes]],
        body: bytes,
        uniform: float,
        connection: Connection,
        arrived_s: float | None = None,
    ) -> list[bytes] | None:
        """Return the lines and body of the response to a POST, or None to decline.

        target: path in ASCII. lines: header names in lower case, and values.
        uniform: drawn for this request. Where this declines, it must be dealt out by the same
            number again: another would halve the share of a version that is not quick.
        connection: that it came by.
        arrived_s: by ``time.perf_counter``, None for now.
        """
        context = self._context
        fields = header_fields(lines)
        if context.life.draining or not _is_usual(fields):
            return None
        if len(body) > context.limits.max_body_bytes:
            return None
        found = self._find(target)
        if found is None:
            return None
        route, path_params = found
        started_s = arrived_s or time.perf_counter()
        record = RequestRecord(request_id_of(fields), started_s, "POST", uniform, route.path)
        record.is_v2 = is_v2(route.path)
        try:
            asked = question(
                context,
                fields,
                dialect_of(route.path),
                model=path_params.get("model"),
                version=path_params.get("version"),
            )
            body = asked.lead + body
            chosen = choose(context, record, asked, body)
            if not chosen.slot.servable.info.plan.cheap_rows:
                return None
            resolved = decode(context, record, asked, chosen, body)
            predictions = ask_now(record, resolved)
            if predictions is None:
                return None
            record.predictions = predictions
            answered = answer(resolved, predictions)
        except QueueFull as error:
            self._trace(record, fields, connection, target)
            return self._refusal(record, error)
        except Exception:  # noqa: BLE001 - the ordinary way finds out again, and tells
            return None
        record.status = 200
        record.mirror = mirror(record, resolved, predictions)
        self._trace(record, fields, connection, target)
        end_request(context, record)
        length, block = len(answered.body), _known_block(answered.headers)
        head = _HEAD % (length, answered.content_type, block, record.request_id.encode())
        return [_OK, head, answered.body]

    def refuse(
        self, target: bytes, lines: list[tuple[bytes, bytes]], connection: Connection
    ) -> list[bytes] | None:
        """Return the response to a POST for which there is no time, or None to decline."""
        found = self._find(target)
        fields = header_fields(lines)
        if found is None or self._context.life.draining or not _is_usual(fields):
            return None
        route, path_params = found
        record = RequestRecord(request_id_of(fields), time.perf_counter(), "POST", 0.0, route.path)
        record.is_v2 = is_v2(route.path)
        record.model = path_params.get("model", self._context.default_model)
        self._trace(record, fields, connection, target)
        return self._refusal(record, QueueFull(_NO_TIME, retry_after_s=_RETRY_AFTER_S))

    def _trace(
        self, record: RequestRecord, fields: Fields, connection: Connection, target: bytes
    ) -> None:
        """Give the request its trace, now that it is sure to be answered here."""
        tracing = self._context.tracing
        if tracing is not None:
            record.trace = tracing.begin(fields)
            if record.trace.is_sampled:
                record.origin = origin_of_connection(connection, fields, target)

    def _refusal(self, record: RequestRecord, error: QueueFull) -> list[bytes]:
        """Refuse at once: under overload, saying no must not cost more than answering."""
        record.status, body, lines = problem_lines(error, record)
        end_request(self._context, record)
        lines.append((b"x-request-id", record.request_id.encode()))
        return [_TOO_MANY, _block(lines) + b"\r\n", body]


@lru_cache(_KNOWN_TARGETS)
def _known_block(lines: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return _block(lines)


def _block(lines: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%s: %s\r\n" % line for line in lines])


def _is_usual(fields: Fields) -> bool:
    if fields.get(b"content-type", _JSON) != _JSON:
        return False
    return not any(name in fields for name in _UNUSUAL)
