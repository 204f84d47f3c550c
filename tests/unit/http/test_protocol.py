"""The protocol's timer for connections that rest: started once, and never in anybody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
import uvicorn
from uvicorn.server import ServerState

from skerry.http.admission import Verdict
from skerry.http.immediate import ImmediateAnswers
from skerry.http.protocol import BoundedHttpProtocol

ASK = b"POST /predict HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"
KEEP_ALIVE_S = 75


class FakeLoop:
    """Notes timers, which the test lets go off."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> FakeTimer:
        timer = (delay_s, callback)
        self.timers.append(timer)
        return FakeTimer(lambda: self.timers.remove(timer) if timer in self.timers else None)

    def go_off(self) -> None:
        _, callback = self.timers.pop()
        callback()


class FakeTimer:
    def __init__(self, cancel: Callable[[], None]) -> None:
        self.cancel = cancel


class FakeTransport:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str) -> None:
        """Know nothing."""

    def pause_reading(self) -> None:
        """Nothing is ever read."""

    def resume_reading(self) -> None:
        """Nothing is ever read."""


class AlwaysAnswers:
    def draw(self) -> float:
        return 0.5

    def takes(self, target: bytes) -> bool:
        return target == b"/predict"

    def answer(self, *asked: object) -> list[bytes]:
        return [b"HTTP/1.1 200 OK\r\n", b"content-length: 0\r\n\r\n"]


class AlwaysHolds:
    def verdict(self, caller: object, packet: bytes, *, just_came: bool) -> Verdict:
        return Verdict.HOLD


class Connection:
    """A protocol between a fake loop and a fake transport."""

    def __init__(self) -> None:
        self.loop, self.transport, self.now_s = FakeLoop(), FakeTransport(), 0.0

        class Protocol(BoundedHttpProtocol):
            immediate = cast("ImmediateAnswers", AlwaysAnswers())
            clock = staticmethod(lambda: self.now_s)

        async def app(scope: object, receive: object, send: object) -> None:
            raise AssertionError("nothing goes the ordinary way here")

        config = uvicorn.Config(
            cast("Any", app), ws="none", log_config=None, timeout_keep_alive=KEEP_ALIVE_S
        )
        loop = cast("asyncio.AbstractEventLoop", self.loop)
        self.protocol = Protocol(config, ServerState(), {}, loop)
        self.protocol.connection_made(cast("asyncio.Transport", self.transport))


@pytest.fixture
def connection() -> Connection:
    return Connection()


def test_answers_start_one_timer(connection: Connection) -> None:
    for _ in range(3):
        connection.protocol.data_received(ASK)

    assert 3 == len(connection.transport.written)
    assert [KEEP_ALIVE_S] == [delay_s for delay_s, _ in connection.loop.timers]


def test_closes_what_has_rested_for_long_enough_and_not_before(connection: Connection) -> None:
    connection.protocol.data_received(ASK)
    connection.now_s = 70.0
    connection.protocol.data_received(ASK)

    connection.now_s = 75.0
    connection.loop.go_off()
    assert not connection.transport.closed
    assert [70.0] == [delay_s for delay_s, _ in connection.loop.timers]

    connection.now_s = 145.0
    connection.loop.go_off()
    assert connection.transport.closed


def test_does_not_close_while_a_request_is_held(connection: Connection) -> None:
    connection.protocol.data_received(ASK)
    connection.protocol.admission = cast("Any", AlwaysHolds())
    connection.protocol.data_received(ASK)

    connection.now_s = 80.0
    connection.loop.go_off()
    assert not connection.transport.closed

    connection.protocol.proceed()
    assert 2 == len(connection.transport.written)


def test_does_not_close_within_a_request(connection: Connection) -> None:
    connection.protocol.data_received(ASK)
    connection.protocol.data_received(ASK[:20])

    connection.now_s = 80.0
    timers = [callback for delay_s, callback in connection.loop.timers if delay_s == KEEP_ALIVE_S]
    timers[0]()
    assert not connection.transport.closed


def test_nobody_waits_for_a_connection_that_has_ended(connection: Connection) -> None:
    connection.protocol.data_received(ASK)
    connection.protocol.connection_lost(None)

    assert [] == connection.loop.timers


def test_what_a_held_caller_sends_on_is_kept_in_order(connection: Connection) -> None:
    connection.protocol.admission = cast("Any", AlwaysHolds())
    connection.protocol.data_received(ASK[:30])
    connection.protocol.data_received(ASK[30:])
    assert [] == connection.transport.written

    connection.protocol.proceed()
    connection.protocol.proceed()
    assert 1 == len(connection.transport.written)
