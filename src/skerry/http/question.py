"""What a prediction request asks by its path and headers, checked before its body is looked at."""

from __future__ import annotations

import math
from typing import NamedTuple

from skerry.core.errors import BadHeader, ConflictingVersion
from skerry.core.names import is_name
from skerry.http.auth import check_reader
from skerry.http.context import ServerContext
from skerry.http.dialect import Dialect
from skerry.http.header_fields import Fields, text_of


class Question(NamedTuple):
    """A prediction request without its rows.

    model: None for the default one. version: None where none is pinned.
    timeout_s: seconds that the caller, and the server, allow for all of it.
    fields: the headers, which may decide between versions.
    lead: what stands in front of the body.
    """

    dialect: Dialect
    model: str | None
    version: str | None
    timeout_s: float
    fields: Fields
    lead: bytes


def question(
    context: ServerContext,
    fields: Fields,
    dialect: Dialect,
    *,
    model: str | None,
    version: str | None,
) -> Question:
    """Return what is asked; model and version are the path's.

    Raises:
        Unauthorized: a token is needed.
        BadHeader, ConflictingVersion: as the names say.
    """
    if context.tokens.api is not None:
        check_reader(context.tokens, text_of(fields, b"authorization"))
    version = _pinned_version(version, text_of(fields, b"x-model-version"))
    timeout_s = timeout_of(fields, context.limits.request_timeout_s)
    return Question(dialect, model, version, timeout_s, fields, dialect.lead(fields))


def _pinned_version(in_path: str | None, in_header: str | None) -> str | None:
    if in_header is not None and not is_name(in_header):
        raise BadHeader(f"X-Model-Version: expected a version, got {in_header[:100]!r}")
    if in_path is not None and in_header is not None and in_path != in_header:
        raise ConflictingVersion(
            f"the path pins {in_path[:100]}, the header X-Model-Version {in_header}:"
            " send one of them"
        )
    return in_path or in_header


def timeout_of(fields: Fields, limit_s: float) -> float:
    """Return the seconds that the caller allows, at most those that the server does.

    Raises:
        BadHeader: what it sent is no number above 0.
    """
    header = text_of(fields, b"x-request-timeout-seconds")
    if header is None:
        return limit_s
    try:
        wanted_s = math.nan if "_" in header else float(header)
    except ValueError:
        wanted_s = math.nan
    if not (wanted_s > 0 and math.isfinite(wanted_s)):
        raise BadHeader(
            f"X-Request-Timeout-Seconds: expected a number above 0, got {header[:100]!r}"
        )
    return min(wanted_s, limit_s)
