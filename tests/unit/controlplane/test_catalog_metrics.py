"""The catalog as metrics: what is there has series, what is gone has none."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from skerry.controlplane.catalog import Catalog
from skerry.controlplane.catalog_metrics import (
    LOAD_FAILURE_REASONS,
    CatalogCollector,
    speedup_of,
)
from skerry.controlplane.completeness import observe
from skerry.controlplane.harness import Harness
from skerry.controlplane.loader import LoadedVersion
from skerry.controlplane.source import FileFacts, VersionFiles
from skerry.controlplane.traffic_store import StoreContent
from skerry.core.errors import DigestMismatch, LoadError
from skerry.core.manifest import Artifact
from skerry.core.plan import Candidate, Executor, Parity, Plan, RowRange
from skerry.core.rows import Predictions, Rows
from skerry.core.servable import ServableInfo
from skerry.core.signature import DType, Feature, Output, Signature, Task
from skerry.core.traffic import TrafficDocument, TrafficInForce
from skerry.core.traffic_policy import TrafficPolicy
from skerry.core.version_state import VersionState as S
from skerry.serving.handle import Slot
from skerry.serving.serving_map import ServingMap
from skerry.telemetry.logs import EventLog, LogWriter

NOW = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
PLAN = Plan(
    Parity.EXACT,
    (RowRange(1, None, Executor.TREELITE),),
    (
        Candidate(Executor.SKLEARN, accepted=True, duration_us={1: 3000.0, 8: 3100.0}),
        Candidate(Executor.TREELITE, accepted=True, duration_us={1: 30.0, 8: 80.0}),
    ),
)
Series = dict[tuple[str, ...], float]


class Constant:
    """A servable that answers 0."""

    info = ServableInfo(
        Signature((Feature("x0", DType.FLOAT64),), (Output("prediction", DType.INT64, (0, 1)),)),
        Task.CLASSIFICATION,
        "tests.Constant",
        {},
        PLAN,
    )

    def predict(self, rows: Rows) -> Predictions:
        return Predictions(np.zeros(rows.n_rows, dtype=np.int64))

    def predict_now(self, rows: Rows) -> Predictions | None:
        return self.predict(rows)

    def release(self) -> None:
        """Nothing to free."""


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    writer = LogWriter(io.BytesIO())
    yield Catalog((), ServingMap(), EventLog(writer))
    writer.close()


def discovered(catalog: Catalog, version: str, model: str = "iris") -> Harness:
    facts = (FileFacts("model.pkl", 1, 0, 1),)
    files = VersionFiles(model, version, Path(model) / version, facts, None)
    harness = Harness(observe(None, files, 0), NOW, catalog.announce)
    catalog.add(harness)
    return harness


def ready(catalog: Catalog, version: str) -> Harness:
    harness = discovered(catalog, version)
    harness.begin_attempt(NOW)
    harness.move(S.LOADING, NOW)
    harness.move(S.WARMING, NOW)
    artifact = Artifact("model.pkl", "pickle", "sha256:0", 1)
    loaded = LoadedVersion(artifact, False, {}, duration_s=0.25, memory_bytes=4096)
    harness.serve(Slot("iris", version, Constant()), loaded, NOW)
    return harness


def series(catalog: Catalog, name: str) -> Series:
    """Return the values of one metric by its labels, in the order of the names of labels."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in CatalogCollector(catalog).collect()
        for sample in family.samples
        if sample.name == f"skerry_{name}"
    }


def test_a_version_is_in_one_state(catalog: Catalog) -> None:
    ready(catalog, "v1")
    discovered(catalog, "v2")

    found = series(catalog, "version_state")

    expected = {("iris", state, "v1"): float(state is S.READY) for state in S}
    expected |= {("iris", state, "v2"): float(state is S.DISCOVERED) for state in S}
    assert expected == found


def test_failures_are_counted_by_reason_and_survive_a_good_load(catalog: Catalog) -> None:
    harness = discovered(catalog, "v1")
    assert {0.0} == set(series(catalog, "version_load_failures_total").values())
    for _ in range(2):
        harness.begin_attempt(NOW)
        harness.fail(DigestMismatch("not the file"), NOW, now_s=0)
    harness.files_changed(now_s=0)

    found = series(catalog, "version_load_failures_total")

    expected = {("iris", reason, "v1"): 0.0 for reason in LOAD_FAILURE_REASONS}
    assert {**expected, ("iris", "digest_mismatch", "v1"): 2.0} == found


def test_every_load_error_has_a_reason_that_is_a_series() -> None:
    def tree(cls: type[LoadError]) -> Iterator[type[LoadError]]:
        for child in cls.__subclasses__():
            yield child
            yield from tree(child)

    assert sorted(LOAD_FAILURE_REASONS) == sorted({cls.category for cls in tree(LoadError)})


def test_a_loaded_version_tells_time_memory_and_speedup(catalog: Catalog) -> None:
    harness = ready(catalog, "v1")
    discovered(catalog, "v2")

    assert {("iris", "v1"): 0.25} == series(catalog, "version_load_duration_seconds")
    assert {("iris", "v1"): 4096} == series(catalog, "version_memory_bytes")
    assert {("iris", "v1"): 100} == series(catalog, "plan_speedup_ratio")

    harness.move(S.DRAINING, NOW)
    harness.move(S.UNLOADED, NOW)

    assert {} == series(catalog, "version_memory_bytes")
    assert {("iris", "v1"): 0.25} == series(catalog, "version_load_duration_seconds")


def test_a_version_that_is_gone_leaves_no_series(catalog: Catalog) -> None:
    harness = ready(catalog, "v1")
    harness.move(S.DRAINING, NOW)
    harness.move(S.UNLOADED, NOW)
    catalog.forget(("iris", "v1"))

    found = {
        sample.labels.get("model")
        for family in CatalogCollector(catalog).collect()
        for sample in family.samples
    }

    assert {None} == found


def test_traffic_as_declared(catalog: Catalog) -> None:
    ready(catalog, "v1")
    ready(catalog, "v2")
    document = TrafficDocument({"iris": TrafficPolicy("v1")})

    catalog.take_over(StoreContent("file", "3f9a1c0b7d2e", document))

    assert {("iris", "stable", "v1"): 1} == series(catalog, "traffic_weight_ratio")
    assert {("3f9a1c0b7d2e", "iris"): 1} == series(catalog, "traffic_info")
    assert {("iris",): 1} == series(catalog, "traffic_in_force")
    assert {(): 0} == series(catalog, "traffic_store_errors_total")


def test_traffic_that_is_not_as_declared(catalog: Catalog) -> None:
    ready(catalog, "v1")
    discovered(catalog, "v2")
    catalog.publish()

    catalog.take_over(
        StoreContent("file", "3f9a1c0b7d2e", TrafficDocument({"iris": TrafficPolicy("v2")}))
    )

    assert {("iris", "stable", "v1"): 1} == series(catalog, "traffic_weight_ratio")
    assert {("iris",): 0} == series(catalog, "traffic_in_force")


def test_an_error_of_the_store_is_counted_once_and_not_at_every_look(catalog: Catalog) -> None:
    ready(catalog, "v1")
    broken = StoreContent("file", "0123456789ab", None, "traffic: expected YAML")

    catalog.take_over(broken)
    catalog.take_over(broken)
    catalog.take_over(StoreContent("file", "ba9876543210", TrafficDocument()))
    catalog.take_over(broken)

    assert {(): 2} == series(catalog, "traffic_store_errors_total")
    assert {("iris",): 0} == series(catalog, "traffic_in_force")


def test_no_weight_where_nothing_is_served() -> None:
    assert {} == TrafficInForce(None).weights()


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (PLAN, 100.0),
        (replace(PLAN, ranges=(RowRange(1, None, Executor.SKLEARN),)), 1.0),
        (replace(PLAN, candidates=PLAN.candidates[1:]), None),
        (Plan.of_one(Executor.SKLEARN, Parity.NATIVE), None),
    ],
    ids=["compiled", "scikit-learn-itself", "no-reference", "not-measured"],
)
def test_speedup_of_one_row(plan: Plan, expected: float | None) -> None:
    assert expected == speedup_of(plan)
