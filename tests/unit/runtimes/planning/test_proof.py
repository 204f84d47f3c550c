from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from skerry.core.plan import Candidate, Executor
from skerry.core.rows import Predictions, Rows
from skerry.core.signature import DType, Feature, Signature
from skerry.runtimes.compiled.answering import Answered
from skerry.runtimes.compiled.base import Undecided
from skerry.runtimes.planning.proof import Proof

SIGNATURE = Signature((Feature("x0", DType.FLOAT64), Feature("x1", DType.FLOAT64)), ())
ROWS = Rows(4, matrix=np.arange(8.0).reshape(4, 2))
CLASSES = np.array(["a", "b"])
PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5], [0.0, 1.0]])


def classified(rows: Rows) -> Predictions:
    """Answer by the rows' position in ``ROWS``, as a classifier does."""
    assert rows.matrix is not None
    at = (rows.matrix[:, 0] / 2).astype(int)
    p = PROBABILITIES[at]
    return Predictions(CLASSES[p.argmax(axis=1)], p.max(axis=1), (p,))


def regressed(rows: Rows) -> Predictions:
    assert rows.matrix is not None
    return Predictions(rows.matrix.sum(axis=1) * 1000)


def proved(
    expected: Predictions, ask: Callable[[Rows], Answered], tolerance: float = 1e-9
) -> Candidate:
    proof = Proof(SIGNATURE, tolerance)
    proof.compare(ROWS, expected, ask)
    return proof.evidence(Executor.NUMPY)


def changed(predictions: Predictions, **fields: Any) -> Answered:
    parts = {
        "labels": predictions.labels,
        "confidences": predictions.confidences,
        "probabilities": predictions.probabilities,
    }
    uncertain = fields.pop("uncertain", None)
    return Answered(Predictions(**{**parts, **fields}), uncertain)


def test_equal_answers_are_accepted_with_the_number_of_rows() -> None:
    evidence = proved(classified(ROWS), lambda rows: Answered(classified(rows), None))
    assert (True, None, 8) == (evidence.accepted, evidence.reason, evidence.probe_rows)
    assert evidence.worst is None


def test_another_label_is_refused_and_names_row_and_answers() -> None:
    def ask(rows: Rows) -> Answered:
        found = classified(rows)
        labels = found.labels.copy()
        assert rows.matrix is not None
        labels[rows.matrix[:, 0] == 2.0] = "a"
        return changed(found, labels=labels)

    evidence = proved(classified(ROWS), ask)
    assert not evidence.accepted
    assert evidence.reason is not None
    assert "other labels" in evidence.reason
    assert evidence.worst == {
        "row": [2.0, 3.0],
        "expected": {"prediction": "b", "probabilities": [0.2, 0.8]},
        "got": {"prediction": "a", "probabilities": [0.2, 0.8]},
    }


@pytest.mark.parametrize(
    ("off", "tolerance", "accepted"),
    [(0.9e-9, 1e-9, True), (1.1e-9, 1e-9, False), (1.1e-9, 1e-5, True), (1.1e-5, 1e-5, False)],
)
def test_numbers_agree_relative_to_what_is_right(
    off: float, tolerance: float, accepted: bool
) -> None:
    def ask(rows: Rows) -> Answered:
        found = regressed(rows)
        return changed(found, labels=found.labels * (1 + off))

    assert accepted is proved(regressed(ROWS), ask, tolerance).accepted


def test_a_probability_that_differs_is_refused_though_labels_agree() -> None:
    def ask(rows: Rows) -> Answered:
        found = classified(rows)
        assert found.probabilities is not None
        return changed(found, probabilities=(found.probabilities[0] + 1e-8,))

    evidence = proved(classified(ROWS), ask)
    assert (False, 0) == (evidence.accepted, evidence.labels_differ)
    assert 1e-8 == pytest.approx(evidence.max_relative_difference)


def test_rows_that_scikit_learn_answers_are_not_held_against_it() -> None:
    def ask(rows: Rows) -> Answered:
        found = classified(rows)
        labels = np.full_like(found.labels, "a")
        return changed(found, labels=labels, uncertain=labels != found.labels)

    assert proved(classified(ROWS), ask).accepted


def test_one_row_alone_must_be_answered_as_among_others() -> None:
    def ask(rows: Rows) -> Answered:
        found = regressed(rows)
        return changed(found, labels=found.labels + (0 if rows.n_rows > 1 else 1))

    assert not proved(regressed(ROWS), ask).accepted


@pytest.mark.parametrize(("call_s", "n_alone"), [(0.0, 64), (0.05, 8)])
def test_fewer_rows_are_asked_alone_where_that_takes_long(
    call_s: float, n_alone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, alone = 0.0, []
    many = Rows(2000, matrix=np.arange(4000.0).reshape(2000, 2))

    def ask(rows: Rows) -> Answered:
        nonlocal now_s
        now_s += call_s
        if rows.n_rows == 1 and rows.matrix is not None:
            alone.append(rows.matrix[0, 0] / 2)
        return Answered(regressed(rows), None)

    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    Proof(SIGNATURE, 1e-9).compare(many, regressed(many), ask)

    assert n_alone == len(set(alone)) == len(alone)
    assert min(alone) < 250
    assert max(alone) > 1700


@pytest.mark.parametrize(
    ("labels", "words"),
    [(np.zeros(3), "for \\(4,\\)"), (np.zeros(4, dtype=int), "int64 for float64")],
)
def test_answers_of_another_shape_or_type_are_refused(labels: Any, words: str) -> None:
    evidence = proved(regressed(ROWS), lambda _: Answered(Predictions(labels), None))
    assert not evidence.accepted
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(evidence.reason)


def test_a_candidate_that_raises_is_refused_with_what_it_said() -> None:
    def ask(_: Rows) -> Answered:
        raise IndexError("no such tree")

    assert "raised IndexError: no such tree" == proved(regressed(ROWS), ask).reason


def test_nan_equals_nan_and_nothing_else() -> None:
    nan = Predictions(np.array([np.nan, 1.0, 1.0, 1.0]))
    zero = Predictions(np.array([0.0, 1.0, 1.0, 1.0]))

    def answering(predictions: Predictions) -> Callable[[Rows], Answered]:
        def ask(rows: Rows) -> Answered:
            assert rows.matrix is not None
            return Answered(predictions.take((rows.matrix[:, 0] / 2).astype(np.intp)), None)

        return ask

    assert proved(nan, answering(nan)).accepted
    assert not proved(nan, answering(zero)).accepted


def test_rows_beside_one_that_is_left_to_scikit_learn_are_compared_by_themselves() -> None:
    def ask(rows: Rows) -> Answered:
        assert rows.matrix is not None
        if (rows.matrix[:, 0] == 0).any():
            raise Undecided
        labels = np.where(rows.matrix[:, 0] == 4, "other", classified(rows).labels)
        return changed(classified(rows), labels=labels)

    evidence = proved(classified(ROWS), ask)

    assert not evidence.accepted
    assert evidence.worst is not None
    assert [4.0, 5.0] == evidence.worst["row"]


def test_what_answers_no_row_itself_is_not_accepted() -> None:
    def ask(rows: Rows) -> Answered:
        raise Undecided

    evidence = proved(classified(ROWS), ask)

    assert (False, "it leaves every probe row to scikit-learn") == (
        evidence.accepted,
        evidence.reason,
    )
