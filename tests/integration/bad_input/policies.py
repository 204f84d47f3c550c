"""Changes of traffic that are refused."""

from __future__ import annotations

import gzip
import json
from typing import Any

from tests.integration.bad_input.request import ADMIN, JSON, TRAFFIC, Bad, Header

_MALFORMED = {
    "empty": b"",
    "yaml": b"stable: v1",
    "cut-off": b'{"stable": "v1"',
    "byte-order-mark": b'\xef\xbb\xbf{"stable": "v1"}',
    "utf-16": '{"stable": "v1"}'.encode("utf-16"),
    "invalid-utf-8": b'{"stable": "\xff"}',
    "lone-surrogate": b'{"stable": "\\ud800"}',
    "nan": b'{"stable": NaN}',
    "1e400": b'{"stable": 1e400}',
    "10-to-the-400": b'{"stable": 1' + b"0" * 400 + b"}",
    "5000-digits": b'{"stable": ' + b"1" * 5000 + b"}",
    "2000-lists-deep": b'{"stable": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    "60000-lists-open": b"[" * 60_000,
}
_INVALID: dict[str, Any] = {
    "null": None,
    "list": [],
    "string": "v1",
    "true": True,
    "empty": {},
    "no-stable": {"versions": "all"},
    "stable-null": {"stable": None},
    "stable-number": {"stable": 1},
    "stable-list": {"stable": ["v1"]},
    "stable-object": {"stable": {"version": "v1"}},
    "stable-empty": {"stable": ""},
    "stable-path": {"stable": "../v1"},
    "stable-long": {"stable": "v" * 5000},
    "stable-control": {"stable": "v1\n"},
    "stable-unknown": {"stable": "v77"},
    "stable-deep": {"stable": json.loads("[" * 150 + "]" * 150)},
    "unknown-key": {"stable": "v1", "stabel": "v2"},
    "long-key": {"stable": "v1", "k" * 5000: 1},
    "many-keys": {"stable": "v1", **{f"k{i}": i for i in range(2000)}},
    "whole-document": {"schema_version": 1, "models": {"iris": {"stable": "v1"}}},
    "versions-number": {"stable": "v1", "versions": 1},
    "versions-empty": {"stable": "v1", "versions": ""},
    "versions-none": {"stable": "v1", "versions": []},
    "versions-unknown-word": {"stable": "v1", "versions": "newest"},
    "versions-latest-zero": {"stable": "v1", "versions": "latest:0"},
    "versions-latest-negative": {"stable": "v1", "versions": "latest:-1"},
    "versions-latest-5000-digits": {"stable": "v1", "versions": "latest:" + "9" * 5000},
    "versions-bad-names": {"stable": "v1", "versions": ["v1", "../v2"]},
    "versions-numbers": {"stable": "v1", "versions": [1, 2]},
    "versions-object": {"stable": "v1", "versions": {"v1": True}},
    "digests-list": {"stable": "v1", "digests": ["sha256:00"]},
    "digests-short": {"stable": "v1", "digests": {"v1": "sha256:00"}},
    "digests-other-hash": {"stable": "v1", "digests": {"v1": "md5:" + "0" * 32}},
    "digests-upper-case": {"stable": "v1", "digests": {"v1": "sha256:" + "A" * 64}},
    "digests-null": {"stable": "v1", "digests": {"v1": None}},
    "digests-bad-name": {"stable": "v1", "digests": {"../v1": "sha256:" + "0" * 64}},
    "canary-without-version": {"stable": "v1", "canary": {"weight": 10}},
    "canary-weight-nan": {"stable": "v1", "canary": {"version": "v2", "weight": "NaN"}},
}
_POLICY = b'{"stable": "v1"}'
_ACTIVATE = "/api/v1/models/iris/versions/{}/activate"


def _put(name: str, status: int, slug: str, body: bytes, *headers: Header) -> Bad:
    return Bad(f"policy-{name}", status, slug, body, (ADMIN, *(headers or (JSON,))), "PUT", TRAFFIC)


def _change(
    name: str, status: int, slug: str, path: str, *headers: Header, method: str = "POST"
) -> Bad:
    body = _POLICY if method == "PUT" else b""
    return Bad(name, status, slug, body, (ADMIN, JSON, *headers), method, path)


POLICIES = (
    *(_put(f"json-{name}", 400, "malformed-json", body) for name, body in _MALFORMED.items()),
    *(
        _put(name, 422, "invalid-policy", json.dumps(value).encode())
        for name, value in _INVALID.items()
    ),
    _put("of-100-kb", 413, "body-too-large", b'{"stable": "' + b"v" * 100_000 + b'"}'),
    _put("of-9-mb", 413, "body-too-large", b" " * 9_000_000),
    _put("as-text", 415, "unsupported-media-type", _POLICY, ("Content-Type", "text/yaml")),
    _put("as-yaml", 415, "unsupported-media-type", _POLICY, ("Content-Type", "application/yaml")),
    _put("in-br", 415, "unsupported-media-type", _POLICY, JSON, ("Content-Encoding", "br")),
    _put(
        "gzip-cut-off",
        400,
        "bad-encoding",
        gzip.compress(_POLICY)[:-3],
        JSON,
        ("Content-Encoding", "gzip"),
    ),
    *(
        _put(f"if-match-{name}", 412, "generation-changed", _POLICY, JSON, ("If-Match", value))
        for name, value in {
            "other": '"0123456789ab"',
            "empty": "",
            "quotes": '""',
            "weak": 'W/"x"',
            "long": "a" * 5000,
            "not-ascii": '"é"',
        }.items()
    ),
    _change(
        "put-unknown-model", 404, "model-not-found", "/api/v1/models/rose/traffic", method="PUT"
    ),
    _change(
        "activate-unknown-model", 404, "model-not-found", "/api/v1/models/rose/versions/v1/activate"
    ),
    _change("activate-unknown", 404, "version-not-found", _ACTIVATE.format("v77")),
    _change("activate-no-name", 404, "version-not-found", _ACTIVATE.format("%00")),
    _change("activate-failed", 409, "version-not-ready", _ACTIVATE.format("v9")),
    _change(
        "activate-if-match",
        412,
        "generation-changed",
        _ACTIVATE.format("v1"),
        ("If-Match", '"0123456789ab"'),
    ),
    _change("rollback-nothing", 409, "nothing-to-roll-back", "/api/v1/models/iris/rollback"),
    _change("rollback-unknown-model", 404, "model-not-found", "/api/v1/models/rose/rollback"),
    _change(
        "rollback-if-match",
        412,
        "generation-changed",
        "/api/v1/models/iris/rollback",
        ("If-Match", '"0123456789ab"'),
    ),
    _put("stable-failed", 409, "version-not-ready", b'{"stable": "v9"}'),
)
