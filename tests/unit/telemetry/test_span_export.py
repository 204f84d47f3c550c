"""Spans on their way out: a bounded queue, a warning a minute, and an end that waits for no one."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind

from skerry.core.tracing_options import TracingOptions
from skerry.telemetry.logs import EventLog, LogWriter
from skerry.telemetry.span_export import BoundedExport, SdkLog, Trouble, without_query
from skerry.telemetry.tracing import Tracing

HANG_S = 5.0


class Log:
    """A log that is read back."""

    def __init__(self) -> None:
        self._stream = io.BytesIO()
        self._writer = LogWriter(self._stream)
        self.events = EventLog(self._writer)

    def records(self) -> list[dict[str, Any]]:
        self._writer.close()
        records = [json.loads(line) for line in self._stream.getvalue().splitlines()]
        return [{k: v for k, v in record.items() if k != "time"} for record in records]


class Hanging(SpanExporter):
    """Takes spans and does not come back until it is told to."""

    def __init__(self) -> None:
        self.begun, self.released = threading.Event(), threading.Event()
        self.n_taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.n_taken += len(spans)
        self.begun.set()
        self.released.wait(HANG_S * 2)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.released.set()


@pytest.fixture
def _quick_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5")


@pytest.fixture
def _opentelemetry_logger() -> Iterator[None]:
    logger = logging.getLogger("opentelemetry")
    before = logger.handlers, logger.propagate
    yield
    logger.handlers, logger.propagate = before


def test_one_warning_a_minute_that_counts_what_was_lost() -> None:
    log, now_s = Log(), 0.0
    trouble = Trouble(log.events, lambda: now_s)

    for second in range(600):  # Ten minutes in which every second an export of 100 spans fails.
        now_s = float(second)
        trouble.tell("Failed to export\nspans: 503")
        trouble.lose(100)
    trouble.end()

    *warnings, last = log.records()
    lost = [record["spans_lost"] for record in warnings]
    assert ([0, *[6000] * 9], 6000) == (lost, last["spans_lost"])
    assert {
        "level": "warning",
        "event": "tracing_trouble",
        "message": "Failed to export spans: 503",
        "spans_lost": 0,
    } == warnings[0]
    assert ("info", "spans_lost") == (last["level"], last["event"])


@pytest.mark.usefixtures("_opentelemetry_logger")
def test_what_the_sdk_logs_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    log = Log()
    SdkLog(Trouble(log.events)).install()

    for package in ("sdk.trace", "exporter.otlp", "attributes"):
        logging.getLogger(f"opentelemetry.{package}").error("%s is wrong", package)
        logging.getLogger(f"opentelemetry.{package}").info("nothing much")

    assert ["sdk.trace is wrong"] == [record["message"] for record in log.records()]
    assert [] == caplog.records


@pytest.mark.usefixtures("_quick_batches")
def test_spans_that_nobody_takes_are_dropped_and_counted() -> None:
    log, exporter = Log(), Hanging()
    trouble = Trouble(log.events)
    export = BoundedExport(exporter, 20, trouble)
    tracing = Tracing(TracingOptions(timeout_s=0.2), [export], trouble, "1")

    def add() -> None:
        ids = tracing.new_trace(is_sampled=True)
        tracing.add_span("s", ids, Context(), start_ns=1, end_ns=2, attributes={})

    for _ in range(5):
        add()
    assert exporter.begun.wait(HANG_S)
    for _ in range(1000):
        add()
    assert not tracing.has_room(7)
    tracing.close()

    # Five were with the exporter, twenty in the queue; five of these it got when it came back.
    warning, *others = log.records()
    assert ("tracing_trouble", "the queue of finished spans is full") == (
        warning["event"],
        warning["message"],
    )
    assert ["spans_lost"] == [record["event"] for record in others]
    assert 987 <= sum(record["spans_lost"] for record in (warning, *others)) <= 1012


@pytest.mark.usefixtures("_quick_batches")
def test_there_is_room_for_as_many_spans_as_were_asked_for() -> None:
    log, exporter = Log(), Hanging()
    trouble = Trouble(log.events)
    tracing = Tracing(
        TracingOptions(timeout_s=0.2), [BoundedExport(exporter, 20, trouble)], trouble, "1"
    )

    def add(n_spans: int) -> None:
        for _ in range(n_spans):
            ids = tracing.new_trace(is_sampled=True)
            tracing.add_span("s", ids, Context(), start_ns=1, end_ns=2, attributes={})

    add(5)
    assert exporter.begun.wait(HANG_S)
    add(18)
    assert tracing.has_room(2)
    add(1)
    room = tracing.has_room(1), tracing.has_room(2)
    tracing.close()

    assert (True, False) == room
    warning, *_ = log.records()
    assert 2 == warning["spans_lost"]


def test_a_full_queue_does_not_hide_why_it_is_full() -> None:
    log, now_s = Log(), 0.0
    trouble = Trouble(log.events, lambda: now_s)

    for second in range(121):  # A request each second; the exporter fails once in ten.
        now_s = float(second)
        trouble.drop(2)
        if second % 10 == 0:
            trouble.tell("Failed to export: 503")

    full = "the queue of finished spans is full"
    told = [(record["message"], record["spans_lost"]) for record in log.records()]
    assert [
        (full, 2),
        (f"{full}; Failed to export: 503", 120),
        (f"{full}; Failed to export: 503", 120),
    ] == told


@pytest.mark.usefixtures("_quick_batches")
def test_the_end_waits_for_a_hanging_exporter_no_longer_than_the_timeout() -> None:
    log, exporter = Log(), Hanging()
    trouble = Trouble(log.events)
    tracing = Tracing(
        TracingOptions(timeout_s=0.2), [BoundedExport(exporter, 20, trouble)], trouble, "1"
    )
    for _ in range(20):
        ids = tracing.new_trace(is_sampled=True)
        tracing.add_span("s", ids, Context(), start_ns=1, end_ns=2, attributes={})

    started_s = time.monotonic()
    tracing.close()

    assert time.monotonic() - started_s < HANG_S
    assert exporter.released.is_set()


def test_what_waits_is_exported_at_the_end() -> None:
    log, exporter = Log(), Hanging()
    exporter.released.set()
    trouble = Trouble(log.events)
    tracing = Tracing(
        TracingOptions(timeout_s=HANG_S), [BoundedExport(exporter, 2048, trouble)], trouble, "1"
    )
    for _ in range(700):
        ids = tracing.new_trace(is_sampled=True)
        tracing.add_span("s", ids, Context(), start_ns=1, end_ns=2, attributes={})

    tracing.close()

    assert 700 == exporter.n_taken


def test_a_requests_span_keeps_all_but_the_query() -> None:
    attributes = {"url.path": "/a", "url.query": "t=s3cret", "http.target": "/a?t=s3cret"}
    server = ReadableSpan(
        "GET /a",
        attributes={**attributes, "http.url": "http://h/a?t=s3cret"},
        kind=SpanKind.SERVER,
        start_time=1,
        end_time=2,
    )
    client = ReadableSpan("GET", attributes=attributes, kind=SpanKind.CLIENT)

    sent = without_query(server)

    kept = {"url.path": "/a", "http.target": "/a", "http.url": "http://h/a"}
    assert kept == dict(sent.attributes or {})
    assert ("GET /a", SpanKind.SERVER, 1, 2) == (
        sent.name,
        sent.kind,
        sent.start_time,
        sent.end_time,
    )
    assert client is without_query(client)
