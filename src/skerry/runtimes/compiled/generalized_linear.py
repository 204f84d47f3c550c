"""Generalized linear models: a linear score, and the inverse of the link function of it."""

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
    NotCompiled,
)
from skerry.runtimes.compiled.linear import linear_scores

_INVERSES: Mapping[str, Callable[..., NDArray[np.float64]] | None] = {
    "IdentityLink": None,
    "LogLink": np.exp,
}


def _regressor(estimator: Any, _: Compile) -> Compiled:
    link = type(estimator._base_loss.link).__name__  # noqa: SLF001 - no public name says which link it is
    if link not in _INVERSES:
        raise NotCompiled(f"a generalized linear model with {link} has no compiled form")
    inverse = _INVERSES[link]
    scores = linear_scores(estimator.coef_, estimator.intercept_)
    if inverse is None:
        return Compiled(predict=lambda block: Decision(scores(block)))

    def predict(block: Block) -> Decision:
        found = scores(block)
        return Decision(inverse(found, out=found))

    return Compiled(predict=predict)


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.linear_model.GammaRegressor": _regressor,
    "sklearn.linear_model.PoissonRegressor": _regressor,
    "sklearn.linear_model.TweedieRegressor": _regressor,
}
