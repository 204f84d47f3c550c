"""How many threads numpy's libraries may start inside one prediction."""

from __future__ import annotations

import os

# Predictions are spread over threads; more threads inside each would fight for the same CPUs.
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def limit_native_threads() -> None:
    """Make it one, unless the environment says otherwise. Call it before numpy is imported."""
    for variable in _VARIABLES:
        os.environ.setdefault(variable, "1")
