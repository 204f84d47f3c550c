"""Which dialect a prediction route speaks."""

from __future__ import annotations

from skerry.http.dialect import NATIVE_BATCH, NATIVE_ROW, Dialect
from skerry.http.dialect_v2 import OPEN_INFERENCE


def dialect_of(route: str) -> Dialect:
    """Return the dialect of a prediction route's template."""
    if route.endswith("/infer"):
        return OPEN_INFERENCE
    return NATIVE_BATCH if route.endswith("/batch") else NATIVE_ROW
