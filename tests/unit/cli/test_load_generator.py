"""What the load generator counts, against a server of a few lines on a free port."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Awaitable, Callable

import pytest

from skerry.cli.bench import post, summary
from skerry.cli.load_generator import Counts, LoadGenerator, Plan, Target, quantile
from skerry.cli.precise_sleep import PreciseSleep

Answer = Callable[[int], Awaitable[bytes | None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
BUSY = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\ncontent-length: 2\r\n\r\n{}"


async def generate(plan: Plan, answer: Answer) -> tuple[Counts, list[bytes]]:
    """Run a plan against a server that answers the n-th request as told; None hangs up."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                seen.append(await reader.readexactly(length))
                if (content := await answer(len(seen))) is None:
                    return
                writer.write(content)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        requests = tuple(post("/p", body, {"Host": "h"}) for body in (b"[1]", b"[22]"))
        counts = await LoadGenerator(Target("127.0.0.1", port, requests), plan).run()
    return counts, seen


def run(plan: Plan, answer: Answer) -> tuple[Counts, list[bytes]]:
    return asyncio.run(asyncio.wait_for(generate(plan, answer), 20))


async def ok(n: int) -> bytes | None:
    del n
    return OK


def test_a_closed_loop_counts_every_request_once() -> None:
    counts, seen = run(Plan(clients=2, seconds=0.2), ok)

    assert counts.n_answers == len(seen) > 2
    assert list(counts.latencies_s) == [200]
    assert (counts.failures, counts.unsent) == ({}, 0)


def test_requests_are_sent_in_turns() -> None:
    _, seen = run(Plan(clients=1, seconds=0.1), ok)

    assert seen[:3] == [b"[1]", b"[22]", b"[1]"]


def test_an_open_loop_sends_at_its_rate() -> None:
    counts, seen = run(Plan(clients=4, seconds=0.5, rate=100), ok)

    assert (counts.n_answers, counts.unsent, len(seen)) == (50, 0, 50)


def test_what_finds_no_connection_in_time_is_unsent() -> None:
    async def slow(n: int) -> bytes | None:
        del n
        await asyncio.sleep(0.7)
        return OK

    counts, seen = run(Plan(clients=1, seconds=0.2, rate=100), slow)

    assert len(seen) == counts.n_answers == 2
    assert counts.unsent == 18


def test_latency_counts_from_when_a_request_was_due() -> None:
    async def slow(n: int) -> bytes | None:
        await asyncio.sleep(0.05 if n > 1 else 0.3)
        return OK

    counts, _ = run(Plan(clients=1, seconds=0.25, rate=100), slow)

    # The second was due 10 ms after the first, whose answer took 300 ms.
    assert counts.latencies_s[200][1] > 0.3


def test_what_the_generator_is_late_by_is_not_the_servers_latency(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def oversleep(sleep: PreciseSleep, time_s: float) -> None:
        del sleep
        await asyncio.sleep(max(0.0, time_s - time.monotonic()) + 0.2)

    monkeypatch.setattr(PreciseSleep, "until", oversleep)
    counts, _ = run(Plan(clients=2, seconds=0.1, rate=20), ok)

    assert max(counts.late_s) > 0.15
    assert max(counts.latencies_s[200]) < 0.15


def test_a_lost_connection_is_a_failure_and_is_replaced() -> None:
    async def hang_up_once(n: int) -> bytes | None:
        return None if n == 1 else OK

    counts, seen = run(Plan(clients=1, seconds=0.3), hang_up_once)

    assert dict(counts.failures) == {"connection lost": 1}
    assert counts.n_answers == len(seen) - 1 > 0


def test_a_late_answer_is_a_failure() -> None:
    async def never(n: int) -> bytes | None:
        await asyncio.sleep(60)
        return OK

    counts, _ = run(Plan(clients=2, seconds=0.05, timeout_s=0.2), never)

    assert dict(counts.failures) == {"timed out": 2}


def test_refusals_are_counted_apart_with_their_retry_after() -> None:
    async def busy(n: int) -> bytes | None:
        return BUSY if n % 2 else OK

    counts, _ = run(Plan(clients=1, seconds=0.1), busy)

    assert set(counts.latencies_s) == {200, 429}
    assert dict(counts.retry_after_s) == {7: len(counts.latencies_s[429])}
    assert len(counts.good_s) == len(counts.latencies_s[200])


def test_what_is_no_http_is_a_failure() -> None:
    async def nonsense(n: int) -> bytes | None:
        del n
        return b"nonsense\r\n\r\n"

    counts, _ = run(Plan(clients=1, seconds=0.05), nonsense)

    assert set(counts.failures) == {"no HTTP"}


def test_nobody_there_is_a_failure() -> None:
    async def scenario() -> Counts:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        target = Target("127.0.0.1", port, (post("/p", b"[1]", {}),))
        return await LoadGenerator(target, Plan(clients=1, seconds=0.05)).run()

    assert set(asyncio.run(scenario()).failures) == {"no connection"}


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.5, 2.0), (0.51, 3.0), (0.99, 4.0), (1.0, 4.0)]
)
def test_quantiles_are_values_that_were_measured(share: float, expected: float) -> None:
    assert expected == quantile([1.0, 2.0, 3.0, 4.0], share)


def test_the_quantile_of_nothing_is_0() -> None:
    assert quantile([], 0.5) == 0.0


def test_a_summary_shows_rates_and_latencies_of_successes() -> None:
    counts = Counts({200: array("d", [0.001, 0.003]), 503: array("d", [9.0])}, elapsed_s=2.0)
    counts.failures["timed out"] += 1
    counts.late_s.extend([0.002, 0.0])

    assert summary(counts, n_rows=10) == {
        "elapsed_s": 2.0,
        "requests_per_s": 1.0,
        "rows_per_s": 10.0,
        "latency_ms": {"p50": 1.0, "p90": 3.0, "p99": 3.0, "max": 3.0},
        "statuses": {"200": 2, "503": 1},
        "failures": {"timed out": 1},
        "unsent": 0,
        "sent_late_ms": 2.0,
    }
