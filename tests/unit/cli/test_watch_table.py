"""What is said of a canary and a shadow, and the rows of the table."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.cli.evidence import Evidence, seen
from skerry.cli.watch_table import canary_sentence, rows, sentences, shadow_sentence, title
from skerry.core.evidence import Comparison, TrackEvidence, compare

LATENCY_MS = {"p50": 0.4, "p90": 0.6, "p99": 1.25}


def version(
    name: str, track: str, requests: int = 0, errors: int = 0, **classes: int
) -> TrackEvidence:
    labels = {label.removeprefix("class_"): n for label, n in classes.items()}
    return seen(
        name, track, requests=requests, errors=errors, latency_ms=LATENCY_MS, classes=labels
    )


STABLE = version("v1", "stable", 10_800, 3, class_0=6000, class_1=4800)
CANARY = version("v2", "canary", 1200, 0, class_0=600, class_1=600)


def evidence(*versions: TrackEvidence, **facts: Any) -> Evidence:
    comparisons = {"v2": compare(CANARY, STABLE, None)}
    return Evidence("iris", "process", 300, "g1", versions, comparisons, **facts)


def view(**declared: Any) -> dict[str, Any]:
    policy = {"stable": "v1", **declared}
    return {"declared": policy, "in_force": policy, "differences": []}


WITH_CANARY = view(canary={"version": "v2", "weight": 10})


@pytest.mark.parametrize(
    ("row", "comparison", "expected"),
    [
        (
            version("v2", "canary", 1204),
            Comparison(p99_ratio=1.1, class_shift={"0": -0.02, "2": 0.031}),
            "canary v2: 1,204 requests, 0 errors, p99 1.1× of stable, class 2 +3.1 points",
        ),
        (
            version("v2", "canary", 1, 1),
            Comparison(class_shift={"cat": -0.5}),
            "canary v2: 1 request, 1 error, class cat -50.0 points",
        ),
        (
            version("v2", "canary", 5),
            Comparison(disagreement_rate=0.0125),
            "canary v2: 5 requests, 0 errors, disagrees on 1.2%",
        ),
        (version("v2", "canary"), Comparison(p99_ratio=2), "canary v2: no requests"),
    ],
)
def test_sentence_of_a_canary(row: TrackEvidence, comparison: Comparison, expected: str) -> None:
    assert expected == canary_sentence(row, comparison)


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (
            {"agreed": 1890, "disagreed": 10, "failed": 1, "dropped": 2},
            "shadow v3: 1,903 requests, 10 disagreed (0.5%), 1 failed, 2 dropped",
        ),
        ({"dropped": 1}, "shadow v3: 1 request, 0 disagreed, 0 failed, 1 dropped"),
        ({}, "shadow v3: no requests"),
    ],
)
def test_sentence_of_a_shadow(results: dict[str, int], expected: str) -> None:
    assert expected == shadow_sentence("v3", results)


def test_a_row_for_each_version_and_track() -> None:
    pinned = version("v1", "pinned", 5)

    assert rows(WITH_CANARY, evidence(pinned, CANARY, STABLE)) == [
        ("v1", "stable", "90%", "90.0%", "10,800", "36.0", "3", "0.40", "1.25", "0: 56%, 1: 44%"),
        ("v2", "canary", "10%", "10.0%", "1,200", "4.0", "0", "0.40", "1.25", "0: 50%, 1: 50%"),
        ("v1", "pinned", "", "", "5", "0.0", "0", "0.40", "1.25", ""),
    ]


def test_a_version_that_got_nothing_has_a_row() -> None:
    assert rows(WITH_CANARY, evidence()) == [
        ("v1", "stable", "90%", "", "0", "0.0", "0", "", "", ""),
        ("v2", "canary", "10%", "", "0", "0.0", "0", "", "", ""),
    ]


def test_a_shadow_has_a_row_of_its_own() -> None:
    policy = view(shadow={"version": "v3", "sample": 50})
    results = {"v3": {"agreed": 890, "disagreed": 10, "failed": 2, "dropped": 1}}

    expected = ("v3", "shadow", "50%", "", "903", "", "2", "", "", "")
    assert rows(policy, evidence(STABLE, shadows=results))[-1] == expected
    assert rows(policy, evidence(STABLE))[-1] == (
        *expected[:4], "0", "", "0", "", "", ""
    )  # fmt: skip


def test_many_classes_are_cut_to_the_largest() -> None:
    row = seen("v1", "stable", classes={str(label): 10 + label for label in range(8)})

    shown = rows(view(), evidence(row))[0][-1]

    assert shown == "3: 12%, 4: 13%, 5: 14%, 6: 15%, 7: 16% and 3 more"


def test_sentences_of_canary_shadow_and_differences() -> None:
    difference = {"version": "v2", "state": "LOADING", "reason": "canary is not READY: no traffic"}
    results = {"v3": {"agreed": 1, "disagreed": 0, "failed": 0, "dropped": 0}}

    said = sentences(
        {**WITH_CANARY, "differences": [difference]}, evidence(STABLE, CANARY, shadows=results)
    )

    assert said == [
        "canary v2: 1,200 requests, 0 errors, p99 1.0× of stable, class 0 -5.6 points",
        "shadow v3: 1 request, 0 disagreed (0.0%), 0 failed, 0 dropped",
        "v2 (LOADING): canary is not READY: no traffic",
    ]


def test_nothing_declared_and_nothing_in_force_is_an_empty_table() -> None:
    nothing: dict[str, Any] = {"declared": None, "in_force": None, "differences": []}

    assert (rows(nothing, evidence()), sentences(nothing, evidence())) == ([], [])


def test_title_says_what_was_looked_at() -> None:
    assert title(evidence()) == "iris: last 300 s, one process, generation g1"
