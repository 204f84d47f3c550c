"""Predictions that are answered where the parser found the request, with no task and no waiting.

That takes a model that is quick, and a request that came whole and has nothing unusual about it.
Everything else is declined, errors too, and goes the ordinary way from its beginning.
"""

from __future__ import annotations

import time

from skerry.core.errors import SkerryError
from skerry.http.context import RequestRecord, ServerContext
from skerry.http.header_fields import Fields, header_fields
from skerry.http.lean_route import LeanRoutes
from skerry.http.prediction import answer, predict_now, resolve
from skerry.http.question import question
from skerry.http.request_ids import request_id_of
from skerry.http.request_log import log_request

_UNUSUAL = (b"content-encoding", b"expect", b"connection", b"upgrade")
_JSON = b"application/json"


class ImmediateAnswers:
    """Answers what it can at once. For the event loop's thread."""

    def __init__(self, lean_routes: LeanRoutes, context: ServerContext) -> None:
        self._lean_routes = lean_routes
        self._context = context

    def takes(self, target: bytes) -> bool:
        """Tell whether a request target may be answered at once: no query, nothing escaped."""
        return b"/predict" in target and b"?" not in target and b"%" not in target

    def answer(
        self, target: bytes, lines: list[tuple[bytes, bytes]], body: bytes
    ) -> list[bytes] | None:
        """Return the headers and body of the response to a POST, or None to decline.

        target: path in ASCII. lines: header names in lower case, and values.
        """
        context = self._context
        fields = header_fields(lines)
        if context.life.draining or not _is_usual(fields):
            return None
        found = self._lean_routes.find("POST", target.decode("latin-1"))
        if found is None:
            return None
        route, path_params = found
        record = RequestRecord(request_id_of(fields), time.perf_counter(), "POST", route.path)
        try:
            asked = question(
                context,
                fields,
                batch=route.path.endswith("/batch"),
                model=path_params.get("model"),
                version=path_params.get("version"),
            )
            resolved = resolve(context, record, asked, body)
            predictions = predict_now(context, record, resolved)
        except SkerryError:
            return None
        if predictions is None:
            return None
        answered = answer(asked, resolved, predictions)
        record.status = 200
        log_request(context, record)
        parts: list[bytes] = []
        for name, value in answered.lines(record.request_id):
            parts += (name, b": ", value, b"\r\n")
        parts += (b"\r\n", answered.body)
        return parts


def _is_usual(fields: Fields) -> bool:
    if fields.get(b"content-type", _JSON) != _JSON:
        return False
    return not any(name in fields for name in _UNUSUAL)
