"""The spans of a load, made when it has ended: ``version.load`` and one for each of its phases."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from skerry.controlplane.harness import Harness
from skerry.core.phases import Phase
from skerry.core.version_state import VersionState
from skerry.telemetry.logs import EventLog

if TYPE_CHECKING:
    from skerry.telemetry.tracing import Tracing


def add_load_spans(
    tracing: Tracing, harness: Harness, started_s: float, phases: Sequence[Phase], log: EventLog
) -> None:
    """Add the trace of a load that has just made its version READY or FAILED.

    An exception of the SDK costs the trace and a warning: raised, it would end the control plane.

    started_s: by ``time.perf_counter``, as the phases' moments; it failed in the last of these.
    """
    try:
        _add(tracing, harness, started_s, phases)
    except Exception as error:  # noqa: BLE001 - the SDK's, or of a propagator or sampler
        log.warning(
            "load_spans_failed",
            model=harness.model,
            version=harness.version,
            exception=type(error).__name__,
        )


def _add(tracing: Tracing, harness: Harness, started_s: float, phases: Sequence[Phase]) -> None:
    load = tracing.begin({})
    if not load.is_sampled:
        return
    now_s, now_ns = time.perf_counter(), time.time_ns()

    def at(moment_s: float) -> int:
        return now_ns - round((now_s - moment_s) * 1e9)

    attributes = {"skerry.model.name": harness.model, "skerry.model.version": harness.version}
    last, reason = attributes, None
    if harness.state is VersionState.FAILED:
        last = {**attributes, "error.type": harness.category or ""}
        reason = harness.reason or ""
    root = tracing.outer_context({})
    inner = tracing.inner_context(root, load.trace_id, load.span_id, sampled=True)
    for place, phase in enumerate(phases, start=1):
        is_last = place == len(phases)
        tracing.add_span(
            f"version.{phase.name}",
            tracing.child_of(load),
            inner,
            start_ns=at(phase.start_s),
            end_ns=at(phase.end_s),
            attributes=last if is_last else attributes,
            error=reason if is_last else None,
        )
    tracing.add_span(
        "version.load",
        load,
        root,
        start_ns=at(started_s),
        end_ns=now_ns,
        attributes=last,
        error=reason,
    )
