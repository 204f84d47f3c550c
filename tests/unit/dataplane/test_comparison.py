"""Comparing two versions' answers: agreed or not, how far apart, and whether it can be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.plan import Executor, Parity, Plan
from skerry.core.rows import Predictions, Rows
from skerry.core.servable import ServableInfo
from skerry.core.signature import DType, Feature, Output, Signature, Task
from skerry.dataplane.comparison import SAME, Comparison, joined_predictions

NAN, INF = float("nan"), float("inf")
X0 = Feature("x0", DType.FLOAT64)


def info(
    *classes: Sequence[Any] | None,
    task: Task = Task.CLASSIFICATION,
    features: Sequence[Feature] = (X0,),
) -> ServableInfo:
    """Return the facts of a version with these outputs."""
    outputs = tuple(
        Output(f"p{k}", DType.STRING, None if each is None else tuple(each))
        for k, each in enumerate(classes)
    )
    plan = Plan.of_one(Executor.SKLEARN, Parity.EXACT)
    return ServableInfo(Signature(tuple(features), outputs), task, "Fake", {}, plan)


def labels(*values: Any, dtype: Any = None) -> Predictions:
    return Predictions(np.array(values, dtype=dtype))


def probable(classes: Sequence[Any], *rows: Sequence[float]) -> Predictions:
    """Return the answers of a classifier: the class of the highest probability."""
    p = np.array(rows, dtype=np.float64)
    return Predictions(np.array(list(classes))[p.argmax(axis=1)], p.max(axis=1), (p,))


@pytest.mark.parametrize(
    ("served", "shadow", "difference"),
    [
        (1.0, 1.0, 0.0),
        (0.0, 5e-10, 5e-10),
        (0.5, 0.25, 0.25),
        (1000.0, 1000.5, 0.0005),
        (-1000.0, 1000.0, 2.0),
        (NAN, NAN, 0.0),
        (INF, INF, 0.0),
        (-INF, INF, INF),
        (1.0, NAN, INF),
        (NAN, 1.0, INF),
        (INF, 1.0, INF),
    ],
)
def test_numbers_differ_in_relation_to_what_was_served(
    served: float, shadow: float, difference: float
) -> None:
    numbers = info(None, task=Task.REGRESSION)

    agreed, differences = Comparison(numbers, numbers).compare(labels(served), labels(shadow))

    assert [pytest.approx(difference)] == differences.tolist()
    assert [difference <= SAME] == agreed.tolist()


def test_the_largest_of_several_numbers_counts() -> None:
    numbers = info(None, None, task=Task.REGRESSION)

    compared = Comparison(numbers, numbers).compare(
        labels([1.0, 2.0], [1.0, 2.0], [1.0, NAN]), labels([1.0, 2.0], [1.0, 2.5], [1.0, NAN])
    )

    assert [True, False, True] == compared.agreed.tolist()
    assert [0.0, 0.25, 0.0] == compared.differences.tolist()


@pytest.mark.parametrize(
    ("served", "shadow", "agreed"),
    [
        (labels(0, 1, 2), labels(0, 1, 1), [True, True, False]),
        (labels("a", "long"), labels("b", "long"), [False, True]),
        (labels(0, 1), labels("0", "1"), [False, False]),
        (labels(0, 1), labels(0.0, 1.5), [True, False]),
        (labels(True, False), labels(True, True), [True, False]),
        (labels("a", None, dtype=object), labels("a", None, dtype=object), [True, True]),
        (labels("a", 1, dtype=object), labels("a", "b"), [True, False]),
        (labels(1.0, NAN), labels(1.0, NAN), [True, True]),
        (labels([0, 1], [0, 1]), labels([0, 1], [1, 1]), [True, False]),
    ],
)
@pytest.mark.parametrize("task", [Task.CLASSIFICATION, Task.CLUSTERING, Task.OUTLIER_DETECTION])
def test_labels_agree_when_all_are_equal(
    task: Task, served: Predictions, shadow: Predictions, agreed: list[bool]
) -> None:
    outputs = [None] * (served.labels.ndim if served.labels.ndim > 1 else 1)
    either = info(*outputs, task=task)

    compared = Comparison(either, either).compare(served, shadow)

    assert agreed == compared.agreed.tolist()
    assert [0.0 if each else 1.0 for each in agreed] == compared.differences.tolist()


def test_probabilities_are_aligned_by_class() -> None:
    comparison = Comparison(info(["a", "b", "c"]), info(["c", "a", "b"]))

    compared = comparison.compare(
        probable("abc", [0.5, 0.3, 0.2], [0.1, 0.2, 0.7]),
        probable("cab", [0.2, 0.5, 0.3], [0.2, 0.1, 0.7]),
    )

    assert [True, False] == compared.agreed.tolist()
    assert [0.0, 0.5] == pytest.approx(compared.differences.tolist())


def test_a_class_that_one_version_lacks_has_no_probability_there() -> None:
    comparison = Comparison(info([0, 1]), info([1, 2]))

    compared = comparison.compare(
        probable([0, 1], [0.25, 0.75], [1.0, 0.0]), probable([1, 2], [0.75, 0.25], [0.1, 0.9])
    )

    assert [True, False] == compared.agreed.tolist()
    assert [0.25, 1.0] == pytest.approx(compared.differences.tolist())


def test_probabilities_that_are_no_numbers_differ_wholly_unless_both_are_none() -> None:
    comparison = Comparison(info([0, 1]), info([0, 1]))
    served, shadow = probable([0, 1], [0.9, 0.1], [0.9, 0.1]), probable([0, 1], [0.9, 0.1], [1, 0])
    for each in (*(served.probabilities or ()), *(shadow.probabilities or ())):
        each[0] = NAN
    (shadow.probabilities or ())[0][1] = NAN

    compared = comparison.compare(served, shadow)

    assert [0.0, 1.0] == compared.differences.tolist()


def test_of_several_outputs_the_largest_difference_counts() -> None:
    several = info([0, 1], ["n", "y"])
    first, second = np.array([[0.9, 0.1]]), np.array([[0.3, 0.7]])
    other = np.array([[0.6, 0.4]])
    served = Predictions(np.array([[0, "y"]], dtype=object), None, (first, second))
    shadow = Predictions(np.array([[0, "n"]], dtype=object), None, (first, other))

    compared = Comparison(several, several).compare(served, shadow)

    assert [False] == compared.agreed.tolist()
    assert [pytest.approx(0.3)] == compared.differences.tolist()


def test_confidences_stand_in_where_one_gives_no_probabilities() -> None:
    comparison = Comparison(info([0, 1]), info([0, 1]))
    served = Predictions(np.array([0, 1, 0]), np.array([0.9, 0.8, 0.7]))

    def differences(shadow: Predictions) -> list[float]:
        return list(comparison.compare(served, shadow).differences)

    assert [0.0, 1.0, 0.0] == differences(labels(0, 0, 0))
    with_confidences = Predictions(np.array([0, 0, 0]), np.array([0.6, 0.8, 0.7]))
    assert [0.3, 1.0, 0.0] == pytest.approx(differences(with_confidences))


def test_answers_of_several_requests_are_compared_as_one() -> None:
    parts = [probable("ab", [0.9, 0.1]), probable("ab", [0.2, 0.8], [0.6, 0.4])]

    together = joined_predictions(parts)

    assert ["a", "b", "a"] == together.labels.tolist()
    assert together.confidences is not None
    assert together.probabilities is not None
    assert [0.9, 0.8, 0.6] == together.confidences.tolist()
    assert [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]] == together.probabilities[0].tolist()


def features(*dtypes: DType, unused: Sequence[int] = ()) -> list[Feature]:
    return [Feature(f"x{j}", dtype, used=j not in unused) for j, dtype in enumerate(dtypes)]


F, F32, INT, BOOL, TEXT = DType.FLOAT64, DType.FLOAT32, DType.INT64, DType.BOOL, DType.STRING


@pytest.mark.parametrize(
    ("served", "shadow", "refusal"),
    [
        (features(F, TEXT), features(F32, TEXT), None),
        (features(INT, BOOL), features(F, INT), None),
        (features(F, F), features(F, F, unused=[1]), None),
        (features(F), features(F, F), "it takes 2 features, not 1"),
        (features(F), [Feature("y", F)], "it takes the feature y in place of x0"),
        (features(TEXT), features(F), "it takes x0 as float64, not as string"),
        (features(F), features(TEXT), "it takes x0 as string, not as float64"),
        (features(F), features(BOOL), "it takes x0 as bool, not as float64"),
        (features(F, unused=[0]), features(F), "it reads x0, whose values nobody has checked"),
    ],
)
def test_a_shadow_must_take_the_same_features(
    served: list[Feature], shadow: list[Feature], refusal: str | None
) -> None:
    comparison = Comparison(info([0, 1], features=served), info([0, 1], features=shadow))

    assert refusal == comparison.refusal


def test_a_shadow_must_answer_the_same_kind_of_question() -> None:
    one, two = info([0, 1]), info([0, 1], [0, 1])
    number = info(None, task=Task.REGRESSION)

    assert "it answers 2 outputs, not 1" == Comparison(one, two).refusal
    assert "its task is regression, not classification" == Comparison(one, number).refusal
    assert "its task is classification, not regression" == Comparison(number, one).refusal
    assert Comparison(one, info(None, task=Task.CLUSTERING)).refusal is None


def test_rows_take_the_form_that_the_shadow_wants() -> None:
    table = Comparison(
        info(None, features=features(F, F)), info(None, features=features(INT, F, unused=[1]))
    )
    same = Comparison(info(None, features=features(F)), info(None, features=features(F32)))
    numbers = Comparison(
        info(None, features=features(INT, BOOL, TEXT)), info(None, features=features(F, F, TEXT))
    )
    matrix = Rows(2, matrix=np.array([[1.0, 2.0], [3.0, 4.0]]))
    columns = (np.array([1]), np.array([True]), np.array(["a"], dtype=object))

    adapted = table.rows_for_shadow(matrix)
    converted = numbers.rows_for_shadow(Rows(1, columns=columns))

    assert adapted.matrix is None
    assert [[1.0, 3.0], [2.0, 4.0]] == [each.tolist() for each in adapted.columns or ()]
    assert same.rows_for_shadow(matrix) is matrix
    assert ["f", "f", "O"] == [each.dtype.kind for each in converted.columns or ()]


@given(st.lists(st.floats(width=64), min_size=1, max_size=20))
def test_whatever_a_regressor_answers_agrees_with_itself(values: list[float]) -> None:
    numbers = info(None, task=Task.REGRESSION)

    compared = Comparison(numbers, numbers).compare(labels(*values), labels(*values))

    assert compared.agreed.all()
    assert [0.0] * len(values) == compared.differences.tolist()


@given(st.floats(width=64), st.floats(width=64))
def test_a_difference_is_never_negative_and_never_missing(one: float, other: float) -> None:
    numbers = info(None, task=Task.REGRESSION)

    (difference,) = (
        Comparison(numbers, numbers).compare(labels(one), labels(other)).differences.tolist()
    )

    assert difference >= 0
