"""XGBoost's wrappers for scikit-learn, to the last bit of their float32 arithmetic."""

from __future__ import annotations

import json
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
    NotCompiled,
    as_matrix,
)
from skerry.runtimes.compiled.leaf_bits import leaf_bits
from skerry.runtimes.compiled.tree_inference import booster_of, imported, rounded

Single = NDArray[np.float32]

_ONE = np.float32(1)
_LARGEST = np.float32(88.7)
_REGRESSIONS = ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror")
"""Objectives whose prediction is the sum itself."""

_STEPS = 32
_PER_STEP = float.fromhex("0x1.71547652b82fep+0") * _STEPS
_CUBIC = float.fromhex("0x1.c6af84b912394p-5") / _STEPS**3
_SQUARE = float.fromhex("0x1.ebfce50fac4f3p-3") / _STEPS**2
_LINEAR = float.fromhex("0x1.62e42ff0c52d6p-1") / _STEPS


def _regressor(estimator: Any, _: Compile) -> Compiled:
    if estimator.objective not in _REGRESSIONS:
        raise NotCompiled(f"XGBoost's objective {estimator.objective!r} has no compiled form")
    sums = _sums(estimator, 1, lambda base: base)
    return Compiled(predict=lambda block: Decision(sums(block)[:, 0]), has_jumps=True)


def _classifier(estimator: Any, _: Compile) -> Compiled:
    """Source: ``XGBClassifier.predict_proba``; ``predict`` is its argmax."""
    classes = np.asarray(estimator.classes_)
    if estimator.objective == "binary:logistic" and len(classes) == 2:
        sums = _sums(estimator, 1, _log_odds)

        def predict_proba(block: Block) -> Matrix:
            share = _ONE / (_exp(np.minimum(-sums(block)[:, 0], _LARGEST)) + _ONE)
            return np.column_stack([_ONE - share, share]).astype(np.float64)

    elif estimator.objective == "multi:softprob":
        sums = _sums(estimator, len(classes), lambda base: base)

        def predict_proba(block: Block) -> Matrix:
            found = sums(block)
            powers = _exp(found - found.max(axis=1, keepdims=True))
            total = np.add.accumulate(powers, axis=1, dtype=np.float64)[:, -1:]
            return (powers / total.astype(np.float32)).astype(np.float64)

    else:
        raise NotCompiled(
            f"XGBoost's objective {estimator.objective!r} of {len(classes)} classes has no"
            " compiled form"
        )
    return Compiled(predict_proba=predict_proba, classes=classes, has_jumps=True)


def _sums(
    estimator: Any, n_classes: int, link: Callable[[Single], Single]
) -> Callable[[Block], Single]:
    """Return the sums of all trees, added one after the other as XGBoost adds them.

    link: from the base score to what the trees add to.
    """
    if estimator.booster not in (None, "gbtree"):
        raise NotCompiled(f"XGBoost's booster {estimator.booster!r} has no compiled form")
    if estimator.missing is not None and not np.isnan(estimator.missing):
        raise NotCompiled(f"XGBoost with missing={estimator.missing} has no compiled form")
    config = json.loads(booster_of(estimator).save_config())["learner"]["learner_model_param"]
    base = np.ravel(json.loads(config["base_score"])).astype(np.float32)
    bits = leaf_bits(imported(estimator), np.broadcast_to(link(base), n_classes))
    if bits is None:
        raise NotCompiled(
            "XGBoost's trees with more than 64 leaves, or splits by category, have no compiled form"
        )
    return lambda block: bits(rounded(as_matrix(block)))


def _log_odds(share: Single) -> Single:
    """Source: XGBoost, ``LogisticRegression::ProbToMargin``."""
    return -np.log((_ONE / share - _ONE).astype(np.float64)).astype(np.float32)


def _exp(numbers: Single) -> Single:
    """Return what the C library's ``expf`` does, which rounds otherwise than numpy's.

    Source: ``expf`` of Arm's optimized routines, which is glibc's and musl's: 2^(k/32) times a
    polynomial, in float64, rounded once.
    """
    scaled = _PER_STEP * numbers.astype(np.float64)
    whole = np.rint(scaled)
    rest = scaled - whole
    power = (_CUBIC * rest + _SQUARE) * (rest * rest) + (_LINEAR * rest + 1.0)
    return (power * np.exp2(whole / _STEPS)).astype(np.float32)


COMPILERS: Mapping[str, Compiler] = {
    "xgboost.sklearn.XGBClassifier": _classifier,
    "xgboost.sklearn.XGBRegressor": _regressor,
}
