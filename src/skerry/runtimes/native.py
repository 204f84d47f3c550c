"""scikit-learn itself, made lean: what is asked of it, and in which form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn import config_context

from skerry.core.rows import Predictions, Rows
from skerry.runtimes.answers import Answers
from skerry.runtimes.model_input import ModelInput, is_moderate


@dataclass(frozen=True, slots=True)
class Native:
    """How a fitted model answers rows.

    skips_finite_checks: the model only scales, sums and compares, so that rows of moderate
        numbers can't overflow on the way and need no second check.
    """

    model_input: ModelInput
    answers: Answers
    skips_finite_checks: bool

    def ask(self, rows: Rows) -> Predictions:
        """Return what the model answers for all rows in one call; whatever it raises passes."""
        with np.errstate(all="ignore"):
            if self.skips_finite_checks and is_moderate(rows):
                with config_context(assume_finite=True):
                    return self.answers.of(self.model_input.of(rows), rows.n_rows)
            return self.answers.of(self.model_input.of(rows), rows.n_rows)
