"""A fitted scikit-learn object that answers rows. Nothing here changes after it was prepared."""

from __future__ import annotations

import numpy as np
from sklearn import config_context

from skerry.core.rows import Predictions, Rows
from skerry.core.servable import ServableInfo
from skerry.runtimes.answers import Answers
from skerry.runtimes.model_input import ModelInput, is_moderate
from skerry.runtimes.release import release


class ScikitServable:
    """Predicts with scikit-learn itself.

    skips_finite_checks: the model only scales, sums and compares, so that rows of moderate
        numbers can't overflow on the way and need no second check.
    """

    def __init__(
        self,
        info: ServableInfo,
        model_input: ModelInput,
        answers: Answers,
        *,
        skips_finite_checks: bool,
    ) -> None:
        self._info = info
        self._input = model_input
        self._answers: Answers | None = answers
        self._skips_finite_checks = skips_finite_checks

    @property
    def info(self) -> ServableInfo:
        """Facts about it."""
        return self._info

    def predict(self, rows: Rows) -> Predictions:
        """Answer validated rows, with what scikit-learn answers for all of them in one call.

        Blocking; several threads may call. Whatever the model raises passes through.
        """
        answers = self._answers
        if answers is None:
            raise RuntimeError("the servable was released")
        lean = self._skips_finite_checks and is_moderate(rows)
        with np.errstate(all="ignore"), config_context(assume_finite=lean):
            return answers.of(self._input.of(rows), rows.n_rows)

    def release(self) -> None:
        """Free the model in small steps; it must be in nobody's use."""
        answers, self._answers = self._answers, None
        if answers is not None:
            owner = [answers.model]
            del answers
            release(owner)
