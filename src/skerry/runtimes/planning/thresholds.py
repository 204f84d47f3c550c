"""Rows on both sides of every split of a model's trees.

A split compares one feature with a threshold, some trees after rounding to float32. A candidate
that compares the other way round, or rounds otherwise, differs exactly there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.runtimes.compiled import lightgbm, xgboost
from skerry.runtimes.compiled.base import NotCompiled
from skerry.runtimes.compiled.tree_inference import imported
from skerry.runtimes.nested import class_path, nested_estimators

Splits = dict[int, list[NDArray[np.float64]]]
_LEAF = -2
_OTHERS = {*lightgbm.COMPILERS, *xgboost.COMPILERS}
"""Wrappers of other libraries' trees, which Treelite reads."""
_MAX_TREES = 400


def split_rows(model: Any, base: NDArray[np.float64], limit: int) -> NDArray[np.float64]:
    """Return float64 [n_rows, n_features]: rows of ``base``, each with one value at a split.

    For each threshold: itself, the next float64 and the next float32 on either side. Of more than
    ``limit``, an even selection. Behind a pipeline's scalers, the thresholds are led back through
    them.
    """
    steps = [step for _, step in getattr(model, "steps", ())]
    splits = splits_of(steps[-1] if steps else model)
    values: list[tuple[int, float]] = []
    for feature, thresholds in splits.items():
        if feature >= base.shape[1]:
            continue
        for threshold in np.unique(np.concatenate(thresholds)).tolist():
            values += [(feature, value) for value in _beside(threshold)]
    if not values:
        return np.empty((0, base.shape[1]))
    chosen = np.linspace(0, len(values) - 1, min(limit, len(values))).astype(np.intp)
    rows = base[np.arange(len(chosen)) % len(base)].copy()
    if steps[:-1]:
        return _led_back(model, rows, [values[i] for i in chosen])
    for i, k in enumerate(chosen):
        feature, value = values[k]
        rows[i, feature] = value
    return rows


def splits_of(model: Any) -> Splits:
    """Return thresholds by feature, of trees of scikit-learn, LightGBM and XGBoost."""
    found: Splits = {}
    trees = 0
    for estimator in nested_estimators(model):
        for features, thresholds in _splits_of_one(estimator):
            trees += 1
            if trees > _MAX_TREES:
                return found
            for feature in np.unique(features).tolist():
                found.setdefault(int(feature), []).append(thresholds[features == feature])
    return found


def _splits_of_one(estimator: Any) -> Iterator[tuple[NDArray[Any], NDArray[np.float64]]]:
    tree = vars(estimator).get("tree_")
    if tree is not None and hasattr(tree, "threshold"):
        inner = tree.feature != _LEAF
        yield tree.feature[inner], tree.threshold[inner]
    for iteration in vars(estimator).get("_predictors", ()) or ():
        for predictor in iteration:
            nodes = predictor.nodes
            inner = (nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)
            yield nodes["feature_idx"][inner].astype(np.intp), nodes["num_threshold"][inner]
    if class_path(estimator) in _OTHERS:
        yield from _splits_by_treelite(estimator)


def _splits_by_treelite(estimator: Any) -> Iterator[tuple[NDArray[Any], NDArray[np.float64]]]:
    try:
        model = imported(estimator)
    except NotCompiled:
        return
    for i in range(model.num_tree):
        tree = model.get_tree_accessor(i)
        inner = tree.get_field("cleft") >= 0
        features, thresholds = tree.get_field("split_index"), tree.get_field("threshold")
        yield features[inner].astype(np.intp), thresholds[inner].astype(np.float64)


def _beside(threshold: float) -> list[float]:
    if not np.isfinite(threshold):
        return []
    single = np.float32(threshold)
    around = [float(single)]
    around += [float(np.nextafter(single, np.float32(side))) for side in (-np.inf, np.inf)]
    exact = [threshold, *(float(np.nextafter(threshold, side)) for side in (-np.inf, np.inf))]
    return sorted({*exact, *around})


def _led_back(
    model: Any, rows: NDArray[np.float64], values: list[tuple[int, float]]
) -> NDArray[np.float64]:
    """Return rows that the pipeline's transformers turn into the split values, nearly."""
    try:
        before = model[:-1]
        inner = np.asarray(before.transform(rows), dtype=np.float64)
        for i, (feature, value) in enumerate(values):
            inner[i, feature] = value
        outer = np.asarray(before.inverse_transform(inner), dtype=np.float64)
    except Exception:  # noqa: BLE001 - not every transformer can be led back
        return np.empty((0, rows.shape[1]))
    if outer.shape != rows.shape:
        return np.empty((0, rows.shape[1]))
    return np.ascontiguousarray(outer[np.isfinite(outer).all(axis=1)])
