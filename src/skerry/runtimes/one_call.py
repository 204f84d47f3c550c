"""Which labels follow from probabilities, so that one call answers both questions.

What is claimed here holds by scikit-learn's own code, and is tried on probe rows before it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.runtimes.answers import Rule, Shape, as_labels
from skerry.runtimes.argmax import TIE, is_argmax
from skerry.runtimes.compiled.decisions import by_probabilities, by_probability

_Each = tuple[NDArray[np.float64], ...]


def label_rule(model: Any, shape: Shape, labels: NDArray[Any]) -> Rule | None:
    """Return how labels follow from the probabilities, None where no such rule is known.

    labels: some answers of ``predict``, whose type the rule keeps.
    """
    if shape is Shape.SINGLE:
        return _most_probable(model) or _beyond_threshold(model)
    if shape is Shape.SEVERAL and is_argmax(model):
        return _each_most_probable(model.classes_, labels.dtype)
    if shape is Shape.PER_LABEL and _named(model, "MLPClassifier"):
        return _likely(labels.dtype)
    return None


def _most_probable(model: Any) -> Rule | None:
    classes = getattr(model, "classes_", None)
    if classes is None and _named(model, "GaussianMixture", "BayesianGaussianMixture"):
        classes = np.arange(model.n_components)
    if not isinstance(classes, np.ndarray) or not is_argmax(model):
        return None
    known = as_labels(classes)

    def rule(each: _Each) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        chosen, _, uncertain = by_probability(each[0], known)
        return chosen, uncertain

    return rule


def _each_most_probable(classes: Sequence[Any], dtype: Any) -> Rule:
    known = [as_labels(each) for each in classes]

    return lambda each: by_probabilities(each, known, dtype)


def _likely(dtype: Any) -> Rule:
    def rule(each: _Each) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        likely = np.array([p[:, 1] for p in each]).T
        unsure = ~(np.abs(likely - 0.5) > TIE)
        return (likely > 0.5).astype(dtype), unsure if unsure.any() else None

    return rule


def _beyond_threshold(model: Any) -> Rule | None:
    if not _named(model, "FixedThresholdClassifier", "TunedThresholdClassifierCV"):
        return None
    if model.response_method not in ("auto", "predict_proba") or len(model.classes_) != 2:
        return None
    border, k = threshold_of(model, "predict_proba")
    names = as_labels(model.classes_)[[1 - k, k]]

    def rule(each: _Each) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        score = each[0][:, k]
        unsure = ~(np.abs(score - border) > TIE)
        return names[(score >= border).astype(np.intp)], unsure if unsure.any() else None

    return rule


def threshold_of(model: Any, method: str) -> tuple[float, int]:
    """Return from which score on a thresholded classifier answers a class, and which class.

    method: ``predict_proba`` or ``decision_function``, which scores. The class is a place in
    ``classes_``, which are two.

    Source: ``_threshold_scores_to_class_labels`` of ``sklearn.model_selection``.
    """
    if hasattr(model, "best_threshold_"):
        threshold = model.best_threshold_
        positive = model._curve_scorer._get_pos_label()  # noqa: SLF001 - no public name
    else:
        threshold, positive = model.threshold, model.pos_label
    if threshold == "auto":
        threshold = 0.5 if method == "predict_proba" else 0.0
    k = 1 if positive is None else int(np.flatnonzero(model.classes_ == positive)[0])
    return float(threshold), k


def _named(model: Any, *names: str) -> bool:
    cls = type(model)
    return cls.__module__.startswith("sklearn.") and cls.__name__ in names
