"""Routes that machines ask all the time: logged at level debug, and not traced."""

from __future__ import annotations

import re

PROBES = frozenset(
    {
        "/livez",
        "/readyz",
        "/startupz",
        "/metrics",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/{model}/ready",
        "/v2/models/{model}/versions/{version}/ready",
    }
)
"""Templates of the routes."""


def probe_urls(root_path: str) -> str:
    """Return a regular expression that finds whole URLs of probes, and no others.

    root_path: prefix that a proxy may leave in place.
    """
    paths = [re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) for path in sorted(PROBES)]
    return rf"^[a-z]+://[^/]*(?:{re.escape(root_path)})?(?:{'|'.join(paths)})$"
