"""HTTP as clients of the field speak it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.models import IRIS_ROW, iris_repository
from tests.integration.server import RunningServer, serve

BODY = json.dumps({"features": IRIS_ROW}).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serve(iris_repository(tmp_path_factory.mktemp("http"), "v1")) as running:
        yield running


def exchange(server: RunningServer, *parts: bytes) -> bytes:
    """Send raw bytes and return all that comes back until the server closes."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def request(*headers: str, close: bool = True) -> bytes:
    """Return a prediction's head, as HTTP/1.1 has it."""
    lines = ["POST /api/v1/predict HTTP/1.1", "Host: skerry", *headers]
    lines += ["Content-Type: application/json", f"Content-Length: {len(BODY)}"]
    lines += ["Connection: close"] if close else []
    return "\r\n".join([*lines, "", ""]).encode()


def test_an_offer_to_speak_http_2_is_ignored(server: RunningServer) -> None:
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    first = request(*offer, close=False) + BODY

    answer = exchange(server, first + request() + BODY)

    assert 2 == answer.count(b"HTTP/1.1 200 OK")
    assert 2 == answer.count(b'"prediction":0')


def test_a_body_that_mentions_an_upgrade_stays_as_it_is(server: RunningServer) -> None:
    body = b'{"features": "\\r\\nUpgrade: h2c"}'
    head = request().replace(str(len(BODY)).encode(), str(len(body)).encode())

    answer = exchange(server, head, body)

    assert b"422 Unprocessable" in answer
    assert b"Upgrade: h2c" in answer


def test_requests_in_one_packet_are_answered_in_order(server: RunningServer) -> None:
    head = request(close=False)

    answer = exchange(server, head + BODY + head + BODY + request() + BODY)

    assert 3 == answer.count(b"HTTP/1.1 200 OK")


def test_a_body_byte_by_byte_is_a_body(server: RunningServer) -> None:
    answer = exchange(server, request(), *(bytes([byte]) for byte in BODY))

    assert b'"prediction":0' in answer


def test_expect_100_continue_is_answered(server: RunningServer) -> None:
    answer = exchange(server, request("Expect: 100-continue"), BODY)

    assert answer.startswith(b"HTTP/1.1 100 Continue")
    assert b'"prediction":0' in answer


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/v1/predict", {"features": IRIS_ROW}, 200),
        ("/api/v1/predict", {"features": IRIS_ROW, "return_probabilities": True}, 200),
        ("/api/v1/predict/batch", {"features": [IRIS_ROW, IRIS_ROW]}, 200),
        ("/api/v1/models/iris/predict", {"features": IRIS_ROW}, 200),
        ("/api/v1/models/iris/versions/v1/predict", {"features": IRIS_ROW}, 200),
        ("/api/v1/models/iris/versions/v9/predict", {"features": IRIS_ROW}, 404),
        ("/api/v1/predict", {"features": IRIS_ROW[:3]}, 400),
        ("/api/v1/predict", {}, 422),
        ("/api/v1/nothing/predict", {"features": IRIS_ROW}, 404),
    ],
)
def test_at_once_or_the_ordinary_way_the_answer_is_the_same(
    server: RunningServer, path: str, body: dict[str, Any], status: int
) -> None:
    """``Connection: keep-alive`` is what every HTTP/1.1 client means, and few say."""
    sent = json.dumps(body).encode()

    at_once, ordinary = (
        _ask(server, path, sent, headers) for headers in ([], ["Connection: keep-alive"])
    )

    assert f"HTTP/1.1 {status}".encode() in at_once[0]
    assert at_once == ordinary


def _ask(
    server: RunningServer, path: str, body: bytes, headers: list[str]
) -> tuple[bytes, set[str], bytes]:
    """Return status line, names of headers, and the body."""
    lines = [f"POST {path} HTTP/1.1", "Host: skerry", "X-Request-ID: same", *headers]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode() + body)
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
            answer += connection.recv(65536)
    head, _, content = answer.partition(b"\r\n\r\n")
    status, *fields = head.split(b"\r\n")
    return status, {field.partition(b":")[0].decode().lower() for field in fields}, content


def test_requests_of_both_ways_in_one_packet_are_answered_in_order(server: RunningServer) -> None:
    quick = request("X-Request-ID: quick", close=False) + BODY
    chunked = b"".join(
        [
            b"POST /api/v1/predict HTTP/1.1\r\nHost: skerry\r\nX-Request-ID: chunked\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n",
            b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
        ]
    )
    other = b"GET /livez HTTP/1.1\r\nHost: skerry\r\nX-Request-ID: other\r\n\r\n"
    last = request("X-Request-ID: last") + BODY

    answer = exchange(server, quick + other + chunked + quick + last)

    assert 5 == answer.count(b"HTTP/1.1 200 OK")
    ids = [line.split()[1] for line in answer.split(b"\r\n") if line.startswith(b"x-request-id")]
    assert [b"quick", b"other", b"chunked", b"quick", b"last"] == ids


@pytest.mark.parametrize("cut", [1, 30, -1])
def test_a_request_in_two_packets_is_one(server: RunningServer, cut: int) -> None:
    whole = request() + BODY

    answer = exchange(server, whole[:cut], whole[cut:])

    assert 1 == answer.count(b"HTTP/1.1 200 OK")


def test_http_1_0_is_answered_and_closed(server: RunningServer) -> None:
    answer = exchange(server, (request(close=False) + BODY).replace(b"HTTP/1.1", b"HTTP/1.0"))

    assert b" 200 OK" in answer
    assert b'"prediction":0' in answer


def test_a_request_id_comes_back(server: RunningServer) -> None:
    sane = server.client.get("/livez", headers={"X-Request-ID": "my-id_1.2"})
    other = server.client.get("/livez", headers={"X-Request-ID": "no good"})

    assert sane.headers["x-request-id"] == "my-id_1.2"
    assert len(other.headers["x-request-id"]) == 26


def test_every_request_is_one_line_of_the_log(server: RunningServer) -> None:
    answer = server.client.post(
        "/api/v1/predict", json={"features": IRIS_ROW}, headers={"X-Request-ID": "logged"}
    )
    refused = server.client.post(
        "/api/v1/models/iris/predict", json={"features": []}, headers={"X-Request-ID": "refused"}
    )

    def records(request_id: str) -> list[dict[str, object]]:
        return [r for r in server.log() if r.get("request_id") == request_id]

    server.wait_for(lambda: len(records("logged") + records("refused")) == 2)
    [record] = records("logged")
    assert answer.status_code == 200
    assert {
        "level": "info",
        "event": "request",
        "method": "POST",
        "route": "/api/v1/predict",
        "status": 200,
        "model": "iris",
        "version": "v1",
        "track": "stable",
        "rows": 1,
        "error": None,
    }.items() <= record.items()
    [record] = records("refused")
    assert refused.status_code == 400
    assert ("/api/v1/models/{model}/predict", "wrong-feature-count") == (
        record["route"],
        record["error"],
    )


def test_the_docs_need_no_other_host(server: RunningServer) -> None:
    page = server.client.get("/docs").text
    sources = [part.split('"')[0] for part in page.split('src="')[1:] + page.split('href="')[1:]]

    assert sources
    for source in sources:
        assert source.startswith("/docs/assets/")
        assert server.client.get(source).status_code == 200
    assert "https://" not in page.replace("https://spec.openapis.org", "")


@pytest.mark.parametrize("sent", [b"", b"POST /api/v1/predict HTTP/1.1\r\nHost: sk"])
def test_headers_that_do_not_come_end_the_connection(tmp_path: Path, sent: bytes) -> None:
    env = {"SKERRY_REQUEST_TIMEOUT_S": "1"}
    with serve(iris_repository(tmp_path, "v1"), env=env) as server:
        assert b"" == exchange(server, sent)


def test_a_target_that_is_no_path_is_refused_in_any_packet(server: RunningServer) -> None:
    for target in (b"http://predict", b"http://a:99999/predict"):
        head = request().replace(b"/api/v1/predict", target)

        answer = exchange(server, head, BODY)

        assert b"200 OK" not in answer
    assert "Fatal error" not in server.output()
    assert "Traceback" not in server.output()


def test_headers_in_two_packets_stay_whole(server: RunningServer) -> None:
    head = request("X-Request-ID: whole", "Upgrade: h2c", "X-Model-Version: v1", close=False)
    cut = head.index(b"h2c") + 2

    answer = exchange(server, head[:cut], head[cut:] + BODY, request() + BODY)

    assert b"x-request-id: whole" in answer


def test_a_body_over_the_limit_is_refused_where_it_comes_in_one_packet(tmp_path: Path) -> None:
    body = json.dumps({"features": [IRIS_ROW] * 100}).encode()
    env = {"SKERRY_MAX_BODY_BYTES": "1024"}
    with serve(iris_repository(tmp_path, "v1"), env=env) as limited:
        status, _, content = _ask(limited, "/api/v1/predict/batch", body, [])

    assert b"413" in status
    assert b"body-too-large" in content
