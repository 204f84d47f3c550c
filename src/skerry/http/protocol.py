"""uvicorn's HTTP protocol with bounds on headers, and without offers to speak another one.

Quick predictions are answered in the parser's callback; what that declines becomes an ASGI request.
"""

from __future__ import annotations

import asyncio
import re
import time

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from skerry.core.errors import HeadersTooLarge
from skerry.http.admission import Admission, Verdict
from skerry.http.context import ARRIVED_KEY, UNIFORM_KEY, RequestRecord
from skerry.http.edge import MAX_HEADER_BYTES
from skerry.http.errors import is_v2, problem
from skerry.http.immediate import ImmediateAnswers
from skerry.http.request_ids import new_request_id

_UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)


class BoundedHttpProtocol(HttpToolsProtocol):
    """Counts what is neither a request's complete headers nor its body; hangs up beyond a limit.

    The edge refuses complete headers that are too large. This stops headers that never end, and
    a chunked body's trailers, which are headers too: the parser would keep every byte.
    Headers that are not complete after ``headers_timeout_s`` end the connection, too.
    """

    clock = staticmethod(time.perf_counter)
    headers_timeout_s = 30.0
    immediate: ImmediateAnswers | None = None
    admission: Admission | None = None
    url = b""
    _held: list[bytes] | None = None
    _arrived_s: float | None = None
    _is_new = True
    _rests_since_s = 0.0
    _refusing = False
    _undecided = False
    _uniform: float | None = None
    _bodies: list[bytes]
    _headers_timer: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _packet_bytes = 0
    _progressed = False
    _in_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first request, but not for ever."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up. A request that was held is as good as never read."""
        self._held = None
        self._stop_timer()
        super().connection_lost(exc)
        super()._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless the request has to wait."""
        if self._held is not None:
            self._held.append(data)
            self.flow.pause_reading()
            return
        if self.admission is not None and self._in_headers and not self._header_bytes:
            verdict = self.admission.verdict(self, data, just_came=not self._is_new)
            self._is_new = False
            if verdict is Verdict.HOLD:
                self._held, self._arrived_s = [data], self.clock()
                return
            self._refusing = verdict is Verdict.REFUSE
        self._feed(data)
        self._refusing = False  # What did not come whole, or is unusual, goes the ordinary way.

    def proceed(self) -> None:
        """Take up the request that was held."""
        held, self._held = self._held, None
        if held is not None:
            self.flow.resume_reading()
            for data in held:
                self._feed(data)
        self._arrived_s = None

    def shutdown(self) -> None:
        """End the connection as soon as what was read is answered."""
        self.proceed()
        super().shutdown()

    def _feed(self, data: bytes) -> None:
        """Feed the parser, unless the headers have grown too large."""
        self._progressed = False
        if self._in_headers:
            data = _without_upgrade(data)
        self._packet_bytes = len(data)
        super().data_received(data)
        if self._undecided:
            self._take_ordinary_way()
        if self._progressed:
            self._header_bytes = 0
            if self._headers_timer is not None:
                self._stop_timer()
            return
        self._start_timer()
        self._header_bytes += len(data)
        if self._header_bytes > 2 * MAX_HEADER_BYTES and not self.transport.is_closing():
            self.transport.write(_answer(self._header_bytes, self.url))
            self.transport.close()

    def _start_timer(self) -> None:
        if self._headers_timer is None and self._in_headers:
            wait_s = self.headers_timeout_s
            self._headers_timer = self.loop.call_later(wait_s, self.transport.close)

    def _stop_timer(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def on_message_begin(self) -> None:
        """Make no more than every request needs; ``_take_ordinary_way`` makes the rest."""
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._uniform = None

    def on_headers_complete(self) -> None:
        """Count from here again."""
        self._progressed, self._in_headers = True, False
        self._bodies = []
        if self._may_be_immediate():
            self._undecided = True
        else:
            self._take_ordinary_way()

    def on_body(self, body: bytes) -> None:
        """Leave the body out: it has limits of its own."""
        self._progressed = True
        if self._undecided:
            self._bodies.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Count from here again; answer at once what can be."""
        self._progressed = self._in_headers = True
        if self._undecided:
            if self._answer_at_once():
                self._undecided = False
                return
            self._take_ordinary_way()
        super().on_message_complete()

    def _may_be_immediate(self) -> bool:
        return (
            self.immediate is not None
            and self.immediate.takes(self.url)
            and self.parser.get_method() == b"POST"
            # All of it is in this packet, so that its headers are not too large.
            and self._packet_bytes <= MAX_HEADER_BYTES
            and self._header_bytes == 0
            # Nothing asked before waits for its answer, and the caller takes answers.
            and (self.cycle is None or self.cycle.response_complete)  # type: ignore[redundant-expr]  # uvicorn starts with None
            and not self.flow.write_paused
            and self.parser.get_http_version() == "1.1"
        )

    def _answer_at_once(self) -> bool:
        assert self.immediate is not None  # noqa: S101 - _may_be_immediate has looked
        if self._refusing:
            parts = self.immediate.refuse(self.url, self.headers, self)
        else:
            body = b"".join(self._bodies)
            self._uniform = self.immediate.draw()
            parts = self.immediate.answer(
                self.url, self.headers, body, self._uniform, self, self._arrived_s
            )
        if parts is None:
            return False
        lines = parts[:1]
        for name, value in self.server_state.default_headers:
            lines += (name, b": ", value, b"\r\n")
        # One write is one packet; uvicorn makes two of headers and body.
        self.transport.write(b"".join(lines + parts[1:]))
        self._rest()
        return True

    def _rest(self) -> None:
        """Do what ``on_response_complete`` does, where no request waits behind this one."""
        self.server_state.total_requests += 1
        self._rests_since_s = self.clock()
        if self.timeout_keep_alive_task is None:
            self._await_end_of_rest(self.timeout_keep_alive)

    def on_response_complete(self) -> None:
        """Let the next request begin, or wait for it."""
        self._rests_since_s = self.clock()
        super()._unset_keepalive_if_required()
        super().on_response_complete()

    def _unset_keepalive_if_required(self) -> None:
        """Leave the timer alone, which looks whether the connection has rested when it goes off.

        To stop it and to start it anew costs every request more than that.
        """

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it has rested for long enough, else look again later."""
        rested_s = self.clock() - self._rests_since_s
        if self._is_busy():
            self._await_end_of_rest(self.timeout_keep_alive)
        elif rested_s < self.timeout_keep_alive:
            self._await_end_of_rest(self.timeout_keep_alive - rested_s)
        else:
            super().timeout_keep_alive_handler()

    def _await_end_of_rest(self, wait_s: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(wait_s, self.timeout_keep_alive_handler)

    def _is_busy(self) -> bool:
        return (
            self._held is not None
            or not self._in_headers
            or self._header_bytes > 0
            or not (self.cycle is None or self.cycle.response_complete)  # type: ignore[redundant-expr]  # uvicorn starts with None
        )

    def _take_ordinary_way(self) -> None:
        """Have uvicorn make an ASGI request of what was held back."""
        self._undecided = False
        target, lines, expect_100_continue = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = target, expect_100_continue
        self.headers += lines
        if self._uniform is not None:
            self.scope[UNIFORM_KEY] = self._uniform  # type: ignore[literal-required]  # a key of ours
        if self._arrived_s is not None:
            self.scope[ARRIVED_KEY] = self._arrived_s  # type: ignore[literal-required]  # ours
        super().on_headers_complete()
        for body in self._bodies:
            super().on_body(body)


def _without_upgrade(data: bytes) -> bytes:
    """Leave out the offer of another protocol, such as h2c, which Java's HttpClient always makes.

    A server may ignore it (RFC 9110, section 7.8), but the parser would skip the body after it.
    Headers that come in several packets keep it; no client is known to send them so.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0 or b"\nupgrade:" not in data[:end].lower():
        return data
    return _UPGRADE.sub(b"", data[:end]) + data[end:]


def _answer(size: int, target: bytes) -> bytes:
    asks_v2 = is_v2(target.decode("latin-1"))
    record = RequestRecord(new_request_id(), time.perf_counter(), "", 0.0, is_v2=asks_v2)
    error = HeadersTooLarge(
        f"request line and headers: expected at most {MAX_HEADER_BYTES} bytes, got {size} and more"
    )
    _, body, headers = problem(error, record)
    headers |= {
        "connection": "close",
        "content-length": str(len(body)),
        "x-request-id": record.request_id,
    }
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(["HTTP/1.1 431 Request Header Fields Too Large", *lines])
    return head.encode() + b"\r\n\r\n" + body
