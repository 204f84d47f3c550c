"""The end of a request: what counts it may fail, and nobody is the worse for it."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import cast

from skerry.http.context import RequestRecord, ServerContext
from skerry.http.request_end import end_request
from skerry.telemetry.logs import EventLog, LogWriter


class Broken:
    def count_request(self, *_: object) -> None:
        raise RuntimeError("label")


def test_a_failing_count_costs_neither_the_answer_nor_the_log_line() -> None:
    stream = io.BytesIO()
    writer = LogWriter(stream)
    context = SimpleNamespace(metrics=Broken(), log=EventLog(writer), log_sample=1.0)

    end_request(cast(ServerContext, context), RequestRecord("an-id", 0.0, "POST", 0.5, status=200))
    writer.close()

    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert ["request", "request_not_counted"] == events
