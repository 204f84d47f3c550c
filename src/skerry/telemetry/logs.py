"""The log: one record an event on stdout, JSON for machines or text for a terminal.

A thread writes, so that a reader that is slow, or a pipe that is full, never blocks the loop.
"""

from __future__ import annotations

import atexit
import json
import logging
import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, BinaryIO

import orjson

_MAX_WAITING = 20_000
# While lines come, the thread wakes up by its own clock: to wake it for a line cost the request
# that wrote it some 10 µs, and half a millisecond where something else computed on the core.
_BATCH_DELAY_S = 0.025
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_COLOURS = {"debug": "\x1b[2m", "info": "", "warning": "\x1b[33m", "error": "\x1b[31m"}


class LogWriter:
    """Writes lines in order, in a daemon thread. What can't be written in time is counted."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lines: deque[bytes] = deque()
        self._wake = threading.Event()
        self._dropped = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="skerry-log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def write(self, line: bytes) -> None:
        """Queue a line; beyond 20,000 that wait, it is dropped and counted."""
        if len(self._lines) >= _MAX_WAITING:
            self._dropped += 1
            return
        self._lines.append(line)
        if not self._wake.is_set():
            self._wake.set()

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what waits, for at most the timeout, and end the thread."""
        if self._closed:
            return
        self._closed = True
        self._wake.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            if not self._closed:
                time.sleep(_BATCH_DELAY_S)
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                record = {"level": "warning", "event": "log_lines_dropped", "count": dropped}
                lines.append(orjson.dumps({"time": _now(), **record}) + b"\n")
            if lines:
                self._put(b"".join(lines))
            elif self._closed:
                return
            else:
                self._wake.clear()
                if self._lines or self._closed:  # It came before, and woke nobody.
                    self._wake.set()

    def _put(self, data: bytes) -> None:
        try:
            self._stream.write(data)
            self._stream.flush()
        except (OSError, ValueError):
            self._lines.clear()  # Nobody reads the log any more; serving goes on.


class EventLog:
    """Emits events with fields. ``as_json``: one JSON object a line, else text in columns."""

    def __init__(self, writer: LogWriter, *, level: str = "info", as_json: bool = True) -> None:
        self._writer = writer
        self._threshold = LEVELS[level]
        self._json = as_json

    def info(self, event: str, **fields: Any) -> None:
        """Emit at level info."""
        self.emit("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Emit at level warning."""
        self.emit("warning", event, fields)

    def emit(self, level: str, event: str, fields: dict[str, Any]) -> None:
        """Queue one record, if the level is high enough."""
        if LEVELS[level] < self._threshold:
            return
        if self._json:
            record = {"time": _now(), "level": level, "event": event, **fields}
            try:
                line = orjson.dumps(record, default=str)
            except TypeError:  # Text that is not UTF-8, such as a file name with stray bytes.
                line = json.dumps(record, default=str).encode()
            self._writer.write(line + b"\n")
        else:
            self._writer.write(_as_text(level, event, fields))


class LogHandler(logging.Handler):
    """Brings records of other libraries (uvicorn's, warnings) into the same log."""

    def __init__(self, log: EventLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Emit the record as the event ``log`` with its logger, message and traceback."""
        level = "error" if record.levelno >= 40 else "warning" if record.levelno >= 30 else "info"
        if record.levelno < 20:
            level = "debug"
        fields: dict[str, Any] = {"logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[0] is not None:
            fields["traceback"] = logging.Formatter().formatException(record.exc_info)
        self._log.emit(level, "log", fields)


def start_log(log_format: str | None, level: str) -> tuple[EventLog, LogWriter]:
    """Return the process's log on stdout and send Python's own logging there.

    log_format: ``json`` or ``text``; None: text on a terminal, else JSON.
    """
    writer = LogWriter(sys.stdout.buffer)
    as_json = log_format == "json" if log_format else not sys.stdout.isatty()
    log = EventLog(writer, level=level, as_json=as_json)
    root = logging.getLogger()
    root.handlers = [LogHandler(log)]
    root.setLevel(max(LEVELS[level], logging.INFO) if level != "debug" else logging.INFO)
    # It repeats what our own events say, and its "CTRL+C to force quit" is not how we end.
    logging.getLogger("uvicorn").setLevel(logging.INFO if level == "debug" else logging.WARNING)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    return log, writer


def _now() -> str:
    """Return the time as RFC 3339 has it, in UTC, with milliseconds."""
    milliseconds = time.time_ns() // 1_000_000
    second, rest = divmod(milliseconds, 1000)
    return f"{_second(second)}.{rest:03d}Z"


@lru_cache(maxsize=2)
def _second(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _as_text(level: str, event: str, fields: dict[str, Any]) -> bytes:
    clock = datetime.now().astimezone().strftime("%H:%M:%S")
    told = {key: "" if value is None else _told(key, value) for key, value in fields.items()}
    shown = " ".join(f"{key}={value}" for key, value in told.items() if value)
    colour = _COLOURS[level]
    text = f"{clock} {level:7} {event:14} {shown}"
    return f"{colour}{text}\x1b[0m\n".encode() if colour else f"{text}\n".encode()


def _told(key: str, value: object) -> str:
    """Return a value without line breaks, so that a line is an event; a traceback keeps its own."""
    text = str(value)
    return text if key == "traceback" or text.isprintable() else " ".join(text.split())
