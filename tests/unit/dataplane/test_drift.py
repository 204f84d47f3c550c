"""The sample of rows: bounded, even, and nobody's manifest can stop it."""

from __future__ import annotations

import asyncio
import io
import json
import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from skerry.core.rows import Rows
from skerry.core.signature import DType, Feature, Signature
from skerry.dataplane.drift import (
    MAX_CHARACTERS,
    MAX_FEATURES,
    SAMPLED_REQUESTS,
    SAMPLED_ROWS,
    Drift,
    DriftCollector,
    Reference,
)
from skerry.telemetry.logs import EventLog, LogWriter

IRIS = ("iris", "v1")
Series = dict[str, dict[tuple[str, ...], float]]


def signature(n_features: int = 1, **changes: Any) -> Signature:
    return Signature(
        tuple(
            Feature(f"x{i}", DType.FLOAT64, **{"range": (0.0, 1.0), **changes})
            for i in range(n_features)
        ),
        (),
    )


def made(references: Mapping[tuple[str, str], Reference]) -> tuple[Drift, io.BytesIO, LogWriter]:
    stream = io.BytesIO()
    writer = LogWriter(stream)
    return Drift(references.get, random.Random(0).random, EventLog(writer)), stream, writer


def row(*values: float) -> Rows:
    return Rows(1, matrix=np.array([values]))


def series(drift: Drift) -> Series:
    return {
        family.name.removeprefix("skerry_"): {
            tuple(sample.labels.values()): sample.value for sample in family.samples
        }
        for family in DriftCollector(drift).collect()
    }


def test_rows_become_metrics_once_they_were_counted() -> None:
    drift, _, writer = made({IRIS: (signature(2), None)})
    drift.add(*IRIS, row(0.5, 5.0))
    assert {} == series(drift)["feature_rows"]

    asyncio.run(drift.count())

    found = series(drift)
    assert {IRIS: 1} == found["feature_rows"]
    assert {(*IRIS, "x0"): 0, (*IRIS, "x1"): 1} == found["feature_out_of_range"]
    assert {} == found["feature_missing"]
    writer.close()


def test_of_many_requests_and_rows_an_even_sample_is_counted() -> None:
    drift, _, writer = made({IRIS: (signature(), None)})
    rows = 20_000
    for number in range(rows):
        drift.add(*IRIS, row(float(number >= rows // 2) * 2))

    asyncio.run(drift.count())

    found = series(drift)
    assert {IRIS: SAMPLED_REQUESTS} == found["feature_rows"]
    late = found["feature_out_of_range"][*IRIS, "x0"]
    assert SAMPLED_REQUESTS * 0.3 < late < SAMPLED_REQUESTS * 0.7
    writer.close()


def test_of_a_batch_a_few_rows_from_all_over_are_counted() -> None:
    drift, _, writer = made({IRIS: (signature(), None)})
    drift.add(*IRIS, Rows(1000, matrix=np.repeat([[0.5], [2.0]], 500, axis=0)))

    asyncio.run(drift.count())

    found = series(drift)
    assert {IRIS: SAMPLED_ROWS} == found["feature_rows"]
    assert {(*IRIS, "x0"): 2} == found["feature_out_of_range"]
    writer.close()


def test_long_texts_are_not_kept() -> None:
    text = Signature((Feature("text", DType.STRING),), ())
    drift, _, writer = made({IRIS: (text, None)})
    for length in (10, MAX_CHARACTERS, MAX_CHARACTERS + 1):
        drift.add(*IRIS, Rows(1, columns=(np.array(["a" * length], dtype=object),)))

    asyncio.run(drift.count())

    assert {IRIS: 2} == series(drift)["feature_rows"]
    writer.close()


def test_features_beyond_the_limit_are_counted_together() -> None:
    drift, _, writer = made({IRIS: (signature(MAX_FEATURES + 7), None)})
    drift.add(*IRIS, row(*[5.0] * (MAX_FEATURES + 7)))

    asyncio.run(drift.count())

    found = series(drift)["feature_out_of_range"]
    assert MAX_FEATURES + 1 == len(found)
    assert 7 == found[*IRIS, "other"]
    writer.close()


def test_a_version_that_is_gone_or_loaded_anew_begins_again() -> None:
    references: dict[tuple[str, str], Reference] = {IRIS: (signature(2), None)}
    drift, _, writer = made(references)
    drift.add(*IRIS, row(0.5, 0.5))
    asyncio.run(drift.count())

    references[IRIS] = (signature(1), None)
    assert {} == series(drift)["feature_rows"]
    drift.add(*IRIS, row(0.5))
    asyncio.run(drift.count())
    assert {IRIS: 1} == series(drift)["feature_rows"]

    del references[IRIS]
    drift.add(*IRIS, row(0.5))
    asyncio.run(drift.count())
    assert {} == series(drift)["feature_rows"]
    writer.close()


def test_a_manifest_that_holds_nonsense_is_said_once_and_stops_nothing() -> None:
    wine = ("wine", "v1")
    nonsense = {"features": {"x0": {"counts": "many", "edges": 7}}}
    drift, stream, writer = made({IRIS: (signature(), nonsense), wine: (signature(), None)})
    for _ in range(2):
        drift.add(*IRIS, row(0.5))
        drift.add(*wine, row(0.5))
        asyncio.run(drift.count())
    writer.close()

    assert {wine: 2} == series(drift)["feature_rows"]
    logged = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [("drift_not_counted", "iris")] == [(r["event"], r["model"]) for r in logged]
