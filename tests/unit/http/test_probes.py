"""URLs of probes: whole ones, whatever the host is called and whatever a proxy leaves in place."""

from __future__ import annotations

import re

import pytest

from skerry.http.probes import probe_urls


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/livez",
        "https://models.example/metrics",
        "http://x/v2/health/ready",
        "http://x/v2/models/iris/ready",
        "http://x/v2/models/iris/versions/v1.2/ready",
        "http://x/base/readyz",
    ],
)
def test_is_a_probe(url: str) -> None:
    assert re.search(probe_urls("/base"), url)


@pytest.mark.parametrize(
    "url",
    [
        "http://livez/api/v1/models",
        "http://x/api/v1/health-models",
        "http://x/api/v1/models/livez",
        "http://x/api/v1/models/metrics/versions/metrics",
        "http://x/livez/more",
        "http://x/health",
        "http://x/v2/models/a/b/ready",
        "http://x/other/readyz",
        "http://x/livezz",
        "http://x/metrics\n/api",
    ],
)
def test_is_none(url: str) -> None:
    assert not re.search(probe_urls("/base"), url)
