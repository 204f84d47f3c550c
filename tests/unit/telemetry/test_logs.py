"""The log: whole lines, in order, and never in the way."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from skerry.telemetry.logs import EventLog, LogHandler, LogWriter


class StuckPipe(io.BytesIO):
    """A pipe that nobody reads until told."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = threading.Event()
        self.read_on = threading.Event()

    def write(self, data: Any, /) -> int:
        self.is_full.set()
        self.read_on.wait(10)
        return super().write(data)


class Heard(io.BytesIO):
    """A stream that tells of each write. at_write: called at the first one, from the writer."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = threading.Semaphore(0)
        self.at_write: Callable[[], None] = lambda: None

    def write(self, data: Any, /) -> int:
        n = super().write(data)
        at_write, self.at_write = self.at_write, lambda: None
        at_write()
        self.writes.release()
        return n


def lines(stream: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line() -> None:
    stream = io.BytesIO()
    writer = LogWriter(stream)

    EventLog(writer).info("version_state", model="iris", reason=None)
    writer.close()

    [record] = lines(stream)
    assert ["time", "level", "event", "model", "reason"] == list(record)
    assert ("info", "version_state", "iris", None) == tuple(record.values())[1:]


def test_a_line_break_in_a_field_starts_no_line() -> None:
    stream = io.BytesIO()
    writer = LogWriter(stream)

    EventLog(writer).warning("log", message="a\n{}\udcff")
    writer.close()

    assert ["a\n{}\udcff"] == [record["message"] for record in lines(stream)]


def test_what_is_below_the_level_is_left_out() -> None:
    stream = io.BytesIO()
    writer = LogWriter(stream)
    log = EventLog(writer, level="warning")

    log.info("quiet")
    log.warning("loud")
    writer.close()

    assert ["loud"] == [record["event"] for record in lines(stream)]


def test_text_is_one_line_with_what_is_known() -> None:
    stream = io.BytesIO()
    writer = LogWriter(stream)

    EventLog(writer, as_json=False).info("request", status=200, error=None)
    writer.close()

    assert stream.getvalue().decode().endswith(" info    request        status=200\n")


def test_a_line_of_text_is_one_event_whatever_it_tells() -> None:
    stream = io.BytesIO()
    writer = LogWriter(stream)

    log = EventLog(writer, as_json=False)
    log.info("log", message="a.py:1: Odd:  x\n\n  two\r\n", name="\n")
    log.info("log", message="raised", traceback="Traceback:\n  x")
    writer.close()

    first, second = stream.getvalue().decode().split(" log ")[1:]
    assert first.startswith("           message=a.py:1: Odd: x two\n")
    assert "           message=raised traceback=Traceback:\n  x\n" == second


def test_records_of_other_libraries_come_in_the_same_form() -> None:
    stream = io.BytesIO()
    writer = LogWriter(stream)
    record = logging.LogRecord("uvicorn.error", 30, "f.py", 1, "not %s", ("good",), None)

    LogHandler(EventLog(writer)).emit(record)
    writer.close()

    [found] = lines(stream)
    assert ("warning", "uvicorn.error", "not good") == (
        found["level"],
        found["logger"],
        found["message"],
    )


@pytest.mark.parametrize("pause_s", [0.0, 0.02, 0.03, 0.05, 0.2])
def test_every_line_is_written_while_the_log_stays_open(pause_s: float) -> None:
    stream = Heard()
    writer = LogWriter(stream)

    for number in range(5):
        EventLog(writer).info("request", number=number)
        assert stream.writes.acquire(timeout=10)
        time.sleep(pause_s)

    assert [0, 1, 2, 3, 4] == [r["number"] for r in lines(stream)]
    writer.close()


def test_a_line_that_comes_during_a_write_is_written_too() -> None:
    stream = Heard()
    log = EventLog(LogWriter(stream))
    stream.at_write = lambda: log.info("request", number=1)

    log.info("request", number=0)

    assert stream.writes.acquire(timeout=10)
    assert stream.writes.acquire(timeout=10)
    assert [0, 1] == [r["number"] for r in lines(stream)]


def test_a_pipe_that_nobody_reads_costs_lines_and_not_time() -> None:
    stream = StuckPipe()
    writer = LogWriter(stream)
    log = EventLog(writer)

    log.info("request", number=0)
    assert stream.is_full.wait(10)
    for i in range(1, 30_000):
        log.info("request", number=i)
    stream.read_on.set()
    writer.close()

    records = lines(stream)
    dropped = [r["count"] for r in records if r["event"] == "log_lines_dropped"]
    numbers = [r["number"] for r in records if r["event"] == "request"]
    assert numbers == sorted(numbers)
    assert [9_999] == dropped
    assert 20_001 == len(numbers)


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_levels_are_named_as_they_are_set(level: str) -> None:
    stream = io.BytesIO()
    writer = LogWriter(stream)

    EventLog(writer, level="debug").emit(level, "event", {})
    writer.close()

    assert [level] == [record["level"] for record in lines(stream)]
