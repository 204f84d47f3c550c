"""The parts of the page: numbers, charts, forms, plans and traffic, from plain values."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.drift import VersionDrift
from skerry.core.evidence import N_COUNTS, REQUESTS, Comparison, Tally, TrackEvidence
from skerry.core.history import TrackHistory
from skerry.core.plan import Candidate, Executor, Parity, Plan, RowRange
from skerry.core.rows import Rows
from skerry.core.signature import DType, Feature, Output, Signature
from skerry.http.console import texts
from skerry.http.console.charts import HEIGHT, WIDTH, charts_of, nice_ceiling, paths_of
from skerry.http.console.drift_table import SHOWN_FEATURES, drift_table
from skerry.http.console.plan_table import plan_table
from skerry.http.console.traffic_panel import (
    Candidate as CanaryCandidate,
)
from skerry.http.console.traffic_panel import (
    canary_sentence,
    in_words,
    shadow_sentence,
    traffic_panel,
)
from skerry.http.console.try_form import MOST_FIELDS, Field, Option, field_of, try_form


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


# Numbers.


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (texts.count(1204), "1,204"),
        (texts.counted(1, "error"), "1 error"),
        (texts.counted(0, "error"), "0 errors"),
        (texts.share(0.2484), "24.8 %"),
        (texts.share(1.0), "100 %"),
        (texts.share(0.99999), "100.0 %"),
        (texts.share(None), "–"),
        (texts.percent(33.33), "33.33 %"),
        (texts.per_second(48.23), "48.2/s"),
        (texts.per_second(0), "0/s"),
        (texts.duration(27.1e-6), "27.1 µs"),
        (texts.duration(0.0032), "3.2 ms"),
        (texts.duration(1.25), "1.25 s"),
        (texts.duration(None), "–"),
        (texts.size(96_300), "96.3 kB"),
        (texts.size(12), "12 B"),
        (texts.times(117.4), "117×"),
        (texts.times(1.23), "1.2×"),
        (texts.points(0.0142), "+1.4 points"),
        (texts.points(-0.0142), "\u22121.4 points"),
    ],
)
def test_numbers_are_short_and_have_their_unit(said: str, expected: str) -> None:
    assert expected == plain(said)


@pytest.mark.parametrize(
    ("passed_s", "expected"),
    [(0, "for 0 s"), (200, "for 3 min"), (7300, "for 2 h"), (-5, "for 0 s")],
)
def test_how_long_a_state_lasts(passed_s: int, expected: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    assert expected == plain(texts.since(now - timedelta(seconds=passed_s), now))


# Charts.


def history(**values: Any) -> TrackHistory:
    requests = values.pop("requests", (0, 4, 8))
    n = len(requests)
    given = {"errors": (0,) * n, "p50_s": (None,) * n, "p99_s": (None,) * n, **values}
    return TrackHistory("v1", "stable", 2, requests, **given)


def recent(requests: int = 50, track: str = "stable", version: str = "v1") -> TrackEvidence:
    counts = np.zeros(N_COUNTS, np.int64)
    counts[REQUESTS] = requests
    return TrackEvidence.of(version, track, Tally(counts), {})


@given(st.floats(1e-9, 1e12))
def test_the_upper_edge_is_round_and_no_value_is_above_it(highest: float) -> None:
    top = nice_ceiling(highest)

    assert highest <= top <= 10 * highest
    assert f"{top:e}"[0] in "125"


def test_rates_are_requests_by_the_length_of_a_step() -> None:
    (rate, *_) = charts_of([history()], [recent()], 10)
    (line,) = rate.lines

    assert ("0/s", "2/s", "4/s") == line.values
    assert ("5/s", "5/s") == (line.now, rate.top)
    assert (f"0.0,{HEIGHT}.0 300.0,60.0 {WIDTH}.0,20.0",) == line.paths
    assert "Requests per second, now: stable v1 5/s" == rate.summary


def test_a_gap_parts_the_line_and_a_lone_point_is_a_dot() -> None:
    assert ("0.0,0.0 0.0,0.0", "400.0,100.0 600.0,50.0") == paths_of([2.0, None, 0.0, 1.0], 2.0)


def test_there_is_no_line_along_the_bottom_while_a_version_had_no_traffic() -> None:
    (rate, *_) = charts_of([history(requests=(0, 0, 0, 2, 0, 2, 0, 0, 0))], [], 10)
    (line,) = rate.lines

    assert ("–", "–", "0/s", "1/s", "0/s", "1/s", "0/s", "–", "–") == line.values
    assert "–" == line.now


def test_a_chart_without_requests_says_so() -> None:
    (rate, *_) = charts_of([], [], 10)

    assert "Requests per second, now: no requests" == rate.summary


# The form.


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        (
            Feature("width", DType.FLOAT64, range=(0.1, 2.5)),
            Field("width", "number", "any", "1.3", "0.1 to 2.5 in training", False),
        ),
        (
            Feature("age", DType.INT64, nullable=True, range=(0.0, 90.0)),
            Field("age", "number", "1", "45", "0 to 90 in training, empty: missing", True),
        ),
        (
            Feature("name", DType.STRING),
            Field("name", "text", "", "", "", False),
        ),
        (
            Feature("smokes", DType.BOOL),
            Field(
                "smokes",
                "select",
                "",
                "false",
                "",
                False,
                (Option("false", "false"), Option("true", "true")),
            ),
        ),
        (
            Feature("port", DType.STRING, nullable=True, categories=("S", "C")),
            Field(
                "port",
                "select",
                "",
                '"S"',
                "",
                True,
                (Option('"S"', "S"), Option('"C"', "C"), Option("null", "missing (null)")),
            ),
        ),
        (
            Feature("class", DType.INT64, categories=(1, 2)),
            Field("class", "select", "", "1", "", False, (Option("1", "1"), Option("2", "2"))),
        ),
        (
            Feature("id", DType.STRING, used=False),
            Field("id", "text", "", "", "not read by the model", True),
        ),
    ],
)
def test_a_field_fits_its_feature(feature: Feature, expected: Field) -> None:
    assert expected == field_of(feature)


@pytest.mark.parametrize("bounds", [(0.0, 0.0), (-1e308, 1e308), (1e-300, 2e-300)])
def test_a_range_of_any_size_has_a_middle(bounds: tuple[float, float]) -> None:
    value = float(field_of(Feature("x", DType.FLOAT64, range=bounds)).value)

    assert bounds[0] <= value <= bounds[1] or value == 0


def test_many_features_become_one_row_of_json() -> None:
    many = tuple(Feature(f"x{i}", DType.FLOAT64) for i in range(MOST_FIELDS + 1))

    form = try_form(Signature(many, (Output("prediction", DType.INT64),)), ())

    assert () == form.fields
    assert [0.0] * len(many) == json.loads(form.row)


def test_the_command_quotes_what_a_shell_would_run() -> None:
    feature = Feature("x", DType.STRING, categories=("'; rm -rf ~; '",), accepts_unseen=False)

    form = try_form(Signature((feature,), (Output("prediction", DType.INT64),)), ())

    (body,) = shlex.split(form.quoted_body)
    assert {"features": ["'; rm -rf ~; '"]} == json.loads(body)


# The plan.


def plan() -> Plan:
    sklearn = Candidate(Executor.SKLEARN, accepted=True, duration_us={1: 3000.0, 1000: 9000.0})
    trees = Candidate(
        Executor.TREELITE, accepted=True, probe_rows=512, duration_us={1: 30.0, 1000: 12000.0}
    )
    numpy = Candidate(Executor.NUMPY, accepted=False, reason="17 labels differ")
    ranges = (RowRange(1, 999, Executor.TREELITE), RowRange(1000, None, Executor.SKLEARN))
    return Plan(Parity.EXACT, ranges, (sklearn, trees, numpy))


def test_a_plan_says_what_answers_and_how_much_sooner() -> None:
    table = plan_table(plan())

    assert ("Treelite, 30 µs a row", "100×") == (plain(table.headline), table.speedup)
    assert [("1", "Treelite", "100×"), ("1,000", "scikit-learn", "1.0×")] == [
        (row.rows, row.executor, row.speedup) for row in table.rows
    ]
    assert (
        "scikit-learn: the reference",
        "Treelite: the same labels, every number equal on 512 probe rows",
        "numpy: refused (17 labels differ)",
    ) == table.verdicts


def test_a_plan_without_evidence_claims_no_speedup() -> None:
    table = plan_table(Plan.of_one(Executor.ONNX, Parity.EXACT))

    assert ("ONNX Runtime", None, ()) == (table.headline, table.speedup, table.rows)


# Traffic.


def view(declared: dict[str, Any] | None, **values: Any) -> dict[str, Any]:
    return {
        "generation": "0123456789ab",
        "store": "file",
        "writable": True,
        "declared": declared,
        "in_force": declared,
        "differences": [],
        "previous": None,
        **values,
    }


def test_canary_stands_left_and_live_share_is_that_of_the_last_requests() -> None:
    panel = traffic_panel(
        view({"stable": "v1", "canary": {"version": "v2", "weight": 10}}),
        {("v1", "stable"): 90.0, ("v2", "canary"): 10.0},
        [recent(75), recent(25, "canary", "v2"), recent(1000, "pinned")],
        ["v1", "v2", "v3"],
    )

    assert [("v2", 0.0, 10.0, 0.0, 25.0), ("v1", 10.0, 90.0, 25.0, 75.0)] == [
        (s.version, s.at, s.weight, s.live_at, s.live) for s in panel.shares
    ]
    assert CanaryCandidate("v2", 10.0, True) == panel.chosen
    assert ["v3", "v2"] == [each.version for each in panel.candidates]


def test_without_a_policy_the_newest_other_version_may_be_the_canary() -> None:
    panel = traffic_panel(
        view(None, in_force={"stable": "v10"}), {("v10", "stable"): 100.0}, [], ["v2", "v9", "v10"]
    )

    assert CanaryCandidate("v9", 0.0, True) == panel.chosen
    assert {"stable": "v10"} == json.loads(panel.policy)
    assert ["–"] == [share.live_text for share in panel.shares]


def test_nothing_served_leaves_nothing_to_steer() -> None:
    panel = traffic_panel(view(None), {}, [], [])

    assert ((), (), "null", None) == (panel.shares, panel.candidates, panel.policy, panel.chosen)


def test_what_else_decides_is_said() -> None:
    canaries = [
        {"version": "v2", "weight": 10, "headers": [{"name": "X-Canary", "value": "true"}]},
        {"version": "v3", "weight": 5},
    ]
    panel = traffic_panel(
        view(
            {"stable": "v1", "canaries": canaries, "sticky": {"cookie": "user"}},
            differences=[
                {"version": "v3", "state": "LOADING", "reason": "canary is not READY: no traffic"},
                {"version": None, "state": None, "reason": "traffic.yaml is not YAML"},
            ],
            previous={"stable": "v0"},
        ),
        {},
        [],
        [],
    )

    assert (
        "Requests with X-Canary: true go to v2 as well.",
        "Callers are kept at one version by the cookie user.",
    ) == panel.notes
    assert (
        "v3: canary is not READY: no traffic",
        "traffic.yaml is not YAML",
    ) == panel.differences
    assert "v0" == panel.previous
    assert "v1, and 10 % to v2, 5 % to v3" == plain(in_words(json.loads(panel.policy)))


def test_a_canary_is_held_against_stable_in_one_sentence() -> None:
    comparison = Comparison("v2", "v1", p99_ratio=1.1, class_shift={"0": 0.01, "2": -0.03})

    said = canary_sentence([recent(1204, "canary", "v2")], comparison, "minute")

    assert said is not None
    assert (
        "Canary v2 in the last minute: 1,204 requests, 0 errors, p99 1.1× that of stable v1,"
        " class 2 \u22123.0 points."
    ) == plain(said)
    assert canary_sentence([], comparison, "minute") is None


def test_a_shadow_is_told_of_once_there_was_one() -> None:
    counts = {"agreed": 890, "disagreed": 10, "failed": 1, "dropped": 2}

    said = shadow_sentence({"version": "v3", "sample": 100, **counts})

    assert said is not None
    assert (
        "Shadow v3 is asked 100 % of the requests: 900 compared, 10 disagreed (1.1 %),"
        " 1 failed, 2 dropped."
    ) == plain(said)
    assert shadow_sentence({"version": None, "sample": 0, **counts}) is None


# Drift.


def test_the_features_that_moved_furthest_come_first() -> None:
    n = SHOWN_FEATURES + 3
    features = tuple(Feature(f"x{i}", DType.FLOAT64, range=(0.0, 1.0)) for i in range(n))
    uniform = {"edges": [0.0, 0.5, 1.0], "counts": [50, 50]}
    training = {"rows": 100, "features": {f.name: uniform for f in features}}
    drift = VersionDrift(Signature(features, ()), training)
    matrix = np.random.default_rng(0).uniform(0, 1, (400, n))
    matrix[:, 5] = 3.0
    drift.count([Rows(400, matrix=matrix)])

    table = drift_table("v1", drift)

    assert ("x5", "moved", 100.0, "100 %") == (
        table.features[0].feature,
        table.features[0].verdict,
        table.features[0].bar,
        plain(table.features[0].out_of_range),
    )
    assert {"steady"} == {row.verdict for row in table.features[1:]}
    assert (SHOWN_FEATURES, 3, "") == (len(table.features), table.more, table.note)


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        (10, "The stability index needs 200 rows."),
        (400, "The stability index needs training data: skerry package --data."),
    ],
)
def test_why_there_is_no_index(rows: int, note: str) -> None:
    drift = VersionDrift(Signature((Feature("x", DType.FLOAT64),), ()), None)
    drift.count([Rows(rows, matrix=np.zeros((rows, 1)))])

    assert note == drift_table("v1", drift).note
