"""A Skerry and a Prometheus of a few lines each, on free ports, for the commands that ask them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Reply = tuple[int, Any]
Respond = Callable[[str, str, Mapping[str, str], Any], Reply]


@contextmanager
def answering(respond: Respond) -> Iterator[str]:
    """Give the URL of a server that answers (method, path, headers, body) with status and JSON."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            value = json.loads(body) if body else None
            status, reply = respond(self.command, self.path, dict(self.headers), value)
            content = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def problem(status: int, slug: str, detail: str) -> Reply:
    return status, {"type": f"urn:skerry:error:{slug}", "status": status, "detail": detail}


def version_evidence(version: str, track: str, requests: int, **facts: Any) -> dict[str, Any]:
    latency_ms = {"p50": 0.4, "p90": 0.6, "p99": 1.2}
    own = {"version": version, "track": track, "requests": requests, "rows": requests}
    return {**own, "errors": 0, "latency_ms": latency_ms, "classes": {}, **facts}


COMPARISON = {
    "canary": "v2",
    "stable": "v1",
    "p50_ratio": 1.0,
    "p99_ratio": 1.1,
    "error_rate_difference": 0.0,
    "class_shift": {"1": -0.01, "2": 0.031},
    "max_class_shift": 0.031,
    "disagreement_rate": None,
}


@dataclass
class FakeSkerry:
    """One model ``iris``; what it is asked for is kept in ``asked``.

    meddle: called before each change, as another person who changes the policy first.
    """

    declared: dict[str, Any] | None = field(
        default_factory=lambda: {"stable": "v1", "canary": {"version": "v2", "weight": 10}}
    )
    states: dict[str, str] = field(default_factory=lambda: {"v1": "READY", "v2": "READY"})
    generation: int = 1
    writable: bool = True
    differences: list[dict[str, Any]] = field(default_factory=list)
    previous: dict[str, Any] | None = None
    is_default: bool = True
    evidence: dict[str, Any] = field(
        default_factory=lambda: {
            "versions": [
                version_evidence("v1", "stable", 10_800, classes={"0": 60, "1": 40}),
                version_evidence("v2", "canary", 1204, classes={"0": 61, "1": 39}),
            ],
            "comparison": dict(COMPARISON),
        }
    )
    shadow: dict[str, Any] | None = None
    meddle: Callable[[], None] = lambda: None
    is_away: bool = False
    asked: list[tuple[str, str, str | None, Any]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)

    def serving(self) -> Any:
        return answering(self.respond)

    def bump(self) -> None:
        self.generation += 1

    def respond(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Reply:
        if_match = headers.get("If-Match")
        self.asked.append((method, path, if_match, body))
        self.tokens.add(headers.get("Authorization"))
        if self.is_away:
            return 502, "no upstream"
        if method == "GET":
            return self._read(path)
        self.meddle()
        if if_match is not None and if_match != f'"generation-{self.generation}"':
            return problem(412, "generation-changed", "somebody else changed the policy")
        if not self.writable:
            return problem(409, "store-read-only", "change it where it comes from: helm upgrade")
        self._change(path, body)
        self.bump()
        return 200, self.view()

    def view(self) -> dict[str, Any]:
        ready = max((v for v, state in self.states.items() if state == "READY"), default=None)
        in_force = self.declared or (None if ready is None else {"stable": ready})
        return {
            "model": "iris",
            "generation": f"generation-{self.generation}",
            "store": "file",
            "writable": self.writable,
            "declared": self.declared,
            "in_force": in_force,
            "differences": self.differences,
            "previous": self.previous,
        }

    def _read(self, path: str) -> Reply:
        parts = urlsplit(path)
        versions = [{"version": v, "state": s} for v, s in self.states.items()]
        model = {"name": "iris", "default": self.is_default, "versions": versions}
        generation = f"generation-{self.generation}"
        window_s = int(parse_qs(parts.query).get("window_s", ["0"])[0])
        seen = {"model": "iris", "scope": "process", "window_s": window_s, **self.evidence}
        replies = {
            "/api/v1/models": {"models": [model]},
            "/api/v1/models/iris": model,
            "/api/v1/models/iris/traffic": self.view(),
            "/api/v1/models/iris/evidence": {"generation": generation, **seen},
            "/api/v1/models/iris/shadow": self.shadow,
        }
        if parts.path not in replies:
            return problem(404, "model-not-found", f"no {parts.path}")
        return 200, replies[parts.path]

    def _change(self, path: str, body: Any) -> None:
        before = self.view()["in_force"]
        if path.endswith("/traffic"):
            self.declared = body
        elif path.endswith("/rollback"):
            self.declared = self.previous
        else:
            self.declared = {"stable": path.split("/")[-2]}
        self.previous = before


Vector = list[tuple[dict[str, str], float | str]]


@dataclass
class FakePrometheus:
    """Answers a query by the first key that it contains; what it is asked is kept in ``asked``."""

    vectors: dict[str, Vector]
    error: str | None = None
    asked: list[str] = field(default_factory=list)

    def serving(self) -> Any:
        return answering(self.respond)

    def respond(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Reply:
        del headers, body
        parts = urlsplit(path)
        if (method, parts.path) != ("GET", "/api/v1/query"):
            return 404, {}
        query = parse_qs(parts.query)["query"][0]
        self.asked.append(query)
        if self.error is not None:
            return 400, {"status": "error", "errorType": "bad_data", "error": self.error}
        found = next((v for key, v in self.vectors.items() if key in query), [])
        result = [{"metric": labels, "value": [1.0, str(value)]} for labels, value in found]
        return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}
