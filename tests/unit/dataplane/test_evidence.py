"""Evidence: requests are counted by version and track, and leave with their window."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.evidence import MAX_CLASSES, OTHER, Comparison, TrackEvidence
from skerry.core.rows import Predictions
from skerry.core.signature import Task
from skerry.dataplane.evidence import MAX_SERIES, Evidence, EvidenceReport


class Setting:
    """Evidence with a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.evidence = Evidence(lambda: self.now_s)

    def record(
        self,
        version: str = "v1",
        track: str = "stable",
        *,
        model: str = "iris",
        task: Task = Task.CLASSIFICATION,
        labels: Any = None,
        confidences: list[float] | None = None,
        status: int = 200,
        duration_s: float = 0.001,
    ) -> None:
        answered = None
        if labels is not None:
            known = None if confidences is None else np.array(confidences)
            answered = Predictions(np.asarray(labels), known)
        self.evidence.record(
            model,
            version,
            track,
            task=task,
            rows=None if answered is None else len(answered.labels),
            status=status,
            duration_s=duration_s,
            predictions=answered,
        )

    def report(
        self, window_s: float = 300, *, stable: str | None = "v1", canary: str | None = None
    ) -> EvidenceReport:
        return self.evidence.report("iris", window_s, stable=stable, canary=canary)

    def only(self, window_s: float = 300) -> TrackEvidence:
        (found,) = self.report(window_s).versions
        return found


@pytest.fixture
def setting() -> Setting:
    return Setting()


def test_nothing_yet_is_an_empty_report(setting: Setting) -> None:
    assert EvidenceReport((), Comparison(stable="v1")) == setting.report()


def test_counts_requests_rows_and_classes(setting: Setting) -> None:
    setting.record(labels=[0, 2, 2], confidences=[0.95, 0.1, 1.0])
    setting.record(labels=[1], confidences=[float("nan")])

    found = setting.only()

    assert ("v1", "stable", 2, 4, 0) == (
        found.version,
        found.track,
        found.requests,
        found.rows,
        found.errors,
    )
    assert {"0": 1, "1": 1, "2": 2} == found.classes
    assert (1, 0, 0, 0, 0, 0, 0, 0, 0, 2) == found.confidences


def test_each_track_of_a_version_is_counted_apart(setting: Setting) -> None:
    for version, track in (("v10", "canary"), ("v9", "pinned"), ("v9", "stable")):
        setting.record(version, track, labels=[0])
    setting.record("v1", "stable", model="wine", labels=[0])

    assert [("v9", "stable"), ("v9", "pinned"), ("v10", "canary")] == [
        (each.version, each.track) for each in setting.report().versions
    ]


@pytest.mark.parametrize(
    ("status", "errors"), [(200, 0), (400, 0), (429, 0), (499, 0), (500, 1), (503, 1), (504, 1)]
)
def test_an_error_is_an_answer_of_status_5xx(setting: Setting, status: int, errors: int) -> None:
    setting.record(status=status)

    found = setting.only()

    assert (1, errors) == (found.requests, found.errors)


def test_latency_is_that_of_successful_answers(setting: Setting) -> None:
    """A canary that refuses and fails at once must not look fast."""
    setting.record(labels=[0], duration_s=0.2)
    for status in (429, 500, 400):
        setting.record(status=status, duration_s=0.00001)

    latency_s = setting.only().latency_s

    assert latency_s["p50"] == pytest.approx(0.2, rel=0.0125)


def test_labels_of_a_request_that_failed_are_no_answer(setting: Setting) -> None:
    setting.record(labels=[0], status=500)

    assert {} == setting.only().classes


def test_a_regressor_has_a_summary_in_place_of_classes(setting: Setting) -> None:
    setting.record(task=Task.REGRESSION, labels=[1.0, 3.0])
    setting.record(task=Task.REGRESSION, labels=[5, float("inf")])

    view = setting.only().to_dict()

    assert {} == view["classes"]
    assert view["confidence"] is None
    assert {"mean": 3.0, "std": pytest.approx(8**0.5 / 3**0.5), "min": 1.0, "max": 5.0} == (
        view["predicted"]
    )


@pytest.mark.parametrize("task", [Task.CLASSIFICATION, Task.REGRESSION])
def test_several_outputs_are_left_out(setting: Setting, task: Task) -> None:
    setting.record(task=task, labels=np.zeros((3, 2)))

    view = setting.only().to_dict()

    assert 3 == view["rows"]
    assert ({}, None, None) == (view["classes"], view["predicted"], view["confidence"])


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["a", "b", "b"]),
        np.array(["a", "b", "b"], dtype=object),
        np.array([True, False, False]),
        np.array([-1, 1, 1], dtype=np.int8),
        np.array([0.5, 1.5, 1.5]),
    ],
)
def test_labels_of_every_type_are_counted(setting: Setting, labels: Any) -> None:
    setting.record(labels=labels)

    assert [1, 2] == sorted(setting.only().classes.values())


def test_labels_that_have_no_hash_are_counted(setting: Setting) -> None:
    labels = np.empty(2, dtype=object)
    labels[:] = [[1], [1]]

    setting.record(labels=labels)

    assert {"[1]": 2} == setting.only().classes


def test_a_version_that_came_back_as_another_kind_disturbs_nothing(setting: Setting) -> None:
    setting.record(task=Task.CLASSIFICATION, labels=["a"])
    setting.record(task=Task.REGRESSION, labels=[2.0])

    assert 2 == setting.only().requests


def test_classes_beyond_a_hundred_are_other(setting: Setting) -> None:
    setting.record(labels=list(range(MAX_CLASSES + 5)))

    classes = setting.only().classes

    assert MAX_CLASSES + 1 == len(classes)
    assert 5 == classes[OTHER]


def test_versions_share_the_classes_that_are_told_apart(setting: Setting) -> None:
    setting.record("v1", "stable", labels=list(range(MAX_CLASSES)))
    setting.record("v2", "canary", labels=[*range(MAX_CLASSES - 1), 1000])

    shift = setting.report().comparison.class_shift

    assert shift is not None
    assert {OTHER: 0.01, "99": -0.01} == {name: value for name, value in shift.items() if value}


def test_what_is_older_than_the_window_is_gone(setting: Setting) -> None:
    setting.record(labels=[0])
    setting.now_s += 30
    setting.record(labels=[1])
    setting.now_s += 15

    assert {"1": 1} == setting.only(20).classes
    assert {"0": 1, "1": 1} == setting.only(60).classes
    assert () == setting.report(10).versions


def test_a_version_that_is_long_gone_leaves_with_its_slots(setting: Setting) -> None:
    setting.record("v1", labels=[0])
    setting.now_s += 3700
    for number in range(MAX_SERIES):
        setting.record(f"n{number}", labels=[0])

    assert MAX_SERIES == len(setting.report(3600).versions)


def test_the_number_of_series_is_bounded(setting: Setting) -> None:
    for number in range(MAX_SERIES + 3):
        setting.record(f"v{number}", labels=[0])

    assert MAX_SERIES == len(setting.report().versions)


def test_a_new_version_takes_the_place_of_the_one_idle_longest(setting: Setting) -> None:
    for number in range(MAX_SERIES):
        setting.record(f"v{number}", labels=[0])
        setting.now_s += 1
    setting.record("new", labels=[0])

    versions = {each.version for each in setting.report().versions}

    assert "new" in versions
    assert "v0" not in versions


# The comparison.


def test_the_canary_of_the_policy_is_compared(setting: Setting) -> None:
    setting.record("v1", "stable", labels=[0])
    for version, times in (("v2", 1), ("v3", 5)):
        for _ in range(times):
            setting.record(version, "canary", labels=[1])

    assert "v2" == setting.report(canary="v2").comparison.canary
    assert {"0": -1.0, "1": 1.0} == setting.report(canary="v2").comparison.class_shift


def test_without_one_the_busiest_canary_is_compared(setting: Setting) -> None:
    setting.record("v1", "stable", labels=[0])
    for version, times in (("v2", 1), ("v3", 5)):
        for _ in range(times):
            setting.record(version, "canary", labels=[1])

    assert "v3" == setting.report().comparison.canary


def test_a_canary_without_requests_compares_with_nothing(setting: Setting) -> None:
    setting.record("v1", "stable", labels=[0])
    setting.record("v2", "pinned", labels=[0])

    assert Comparison("v2", "v1") == setting.report(canary="v2").comparison


def test_a_canary_that_was_promoted_is_compared_with_the_stable_before(setting: Setting) -> None:
    setting.record("v1", "stable", labels=[0])
    setting.record("v2", "canary", labels=[0])
    setting.record("v2", "stable", labels=[0])

    compared = setting.report(stable="v2").comparison

    assert ("v2", "v1", 1.0) == (compared.canary, compared.stable, compared.p50_ratio)


def test_the_shadow_s_disagreement_is_that_of_the_canary_s_version(setting: Setting) -> None:
    report = setting.evidence.report(
        "iris", 300, stable="v1", canary="v2", disagreement_rates={"v2": 0.1, "v3": 0.9}
    )

    assert 0.1 == report.comparison.disagreement_rate


# Many requests.

REQUEST = st.tuples(
    st.sampled_from([("v1", "stable"), ("v2", "canary"), ("v2", "pinned")]),
    st.lists(st.integers(0, 4), max_size=5),
    st.sampled_from([200, 200, 400, 500]),
    st.sampled_from([0.0, 0.0, 0.4, 3.0]),
)


@given(st.lists(REQUEST, max_size=60), st.integers(1, 40))
def test_many_requests_are_counted_as_each(requests: list[Any], times: int) -> None:
    setting = Setting()
    expected: dict[tuple[str, str], Counter[str]] = {}
    for (version, track), labels, status, pause_s in requests:
        for _ in range(times):
            setting.record(version, track, labels=labels, status=status)
        setting.now_s += pause_s
        counts = expected.setdefault((version, track), Counter())
        counts.update({"requests": times, "rows": times * len(labels)})
        counts["errors"] += times * (status == 500)
        if status == 200:
            counts.update({str(label): times * labels.count(label) for label in set(labels)})

    found = {
        (each.version, each.track): Counter(
            {"requests": each.requests, "rows": each.rows, "errors": each.errors, **each.classes}
        )
        for each in setting.report(3600).versions
    }

    assert expected == found


# History.


def test_history_has_each_track_step_by_step_without_the_step_that_is_not_over(
    setting: Setting,
) -> None:
    setting.record("v1", duration_s=0.001)
    setting.now_s += 1
    setting.record("v1", duration_s=0.002)
    setting.record("v1", status=500)
    setting.record("v2", "canary", duration_s=0.004)
    setting.now_s += 1
    setting.record("v1")

    stable, canary = setting.evidence.history("iris", 1, 3)

    assert ("v1", "stable", 1) == (stable.version, stable.track, stable.step_s)
    assert ((0, 1, 2), (0, 0, 1)) == (stable.requests, stable.errors)
    assert stable.p50_s[0] is None
    assert [0.001, 0.002] == pytest.approx(list(stable.p50_s[1:]), rel=0.0125)
    assert ("v2", "canary", (0, 0, 1)) == (canary.version, canary.track, canary.requests)
    assert (None, None) == canary.p99_s[:2]
    assert canary.p99_s[2] == pytest.approx(0.004, rel=0.0125)


def test_history_leaves_out_what_did_nothing_and_other_models(setting: Setting) -> None:
    setting.record("v1")
    setting.record("v1", model="wine")
    setting.now_s += 100

    assert () == setting.evidence.history("iris", 1, 60)
