"""A prediction's way through a thread, as its trace sees it: how long it waited, and with whom.

The request makes a ``CallTrace``; the executor fills it in, and asks for a ``JointTrace`` of those
that it answers by one call of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Link, SpanContext, TraceFlags

from skerry.core.plan import Executor
from skerry.telemetry.request_trace import Fields, RequestTrace, new_span_id
from skerry.telemetry.tracing import Tracing, now, wall_ns

T = TypeVar("T")


class CallTrace:
    """One request's part of a call. For the event loop's thread, but for ``context``.

    made_s: by ``time.perf_counter``, when it began to wait.
    queue_s: how long it waited, None while it does. ended_s: when the model had answered.
    batch_rows: of the call, of all requests. executor: who answered.
    """

    __slots__ = (
        "_fields",
        "batch_rows",
        "ended_s",
        "executor",
        "ids",
        "made_s",
        "queue_s",
        "tracing",
    )

    def __init__(
        self, tracing: Tracing, request: RequestTrace, fields: Fields, made_s: float
    ) -> None:
        self.tracing = tracing
        self.ids = RequestTrace(request.trace_id, new_span_id(), is_sampled=request.is_sampled)
        self._fields = fields
        self.made_s = made_s
        self.queue_s: float | None = None
        self.ended_s: float | None = None
        self.batch_rows: int | None = None
        self.executor: Executor | None = None

    def context(self) -> Context:
        """Return the context in which the model is called, with the caller's state and baggage."""
        ids, outer = self.ids, self.tracing.outer_context(self._fields)
        return self.tracing.inner_context(outer, ids.trace_id, ids.span_id, sampled=ids.is_sampled)

    def joined(self, others: Sequence[CallTrace]) -> JointTrace:
        """Return the trace of the call that answers these; this is the first of them."""
        return JointTrace(self.tracing, others)


class JointTrace:
    """One call of a model: its request's, or with several of them a ``batch`` trace of its own.

    What the model's own code does meanwhile belongs to it.
    """

    def __init__(self, tracing: Tracing, calls: Sequence[CallTrace]) -> None:
        self._tracing = tracing
        self._calls = calls
        self._sampled = [call.ids for call in calls if call.ids.is_sampled]
        self._batch = None
        if len(calls) > 1:
            self._batch = tracing.new_trace(is_sampled=bool(self._sampled))

    def run(self, function: Callable[[], T]) -> T:
        """Return what the function returns, called in the context of this trace."""
        token = attach(self._context())
        try:
            return function()
        finally:
            detach(token)

    def end(
        self,
        model: str,
        version: str,
        executor: Executor,
        n_rows: int,
        started_s: float,
        ended_s: float,
    ) -> None:
        """Note in every call what came of it, and add the ``batch`` span."""
        for call in self._calls:
            call.ended_s, call.batch_rows, call.executor = ended_s, n_rows, executor
        if self._batch is None or not self._sampled:
            return
        moment = now()
        self._tracing.add_span(
            "batch",
            self._batch,
            Context(),
            start_ns=wall_ns(started_s, *moment),
            end_ns=wall_ns(ended_s, *moment),
            attributes={
                "skerry.model.name": model,
                "skerry.model.version": version,
                "skerry.batch.rows": n_rows,
            },
            links=[Link(_context_of(ids)) for ids in self._sampled],
        )

    def _context(self) -> Context:
        if self._batch is None:
            return self._calls[0].context()
        ids = self._batch
        return self._tracing.inner_context(
            Context(), ids.trace_id, ids.span_id, sampled=ids.is_sampled
        )


def _context_of(ids: RequestTrace) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(ids.trace_id, ids.span_id, is_remote=False, trace_flags=flags)
