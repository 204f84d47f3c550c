"""The log of a whole run: nothing of what callers sent is in it, and all of it has one form."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from skerry.http.errors import TABLE
from tests.integration.buyers import buyers_repository
from tests.integration.models import IRIS_ROW, iris_repository, plugin_env
from tests.integration.server import ADMIN, ADMIN_TOKEN, RunningServer, serve

SLUGS = {kind.slug for kind in TABLE.values()}
API_TOKEN = "hay-token"
NEEDLE = "needle"
"""In everything that callers make up; a number stands for it where only one will do."""
INCOME, AGE = 31415.9265, 13.0
SECRETS = (NEEDLE, "31415", API_TOKEN, ADMIN_TOKEN)
POLICY = {"stable": "v1", "shadow": {"version": "v2", "sample": 100}, "sticky": {"header": "X-Me"}}
PERSON = {"city": "needle-city", "income": INCOME, "age": AGE}
TEXT_LINE = re.compile(r"(\x1b\[\d+m)?\d\d:\d\d:\d\d (debug|info|warning|error) +(?P<event>\w+) .*")


def prediction(features: Any, **headers: str) -> tuple[str, str, Any, dict[str, str]]:
    return "POST", "/api/v1/predict", {"features": features}, headers


def requests() -> Iterator[tuple[str, str, Any, dict[str, str]]]:
    """Yield method, path, body and headers of requests, good and bad ones."""
    yield prediction(PERSON)
    yield prediction([*PERSON.values()])
    yield "POST", "/api/v1/predict/batch", {"features": [PERSON, PERSON]}, {}
    yield prediction(PERSON, **{"X-Model-Version": "v2"})  # It raises, and tells of the row.
    yield prediction({**PERSON, "needle-feature": 1})
    yield prediction({"needle-feature": INCOME})
    yield prediction({**PERSON, "income": "needle"})
    yield prediction({**PERSON, "age": 1e400})
    yield prediction([INCOME])
    yield prediction("needle")
    yield prediction(PERSON, **{"X-Model-Version": "needle-version"})
    yield prediction(PERSON, **{"X-Request-ID": "a needle is no id"})
    yield prediction(PERSON, **{"X-Request-Timeout-Seconds": "needle"})
    yield prediction(PERSON, **{"Content-Type": "text/needle"})
    yield prediction(PERSON, **{"Content-Encoding": "needle"})
    yield prediction(PERSON, Authorization="Bearer needle-token")
    yield prediction(PERSON, Authorization="needle")
    headers = ("User-Agent", "Cookie", "Accept", "X-Me", "Referer", "Forwarded", "tracestate")
    yield prediction(PERSON, **dict.fromkeys((*headers, "traceparent", "baggage"), "needle=1"))
    yield prediction(PERSON, **{"X-Large": "needle" * 6000})
    yield "POST", "/api/v1/predict", b'{"features": needle', {}
    yield "POST", "/api/v1/predict", b"needle \xff\xfe", {}
    yield "POST", "/api/v1/predict?needle=1", {"features": PERSON, "needle": 1}, {}
    yield "POST", "/api/v1/models/needle-model/predict", {"features": PERSON}, {}
    yield "POST", "/api/v1/models/buyers/versions/needle-version/predict", {"features": PERSON}, {}
    yield "GET", "/api/v1/models/needle-model?needle=1", None, {}
    yield "GET", "/api/v1/models/buyers/evidence?window_s=needle", None, {}
    yield "GET", "/needle/%6Eeedle?needle", None, {}
    yield "PROPFIND", "/api/v1/predict?needle", None, {}
    yield "GET", "/docs/assets/needle.js", None, {}
    traffic = "/api/v1/models/buyers/traffic"
    yield "PUT", traffic, {"stable": "needle-version"}, ADMIN
    yield "PUT", traffic, {"needle": "needle"}, ADMIN
    yield "PUT", traffic, POLICY, {"Authorization": "Bearer needle-token"}
    yield "PUT", traffic, POLICY, {**ADMIN, "If-Match": '"needle"'}
    yield "POST", "/api/v1/models/buyers/versions/needle/activate", None, ADMIN
    yield "POST", "/v2/models/buyers/infer", {"id": NEEDLE, "inputs": [{"name": NEEDLE}]}, {}
    yield "GET", "/v2/models/needle-model", None, {}
    yield "GET", "/metrics?needle=1", None, {}


def send_everything(server: RunningServer) -> set[int]:
    """Send all requests, and what is no request; return the statuses."""
    token = {"Authorization": f"Bearer {API_TOKEN}"}
    statuses = set()
    for method, path, body, headers in requests():
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **token, **headers}
        statuses.add(server.client.request(method, path, content=content, headers=sent).status_code)
    address = urlsplit(server.url)
    for garbage in (
        b"needle\r\n\r\n",
        b"GET /needle HTTP/9\r\nneedle\r\n\r\n",
        b"\x16\x03needle\n",
    ):
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    return statuses


def log_of_a_run(directory: Path, log_format: str) -> str:
    """Return the log from the start of a server to its end, by SIGTERM."""
    repository = buyers_repository(directory)
    document = {"schema_version": 1, "models": {"buyers": POLICY}}
    (repository / "traffic.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    env = {
        **plugin_env(directory),
        "SKERRY_LOG_FORMAT": log_format,
        "SKERRY_LOG_LEVEL": "debug",
        "SKERRY_API_TOKEN": API_TOKEN,
        "SKERRY_PLAN_BUDGET_S": "1",
    }
    with serve(repository, env=env) as server:
        server.client.headers["Authorization"] = f"Bearer {API_TOKEN}"
        for version, state in (("v2", "READY"), ("v4", "FAILED")):
            server.wait_for_state("buyers", version, state)
        statuses = send_everything(server)
        server.wait_for(lambda: "shadow_failed" in server.output())
        assert 0 == server.stop()
        output = server.output()
    assert {200, 400, 401, 404, 405, 412, 415, 422, 431, 500} <= statuses
    return output


def kept(output: str) -> list[str]:
    """Return the secrets that are in a log."""
    return [secret for secret in SECRETS if secret.lower() in output.lower()]


@pytest.mark.slow
def test_a_log_in_json_has_nothing_of_what_was_sent(tmp_path: Path) -> None:
    output = log_of_a_run(tmp_path, "json")
    records = [json.loads(line) for line in output.splitlines()]
    events = {record["event"] for record in records}
    errors = {record["error"] for record in records if record["event"] == "request"}
    [raised] = [record for record in records if record["event"] == "model_raised"]
    by_uvicorn = [record for record in records if record.get("logger") == "uvicorn.error"]

    assert [] == kept(output)
    assert errors - {None} <= SLUGS
    assert {"unknown-feature", "model-not-found", "unauthorized", "model-error"} <= errors
    expected = {"started", "request", "version_state", "traffic_changed", "stopping", "stopped"}
    assert expected | {"model_raised", "shadow_failed", "log"} <= events
    assert all({"time", "level", "event"} <= set(record) for record in records)
    assert "Invalid HTTP request received." in {record["message"] for record in by_uvicorn}
    assert re.fullmatch(r"RuntimeError: no answer to \[\[[01., ]+, …, …\]\]", raised["exception"])


@pytest.mark.slow
def test_a_log_in_text_has_nothing_of_what_was_sent(tmp_path: Path) -> None:
    output = log_of_a_run(tmp_path, "text")
    matches = {
        line: TEXT_LINE.fullmatch(line.removesuffix("\x1b[0m")) for line in output.split("\n")
    }
    unlike = [line for line, match in matches.items() if line and match is None]
    errors = set(re.findall(r"request  .* error=(.*?)(?:\x1b|$)", output, re.MULTILINE))

    assert [] == kept(output)
    assert [] == unlike
    assert {"unknown-feature", "model-not-found", "unauthorized", "model-error"} <= errors
    assert errors <= SLUGS
    assert "log            logger=uvicorn.error message=Invalid HTTP request received." in output


@pytest.mark.parametrize(("sample", "least", "most"), [("0", 0, 0), ("0.5", 100, 300)])
def test_only_successes_are_sampled(tmp_path: Path, sample: str, least: int, most: int) -> None:
    """Of 400, half are logged, give or take ten times their standard deviation."""
    with serve(iris_repository(tmp_path, "v1"), env={"SKERRY_LOG_SAMPLE": sample}) as server:
        for number in range(400):
            body = {"features": IRIS_ROW if number % 10 else [1.0]}
            for _ in range(1 if number % 10 else 2):
                server.client.post("/api/v1/predict", json=body)
        for _ in range(40):
            server.client.post("/api/v1/predict", json={"features": IRIS_ROW})
        server.stop()
        lines = [record for record in server.log() if record["event"] == "request"]

    statuses = [line["status"] for line in lines if line["route"] == "/api/v1/predict"]
    assert 80 == statuses.count(400)
    assert least <= statuses.count(200) <= most
    assert {200, 400} >= set(statuses)
