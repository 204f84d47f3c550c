"""The spans of a load: what can't be made costs a warning, and nothing else."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

from skerry.controlplane.completeness import observe
from skerry.controlplane.harness import Harness
from skerry.controlplane.load_spans import add_load_spans
from skerry.controlplane.source import FileFacts, VersionFiles
from skerry.core.tracing_options import TracingOptions
from skerry.telemetry.logs import EventLog, LogWriter
from skerry.telemetry.request_trace import Fields, RequestTrace
from skerry.telemetry.span_export import Trouble
from skerry.telemetry.tracing import Tracing

FILES = VersionFiles("iris", "v1", Path("iris/v1"), (FileFacts("model.pkl", 1, 0, 1),), None)


class Broken(Tracing):
    """Raises, as a defect in the SDK would."""

    def begin(self, fields: Fields) -> RequestTrace:
        raise RuntimeError(f"no trace for {fields}")


def test_an_exception_of_the_sdk_is_one_warning() -> None:
    stream = io.BytesIO()
    writer = LogWriter(stream)
    log = EventLog(writer)
    harness = Harness(observe(None, FILES, 0), datetime.now(UTC), lambda *_: None)

    tracing = Broken(TracingOptions(), [], Trouble(log), "1")
    add_load_spans(tracing, harness, 0.0, [], log)
    tracing.close()
    writer.close()

    [warning] = [json.loads(line) for line in stream.getvalue().splitlines()]
    del warning["time"]
    assert {
        "level": "warning",
        "event": "load_spans_failed",
        "model": "iris",
        "version": "v1",
        "exception": "RuntimeError",
    } == warning
