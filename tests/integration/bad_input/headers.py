"""Headers, paths, methods and tokens that are wrong, before any body is looked at."""

from __future__ import annotations

from tests.integration.bad_input.request import (
    ADMIN,
    API,
    BATCH_PATH,
    JSON,
    PREDICT,
    ROW,
    TRAFFIC,
    Bad,
    Header,
)

_CONTENT_TYPES = {
    "text": "text/plain",
    "form": "application/x-www-form-urlencoded",
    "multipart": "multipart/form-data; boundary=x",
    "xml": "application/xml",
    "octets": "application/octet-stream",
    "text-json": "text/json",
    "prefix": "application/jsonx",
    "suffix-only": "+json",
    "image-json": "image/svg+json",
    "several": "application/json, text/plain",
    "empty": "",
    "separator": ";",
    "charset-only": "charset=utf-8",
    "not-latin": "applicatiön/json",
    "long": "a" * 5000 + "/json",
}
_ENCODINGS = {
    "br": "br",
    "zstd": "zstd",
    "compress": "compress",
    "two": "gzip, deflate",
    "twice": "gzip, gzip",
    "quality": "gzip;q=1",
    "star": "*",
    "long": "g" * 5000,
}
_VERSIONS = {
    "empty": "",
    "space": "v 1",
    "path": "../v1",
    "slash": "v1/x",
    "leading-dot": ".v1",
    "list": "v1, v2",
    "long": "v" * 64,
    "star": "*",
    "not-ascii": "vé",
}
_TIMEOUTS = ("0", "-1", "nan", "inf", "-inf", "1e999", "soon", "", "1,5", "0x10", "1_0", "1 s", "१")


def _header(name: str, status: int, slug: str, *headers: Header, says: str = "") -> Bad:
    return Bad(name, status, slug, ROW, (JSON, *headers), says=says)


def _latin(text: str) -> str:
    """Return the text as a client that sends UTF-8 in headers makes it look."""
    return text.encode().decode("latin-1")


HEADERS = (
    *(
        Bad(f"content-type-{name}", 415, "unsupported-media-type", ROW, (("Content-Type", value),))
        for name, value in _CONTENT_TYPES.items()
    ),
    _header("content-type-twice", 415, "unsupported-media-type", ("Content-Type", "text/plain")),
    *(
        _header(
            f"content-encoding-{name}", 415, "unsupported-media-type", ("Content-Encoding", value)
        )
        for name, value in _ENCODINGS.items()
    ),
    _header(
        "content-encoding-in-two-lines",
        415,
        "unsupported-media-type",
        ("Content-Encoding", "gzip"),
        ("Content-Encoding", "gzip"),
    ),
    *(
        _header(f"version-{name}", 400, "bad-header", ("X-Model-Version", value))
        for name, value in _VERSIONS.items()
    ),
    _header(
        "version-in-two-lines",
        400,
        "bad-header",
        ("X-Model-Version", "v1"),
        ("X-Model-Version", "v2"),
    ),
    _header("version-unknown", 404, "version-not-found", ("X-Model-Version", "v77"), says="v77"),
    Bad(
        "version-conflict",
        400,
        "conflicting-version",
        ROW,
        (JSON, ("X-Model-Version", "v2")),
        path="/api/v1/models/iris/versions/v1/predict",
        says="v1",
    ),
    *(
        _header(
            f"timeout-{value or 'empty'}",
            400,
            "bad-header",
            ("X-Request-Timeout-Seconds", _latin(value)),
        )
        for value in _TIMEOUTS
    ),
    Bad("request-id-long", 400, "malformed-json", b"", (JSON, ("X-Request-ID", "a" * 129))),
    Bad("request-id-empty", 400, "malformed-json", b"", (JSON, ("X-Request-ID", ""))),
    Bad("request-id-spaces", 400, "malformed-json", b"", (JSON, ("X-Request-ID", "a b"))),
    Bad("request-id-markup", 400, "malformed-json", b"", (JSON, ("X-Request-ID", "<b>"))),
    Bad("request-id-not-ascii", 400, "malformed-json", b"", (JSON, ("X-Request-ID", "é"))),
    Bad("request-id-sane", 400, "malformed-json", b"", (JSON, ("X-Request-ID", "abc.1_2-3"))),
    Bad(
        "charset-utf-16",
        400,
        "malformed-json",
        ROW.decode().encode("utf-16"),
        (("Content-Type", "application/json; charset=utf-16"),),
    ),
    Bad("header-of-40-kib", 431, "headers-too-large", ROW, (JSON, ("X-Long", "a" * 40_000))),
    Bad(
        "2000-headers",
        431,
        "headers-too-large",
        ROW,
        (JSON, *((f"X-{i}", "some value") for i in range(2000))),
    ),
    Bad(
        "1000-headers-of-one-name",
        431,
        "headers-too-large",
        ROW,
        (JSON, *(("Cookie", "some value of a long cookie") for _ in range(1000))),
    ),
    Bad("path-of-40-kib", 431, "headers-too-large", ROW, path="/" + "a" * 40_000),
    Bad("query-of-40-kib", 431, "headers-too-large", ROW, path=f"{PREDICT}?a={'b' * 40_000}"),
    Bad(
        "model-name-of-40-kib",
        431,
        "headers-too-large",
        ROW,
        path=f"/api/v1/models/{'m' * 40_000}/predict",
    ),
    Bad(
        "token-of-40-kib",
        431,
        "headers-too-large",
        ROW,
        (JSON, ("Authorization", "Bearer " + "a" * 40_000)),
    ),
)

_NO_MODEL = {
    "unknown": "rose",
    "other-case": "Iris",
    "dots": "..",
    "nul": "iris%00",
    "newline": "iris%0d%0aX-A:%20b",
    "not-utf-8": "%ff%fe",
    "unicode": "%E2%80%AEiris",
    "percent": "iris%25",
    "bad-escape": "iris%zz",
    "long": "m" * 20_000,
    "markup": "%3Cscript%3E",
    "template": "%7Bmodel%7D",
    "lost": "lost+found",
}
_NO_ROUTE = {
    "unknown": "/api/v1/nothing",
    "root": "/api",
    "trailing-slash": "/api/v1/predict/",
    "double-slash": "//api/v1/predict",
    "double-slash-within": "/api/v1//predict",
    "other-case": "/API/v1/predict",
    "other-version": "/api/v2/predict",
    "dots": "/api/v1/models/../predict/x",
    "encoded-dots": "/api/v1/%2e%2e/%2e%2e/etc/passwd",
    "encoded-slash": "/api/v1/models/..%2firis/predict",
    "backslash": "/api/v1\\predict",
    "semicolon": "/api/v1/predict;a=b",
    "no-model": "/api/v1/models//predict",
    "unicode": "/%E2%98%83",
    "not-utf-8": "/%ff",
    "nul": "/api/v1/predict%00",
    "asset": "/docs/assets/..%2f..%2fpyproject.toml",
    "php": "/index.php?a=b",
    "dotfile": "/.env",
}
_WRONG_METHODS = (
    ("GET", PREDICT),
    ("PUT", PREDICT),
    ("DELETE", PREDICT),
    ("PATCH", BATCH_PATH),
    ("OPTIONS", PREDICT),
    ("TRACE", PREDICT),
    ("PROPFIND", PREDICT),
    ("POST", "/livez"),
    ("POST", TRAFFIC),
    ("DELETE", TRAFFIC),
    ("POST", "/api/v1/models"),
    ("DELETE", "/api/v1/models/iris"),
    ("PUT", "/api/v1/models/iris/versions/v1"),
    ("GET", "/api/v1/models/iris/rollback"),
    ("GET", "/api/v1/models/iris/versions/v1/activate"),
    ("POST", "/openapi.json"),
)

PLACES = (
    *(
        Bad(f"model-{name}", 404, "model-not-found", ROW, path=f"/api/v1/models/{model}/predict")
        for name, model in _NO_MODEL.items()
    ),
    Bad("model-unknown-get", 404, "model-not-found", method="GET", path="/api/v1/models/rose"),
    Bad(
        "version-unknown-in-path",
        404,
        "version-not-found",
        ROW,
        path="/api/v1/models/iris/versions/v77/predict",
        says="v77",
    ),
    Bad(
        "version-no-name-in-path",
        404,
        "version-not-found",
        ROW,
        path="/api/v1/models/iris/versions/%2e%2e/predict",
    ),
    Bad(
        "version-unknown-get",
        404,
        "version-not-found",
        method="GET",
        path="/api/v1/models/iris/versions/v77",
    ),
    *(
        Bad(f"route-{name}", 404, "route-not-found", ROW, path=path)
        for name, path in _NO_ROUTE.items()
    ),
    Bad("asset-unknown", 404, "route-not-found", method="GET", path="/docs/assets/passwd"),
    *(
        Bad(f"method-{method}-{path}", 405, "method-not-allowed", method=method, path=path)
        for method, path in _WRONG_METHODS
    ),
)

_WRONG_TOKENS = {
    "none": (),
    "wrong": (("Authorization", "Bearer wrong"),),
    "empty": (("Authorization", ""),),
    "no-token": (("Authorization", "Bearer "),),
    "no-scheme": (("Authorization", API[1].removeprefix("Bearer ")),),
    "basic": (("Authorization", "Basic YXBpOnNlY3JldA=="),),
    "cut-off": (("Authorization", API[1][:-1]),),
    "longer": (("Authorization", API[1] + "x"),),
    "other-case": (("Authorization", API[1].upper()),),
    "not-ascii": (("Authorization", "Bearer sécret"),),
    "nul-like": (("Authorization", API[1] + "%00"),),
    "other-header": (("X-API-Key", API[1]),),
    "first-line-wrong": (("Authorization", "Bearer wrong"), API),
}
_MUTATIONS = (
    ("put", "PUT", TRAFFIC, b'{"stable": "v1"}'),
    ("activate", "POST", "/api/v1/models/iris/versions/v1/activate", b""),
    ("rollback", "POST", "/api/v1/models/iris/rollback", b""),
)

TOKENS = (
    *(
        Bad(f"token-{name}", 401, "unauthorized", ROW, (JSON, *headers), guarded=True)
        for name, headers in _WRONG_TOKENS.items()
    ),
    Bad("token-in-query", 401, "unauthorized", ROW, path=f"{PREDICT}?token=a", guarded=True),
    *(
        Bad(f"token-none-get-{path}", 401, "unauthorized", method="GET", path=path, guarded=True)
        for path in ("/api/v1/models", "/api/v1/models/iris", TRAFFIC)
    ),
    Bad(
        "token-before-model",
        401,
        "unauthorized",
        ROW,
        path="/api/v1/models/rose/predict",
        guarded=True,
    ),
    Bad("token-before-body", 401, "unauthorized", b"{", guarded=True),
    *(
        Bad(f"{name}-without-token", 401, "unauthorized", body, (JSON,), method, path)
        for name, method, path, body in _MUTATIONS
    ),
    *(
        Bad(
            f"{name}-with-wrong-token",
            401,
            "unauthorized",
            body,
            (JSON, ("Authorization", "Bearer wrong")),
            method,
            path,
        )
        for name, method, path, body in _MUTATIONS
    ),
    *(
        Bad(
            f"{name}-with-api-token",
            403,
            "mutations-disabled",
            body,
            (JSON, API),
            method,
            path,
            guarded=True,
        )
        for name, method, path, body in _MUTATIONS
    ),
    *(
        Bad(
            f"{name}-of-read-only-store",
            409,
            "store-read-only",
            body,
            (JSON, ADMIN),
            method,
            path,
            guarded=True,
        )
        for name, method, path, body in _MUTATIONS[:2]
    ),
)
