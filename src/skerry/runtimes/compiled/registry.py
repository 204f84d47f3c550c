"""Finds the compiler of an estimator: of scikit-learn's own classes and of known wrappers.

A subclass may override anything, so it has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.runtimes.compiled import (
    adaboost,
    boosting,
    centroids,
    committees,
    composition,
    delegation,
    encoders,
    forests,
    generalized_linear,
    imputers,
    kernel_machines,
    lightgbm,
    linear,
    linear_classifiers,
    mixtures,
    multiclass,
    naive_bayes,
    neighbor_models,
    neural,
    simple,
    svm,
    transformers_choosing,
    transformers_projecting,
    transformers_scaling,
    transformers_shaping,
    trees,
    vectorizers,
    xgboost,
)
from skerry.runtimes.compiled.base import Compiled, Compiler, NotCompiled
from skerry.runtimes.nested import class_path

_MAX_DEPTH = 20

COMPILERS: Mapping[str, Compiler] = {
    **adaboost.COMPILERS,
    **boosting.COMPILERS,
    **centroids.COMPILERS,
    **committees.COMPILERS,
    **composition.COMPILERS,
    **delegation.COMPILERS,
    **encoders.COMPILERS,
    **forests.COMPILERS,
    **generalized_linear.COMPILERS,
    **imputers.COMPILERS,
    **kernel_machines.COMPILERS,
    **lightgbm.COMPILERS,
    **linear.COMPILERS,
    **linear_classifiers.COMPILERS,
    **mixtures.COMPILERS,
    **multiclass.COMPILERS,
    **naive_bayes.COMPILERS,
    **neighbor_models.COMPILERS,
    **neural.COMPILERS,
    **simple.COMPILERS,
    **svm.COMPILERS,
    **transformers_choosing.COMPILERS,
    **transformers_projecting.COMPILERS,
    **transformers_scaling.COMPILERS,
    **transformers_shaping.COMPILERS,
    **trees.COMPILERS,
    **vectorizers.COMPILERS,
    **xgboost.COMPILERS,
}
"""Public name of the class, e.g. ``sklearn.linear_model.Ridge``, to its compiler."""


def compile_estimator(estimator: Any, depth: int = 0) -> Compiled:
    """Return the compiled form of a fitted estimator.

    Raises:
        NotCompiled: it has none, for the reason given.
    """
    name = class_path(estimator)
    compiler = COMPILERS.get(name)
    if compiler is None or depth > _MAX_DEPTH:
        raise NotCompiled(f"{name} has no compiled form")
    try:
        return compiler(estimator, lambda part: compile_estimator(part, depth + 1))
    except NotCompiled:
        raise
    except Exception as error:
        # Fitted attributes may be missing, or of another shape than any release documents.
        raise NotCompiled(f"{name}: {type(error).__name__}: {error}") from error
