"""Bad input: each request gets its documented error, and the server is as it was afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.bad_input.bodies import BODIES, COMPRESSED
from tests.integration.bad_input.headers import HEADERS, PLACES, TOKENS
from tests.integration.bad_input.policies import POLICIES
from tests.integration.bad_input.request import API, API_TOKEN, ROW, Answer, Bad, exchange
from tests.integration.bad_input.values import PERSON, VALUES, put_models
from tests.integration.bad_input.wire import WIRE
from tests.integration.models import IRIS_ROW, iris_repository, settle
from tests.integration.server import RunningServer, serve

TABLE = (*BODIES, *COMPRESSED, *VALUES, *HEADERS, *PLACES, *TOKENS, *POLICIES, *WIRE)
PLACED = frozenset(
    {
        "wrong-feature-count",
        "ragged-batch",
        "empty-batch",
        "batch-too-large",
        "non-finite-value",
        "value-out-of-range",
        "unknown-feature",
        "missing-feature",
        "unknown-category",
        "invalid-body",
    }
)
MAX_PROBLEM_BYTES = 4096
LEAK_BYTES = 64 * 1024 * 1024
PASSES = 3


@dataclass(frozen=True, slots=True)
class Servers:
    """Two servers of the same repository; the guarded one has an API token and a fixed policy."""

    open: RunningServer
    guarded: RunningServer

    def send(self, bad: Bad) -> Answer:
        return exchange((self.guarded if bad.guarded else self.open).url, bad)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    repository = iris_repository(tmp_path_factory.mktemp("bad"), "v1", "v2")
    broken = repository / "iris" / "v9"
    broken.mkdir()
    (broken / "model.joblib").write_bytes(b"no model")
    put_models(repository)
    settle(repository)
    both = {"SKERRY_DEFAULT_MODEL": "iris"}
    guarded = {
        **both,
        "SKERRY_API_TOKEN": API_TOKEN,
        "SKERRY_TRAFFIC": '{"schema_version": 1, "models": {"iris": {"stable": "v1"}}}',
    }
    with (
        serve(repository, env={**both, "SKERRY_REQUEST_TIMEOUT_S": "2"}) as first,
        serve(repository, env=guarded) as second,
    ):
        first.wait_for_state("iris", "v9", "FAILED")
        yield Servers(first, second)


def check(bad: Bad, answer: Answer) -> None:
    """Check status, slug, and that the problem is complete and tells nothing it should not."""
    assert bad.status == answer.status, answer.body[:500]
    if bad.slug is None:
        assert answer.headers["content-type"].startswith("text/plain")
        return
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.problem()
    assert f"urn:skerry:error:{bad.slug}" == problem["type"], problem
    assert bad.status == problem["status"]
    assert problem["title"]
    assert bad.says in problem["detail"]
    assert answer.headers["x-request-id"] == problem["request_id"]
    assert (bad.status in (429, 503)) == ("retry-after" in answer.headers)
    assert (bad.status == 401) == ("www-authenticate" in answer.headers)
    assert (bad.status == 405) == ("allow" in answer.headers)
    _check_places(bad, problem.get("errors", []))
    text = answer.body.decode()
    assert len(text) <= MAX_PROBLEM_BYTES
    assert not [leak for leak in ("Traceback", 'File "', ".py", "/tmp/") if leak in text]


def _check_places(bad: Bad, places: list[dict[str, object]]) -> None:
    assert (bad.slug in PLACED) == bool(places)
    assert len(places) <= 20
    for place in places:
        assert {"loc", "expected", "got"} == place.keys()


@pytest.mark.parametrize("bad", TABLE, ids=[bad.name for bad in TABLE])
def test_a_bad_request_gets_its_documented_error(servers: Servers, bad: Bad) -> None:
    check(bad, servers.send(bad))


def test_the_table_is_as_large_as_promised() -> None:
    assert len(TABLE) >= 150
    assert len({bad.name for bad in TABLE}) == len(TABLE)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("abc.1_2-3", True), ("a" * 128, True), ("a" * 129, False), ("a b", False), ("", False)],
)
def test_only_a_sane_request_id_is_taken_over(servers: Servers, sent: str, kept: bool) -> None:
    bad = Bad("request-id", 400, "malformed-json", b"{", (("X-Request-ID", sent),))

    answer = servers.send(bad)

    check(bad, answer)
    assert kept == (sent == answer.problem()["request_id"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/predict", b'{"features": 1, "features": [5.1, 3.5, 1.4, 0.2]}'),
        ("/api/v1/predict", b'{"features": {"x0": 1, "x0": 5.1, "x1": 3.5, "x2": 1.4, "x3": 0.2}}'),
        ("/api/v1/predict", b'{"features": [51e-1, 35e-1, 14e-1, 2E-1]}'),
        ("/api/v1/predict", b'{"features": [5.1, 3.5, 1.4, -0]}'),
        ("/api/v1/predict", b'{"features": [1e-400, 1e308, -1e308, 9007199254740993]}'),
        ("/api/v1/predict", b" \r\n\t" * 1000 + ROW + b" \r\n\t" * 1000),
    ],
)
def test_odd_but_valid_json_is_served(servers: Servers, path: str, body: bytes) -> None:
    answer = servers.send(Bad("odd", 200, None, body, path=path))

    assert 200 == answer.status, answer.body


@pytest.mark.parametrize("values", [{}, {"plan": "gold"}, {"age": None}, {"age": 10**300}])
def test_odd_values_that_the_model_takes_are_served(
    servers: Servers, values: dict[str, object]
) -> None:
    body = json.dumps({"features": {**PERSON, **values}}).encode()

    answer = servers.send(Bad("odd", 200, None, body, path="/api/v1/models/person/predict"))

    assert 200 == answer.status, answer.body


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "APPLICATION/JSON; charset=utf-8",
        "application/json;charset=latin-1",
        "application/problem+json",
        "application/vnd.acme.v1+json; profile=x",
    ],
)
def test_a_json_type_is_taken_whatever_its_parameters(servers: Servers, content_type: str) -> None:
    answer = servers.send(Bad("type", 200, None, ROW, (("Content-Type", content_type),)))

    assert 200 == answer.status, answer.body


def test_a_pinned_version_that_failed_says_when_to_come_back(servers: Servers) -> None:
    bad = Bad("failed", 503, "model-not-ready", ROW, path="/api/v1/models/iris/versions/v9/predict")

    check(bad, servers.send(bad))

    def records() -> list[dict[str, Any]]:
        return [r for r in servers.open.log() if r.get("error") == "model-not-ready"]

    servers.open.wait_for(lambda: bool(records()))
    assert {(503, "iris", None)} == {(r["status"], r["model"], r["version"]) for r in records()}


@pytest.mark.slow
def test_bad_requests_leave_the_server_as_it_was(servers: Servers) -> None:
    slowest: tuple[float, str] = (0.0, "")
    resident_bytes = []
    for _ in range(PASSES):
        for bad in TABLE:
            answer = servers.send(bad)
            assert answer.status < 500, bad.name
            if bad.status != 408:  # Those take the time they are given.
                slowest = max(slowest, (answer.seconds, bad.name))
        resident_bytes.append(servers.open.resident_bytes())
    print(
        f"{len(TABLE)} requests, {PASSES} times; slowest {slowest[0] * 1000:.0f} ms ({slowest[1]});"
        f" resident MiB after each pass: {[size >> 20 for size in resident_bytes]}"
    )

    assert resident_bytes[-1] - resident_bytes[0] < LEAK_BYTES
    for server, headers in ((servers.open, {}), (servers.guarded, dict([API]))):
        answered = server.client.post(
            "/api/v1/predict", json={"features": IRIS_ROW}, headers=headers
        )
        assert answered.status_code == 200
        records = server.log()
        assert not [r for r in records if r["event"] == "exception" or "traceback" in r]
        refused = [r["status"] for r in records if r["event"] == "request" and r["status"] >= 500]
        assert set(refused) <= {503}
