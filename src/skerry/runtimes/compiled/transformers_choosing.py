"""Transformers that choose columns, or turn them: selectors, PCA, SVD."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skerry.runtimes.compiled.base import (
    Block,
    Compile,
    Compiled,
    Compiler,
    Matrix,
    NotCompiled,
    columns_of,
    finite,
)


def selected(estimator: Any) -> Compiled:
    """Return the columns that a fitted selector keeps.

    Raises:
        NotCompiled: it keeps none.
    """
    from sklearn.utils import get_tags

    indices = np.flatnonzero(estimator.get_support()).tolist()
    if not indices:
        raise NotCompiled("a selector that keeps no column has no compiled form")
    allows_missing = bool(get_tags(estimator).input_tags.allow_nan)

    def transform(block: Block) -> Block:
        if not allows_missing and not isinstance(block, tuple):
            finite(block)
        return columns_of(block, indices)

    return Compiled(
        transform=transform,
        transform_one=(lambda values: [values[i] for i in indices]) if allows_missing else None,
        is_exact=True,
    )


def _selector(estimator: Any, _: Compile) -> Compiled:
    return selected(estimator)


def _pca(estimator: Any, _: Compile) -> Compiled:
    """Source: ``_BasePCA.transform``."""
    turn = np.ascontiguousarray(np.asarray(estimator.components_, dtype=np.float64).T)
    shift = np.asarray(estimator.mean_, dtype=np.float64).dot(turn)
    scale = None
    if estimator.whiten:
        scale = np.sqrt(np.asarray(estimator.explained_variance_, dtype=np.float64))
        scale = np.maximum(scale, np.finfo(scale.dtype).eps)

    def transform(block: Block) -> Block:
        found: Matrix = finite(block).dot(turn)
        found -= shift
        return found if scale is None else np.divide(found, scale, out=found)

    return Compiled(transform=transform)


def _svd(estimator: Any, _: Compile) -> Compiled:
    turn = np.ascontiguousarray(np.asarray(estimator.components_, dtype=np.float64).T)

    def transform(block: Block) -> Block:
        found: Matrix = finite(block).dot(turn)
        return found

    return Compiled(transform=transform)


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.decomposition.IncrementalPCA": _pca,
    "sklearn.decomposition.PCA": _pca,
    "sklearn.decomposition.TruncatedSVD": _svd,
    **{
        f"sklearn.feature_selection.{name}": _selector
        for name in (
            "GenericUnivariateSelect",
            "SelectFdr",
            "SelectFpr",
            "SelectFromModel",
            "SelectFwe",
            "SelectKBest",
            "SelectPercentile",
            "SequentialFeatureSelector",
            "VarianceThreshold",
        )
    },
}
