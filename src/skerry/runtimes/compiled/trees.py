"""Single decision trees, by the tree's own compiled code without what surrounds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.runtimes.compiled.base import (
    Block,
    Compile,
    Compiled,
    Compiler,
    Decision,
    Matrix,
    as_matrix,
)
from skerry.runtimes.compiled.decisions import by_probabilities
from skerry.runtimes.compiled.tree_walks import walk_of

_MAX_NODES = 50_000
"""Python's lists of larger trees would take several times their memory."""
_TREE = Compiled(has_jumps=True, ties_are_exact=True)


def _regressor(estimator: Any, _: Compile) -> Compiled:
    values = _values(estimator)
    single = estimator.n_outputs_ == 1

    def predict(block: Block) -> Decision:
        found = values(block)
        return Decision(found[:, 0] if single else found[:, :, 0])

    return Compiled(predict=predict, has_jumps=True)


def _classifier(estimator: Any, _: Compile) -> Compiled:
    values = _values(estimator)
    if estimator.n_outputs_ == 1:
        n_classes = int(estimator.n_classes_)
        return Compiled(
            predict_proba=lambda block: values(block)[:, :n_classes],
            classes=np.asarray(estimator.classes_),
            ties_are_exact=True,
            has_jumps=True,
        )
    counts = [int(n) for n in estimator.n_classes_]

    def predict_proba(block: Block) -> list[Matrix]:
        found = values(block)
        return [found[:, k, :n] for k, n in enumerate(counts)]

    return several_outputs(predict_proba, estimator.classes_, _TREE)


def several_outputs(
    predict_proba: Callable[[Block], list[Matrix]], classes: list[Any], like: Compiled
) -> Compiled:
    """Return a classifier of several outputs whose labels are the most probable classes.

    classes: of each output. like: gives the executor and the rest.
    """
    each = [np.asarray(c) for c in classes]
    dtype = np.result_type(*each) if all(c.dtype.kind in "iufb" for c in each) else each[0].dtype

    def both(block: Block) -> tuple[Decision, list[Matrix]]:
        every = predict_proba(block)
        return by_probabilities(every, each, dtype, ties_are_exact=like.ties_are_exact), every

    return Compiled(
        predict=lambda block: both(block)[0],
        predict_proba=predict_proba,
        both=both,
        ties_are_exact=like.ties_are_exact,
        has_jumps=like.has_jumps,
        executor=like.executor,
    )


def _values(estimator: Any) -> Callable[[Block], NDArray[np.float64]]:
    """Return [n_rows, n_classes] of the leaves, or [n_rows, n_outputs, n_classes]."""
    ask = estimator.tree_.predict
    walk = walk_of(estimator.tree_) if estimator.tree_.node_count <= _MAX_NODES else None
    of_node = np.array(estimator.tree_.value, dtype=np.float64)
    if of_node.shape[1] == 1:
        of_node = of_node[:, 0]

    def values(block: Block) -> NDArray[np.float64]:
        rows = as_matrix(block).astype(np.float32)
        if walk is not None and len(rows) == 1:
            leaf = walk(rows.tolist()[0])
            return of_node[leaf : leaf + 1]
        found: NDArray[np.float64] = ask(rows)
        return found

    return values


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.tree.DecisionTreeClassifier": _classifier,
    "sklearn.tree.DecisionTreeRegressor": _regressor,
    "sklearn.tree.ExtraTreeClassifier": _classifier,
    "sklearn.tree.ExtraTreeRegressor": _regressor,
}
