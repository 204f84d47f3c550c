"""Domain errors to HTTP: the one table, RFC 9457 problem bodies, and the plain ones of ``/v2``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match

from skerry.core import errors
from skerry.core.errors import Mismatch, SkerryError
from skerry.http.context import RequestRecord, record_of

MEDIA_TYPE = "application/problem+json"
CLIENT_GONE = 499
"""Status in the log where the caller left before the answer (nginx's convention)."""
_EXPECTED = {
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
}
_MAX_MISMATCHES = 20
_MAX_DETAIL = 1000  # Characters: a detail quotes what came, such as a path of 30 KB.
_V2_STATUSES: Mapping[int, int] = {415: 400, 422: 400}
"""What the Open Inference Protocol has in place of a status: anything wrong in a request is 400."""
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """How one class of errors looks from outside."""

    status: int
    slug: str
    title: str


TABLE: dict[type[SkerryError], ErrorKind] = {
    errors.MalformedJson: ErrorKind(400, "malformed-json", "Malformed JSON"),
    errors.WrongFeatureCount: ErrorKind(400, "wrong-feature-count", "Wrong feature count"),
    errors.RaggedBatch: ErrorKind(400, "ragged-batch", "Rows differ in length"),
    errors.EmptyBatch: ErrorKind(400, "empty-batch", "Empty batch"),
    errors.BatchTooLarge: ErrorKind(400, "batch-too-large", "Batch too large"),
    errors.NonFiniteValue: ErrorKind(400, "non-finite-value", "Not a finite number"),
    errors.ValueOutOfRange: ErrorKind(400, "value-out-of-range", "Value out of range"),
    errors.UnknownFeature: ErrorKind(400, "unknown-feature", "Unknown feature"),
    errors.MissingFeature: ErrorKind(400, "missing-feature", "Missing feature"),
    errors.UnknownCategory: ErrorKind(400, "unknown-category", "Unknown category"),
    errors.ConflictingVersion: ErrorKind(400, "conflicting-version", "Conflicting versions"),
    errors.BadHeader: ErrorKind(400, "bad-header", "Bad header"),
    errors.BadEncoding: ErrorKind(400, "bad-encoding", "Bad content encoding"),
    errors.Unauthorized: ErrorKind(401, "unauthorized", "Unauthorized"),
    errors.MutationsDisabled: ErrorKind(403, "mutations-disabled", "Mutations are not allowed"),
    errors.ModelNotFound: ErrorKind(404, "model-not-found", "Model not found"),
    errors.VersionNotFound: ErrorKind(404, "version-not-found", "Version not found"),
    errors.RouteNotFound: ErrorKind(404, "route-not-found", "Route not found"),
    errors.MethodNotAllowed: ErrorKind(405, "method-not-allowed", "Method not allowed"),
    errors.BodyTimeout: ErrorKind(408, "body-timeout", "The body did not arrive in time"),
    errors.StoreReadOnly: ErrorKind(409, "store-read-only", "The traffic store is read-only"),
    errors.VersionNotReady: ErrorKind(409, "version-not-ready", "Version not ready"),
    errors.NothingToRollBack: ErrorKind(409, "nothing-to-roll-back", "Nothing to roll back"),
    errors.GenerationChanged: ErrorKind(412, "generation-changed", "The policy has changed"),
    errors.BodyTooLarge: ErrorKind(413, "body-too-large", "Body too large"),
    errors.UnsupportedMediaType: ErrorKind(415, "unsupported-media-type", "Unsupported media type"),
    errors.InvalidBody: ErrorKind(422, "invalid-body", "Invalid body"),
    errors.InvalidPolicy: ErrorKind(422, "invalid-policy", "Invalid traffic policy"),
    errors.QueueFull: ErrorKind(429, "queue-full", "Too many rows are waiting"),
    errors.HeadersTooLarge: ErrorKind(431, "headers-too-large", "Headers too large"),
    errors.ModelError: ErrorKind(500, "model-error", "The model failed"),
    errors.InternalError: ErrorKind(500, "internal", "Internal error"),
    errors.ModelNotReady: ErrorKind(503, "model-not-ready", "Model not ready"),
    errors.DeadlineExceeded: ErrorKind(504, "deadline-exceeded", "Deadline exceeded"),
}


def is_v2(path: str) -> bool:
    """Tell whether a path is one of the Open Inference Protocol's."""
    return path.startswith("/v2/") or path == "/v2"


def kind_of(error: SkerryError) -> ErrorKind:
    """Return how the error looks from outside: its class's entry, or that of the nearest parent."""
    for cls in type(error).__mro__:
        kind = TABLE.get(cls)
        if kind is not None:
            return kind
    return TABLE[errors.InternalError]


def problem(error: SkerryError, record: RequestRecord) -> tuple[int, bytes, dict[str, str]]:
    """Return status, body and headers of the error's answer, and note it in the record.

    Below ``/v2`` the body is the Open Inference Protocol's: ``{"error": …}`` and nothing else.
    """
    kind = kind_of(error)
    record.error = kind.slug
    if record.is_v2:
        status = _V2_STATUSES.get(kind.status, kind.status)
        body: dict[str, Any] = {"error": error.detail[:_MAX_DETAIL]}
        headers = {"content-type": "application/json"}
    else:
        status, body = kind.status, _problem_body(kind, error, record)
        headers = {"content-type": MEDIA_TYPE}
    if record.version is not None and record.track is not None:
        headers["x-model-version"] = record.version
        headers["x-model-track"] = record.track
        headers["x-traffic-generation"] = record.generation
    if error.retry_after_s is not None:
        headers["retry-after"] = str(error.retry_after_s)
    if kind.status == 401:
        headers["www-authenticate"] = "Bearer"
    if kind.status == 408:
        headers["connection"] = "close"  # The rest of that body would be read as a request.
    return status, _dump(body), headers


def _problem_body(kind: ErrorKind, error: SkerryError, record: RequestRecord) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": f"urn:skerry:error:{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": error.detail[:_MAX_DETAIL],
        "request_id": record.request_id,
    }
    if error.mismatches:
        body["errors"] = [
            {"loc": list(m.loc), "expected": m.expected, "got": m.got}
            for m in error.mismatches[:_MAX_MISMATCHES]
        ]
    return body


def problem_lines(
    error: SkerryError, record: RequestRecord
) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """Return what ``problem`` does, with headers as ASGI has them, and the body's length."""
    status, body, headers = problem(error, record)
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    return status, body, [*lines, (b"content-length", b"%d" % len(body))]


def install_error_handlers(app: FastAPI) -> None:
    """Make every error of the app's routes a problem."""

    async def on_skerry_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, SkerryError)  # noqa: S101 - the registration says so
        return problem_response(error, request)

    async def on_validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - the registration says so
        return problem_response(_from_validation(error), request)

    async def on_http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - the registration says so
        if error.status_code != 405:
            return problem_response(
                errors.RouteNotFound("there is no such route; see /docs"), request
            )
        allowed = _allowed_methods(app, request)
        response = problem_response(
            errors.MethodNotAllowed(f"{request.method} is not allowed here: expected {allowed}"),
            request,
        )
        response.headers["Allow"] = allowed
        return response

    async def on_disconnect(request: Request, error: Exception) -> Response:
        del request, error
        return Response(status_code=CLIENT_GONE)

    async def on_exception(request: Request, error: Exception) -> Response:
        del error
        return problem_response(internal_error(), request)

    app.add_exception_handler(SkerryError, on_skerry_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(ClientDisconnect, on_disconnect)
    app.add_exception_handler(Exception, on_exception)


def _allowed_methods(app: FastAPI, request: Request) -> str:
    """Return the methods of every route with the request's path; a 405 comes from one of them."""
    path = {key: request.scope[key] for key in ("type", "path", "root_path", "headers")}
    allowed = (
        method
        for method in _METHODS
        if any(r.matches({**path, "method": method})[0] is Match.FULL for r in app.router.routes)
    )
    return ", ".join(allowed)


def problem_response(error: SkerryError, request: Request) -> Response:
    """Return the error's answer as a response."""
    status, body, headers = problem(error, record_of(request.scope))
    return Response(body, status, headers)


def internal_error() -> errors.InternalError:
    """Return the error for a defect of ours; the log has the rest, by the request's id."""
    return errors.InternalError("something went wrong here; the server's log knows the request id")


def _from_validation(error: RequestValidationError) -> SkerryError:
    found = error.errors()
    mismatches = tuple(
        Mismatch(tuple(e["loc"]), _expected(e), repr(e.get("input"))[:100]) for e in found
    )
    first = found[0]
    if first["type"] == "json_invalid":
        return errors.MalformedJson(f"the body is not JSON: {first['ctx']['error']}")
    cls = errors.BadHeader if first["loc"][0] in ("header", "query") else errors.InvalidBody
    return cls(str(mismatches[0]), mismatches=mismatches)


def _expected(found: Mapping[str, Any]) -> str:
    """Return what was expected, as the rest of our sentences say it."""
    known = _EXPECTED.get(found["type"])
    return str(found["msg"]) if known is None else known.format(**found.get("ctx", {}))


def _dump(body: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # A detail that quotes a lone surrogate, which JSON may escape but not UTF-8.
        key = "detail" if "detail" in body else "error"
        body[key] = body[key].encode("ascii", "backslashreplace").decode()
        for entry in body.get("errors", ()):
            entry["loc"] = [
                str(part).encode("ascii", "backslashreplace").decode() for part in entry["loc"]
            ]
            entry["got"] = entry["got"].encode("ascii", "backslashreplace").decode()
            entry["expected"] = entry["expected"].encode("ascii", "backslashreplace").decode()
        return orjson.dumps(body)
