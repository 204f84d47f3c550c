"""Text that a model raised, without the values that it was asked about.

The text goes to the log, where a caller's data must not be; what is wrong can be told without.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from skerry.core.rows import Rows

HIDDEN = "…"
"""What stands for a value."""
_READ_CHARACTERS = 4000
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# Texts show numbers rounded, and models round them to float32 before.
_TOLERANCE = 1e-4


def raised_text(error: BaseException, rows: Rows | None, *, limit: int = 500) -> str:
    """Return an exception's type and text, at most ``limit`` characters of it.

    rows: what the model was asked; their texts and numbers are hidden. None where nothing was.
    """
    name = type(error).__name__
    try:
        text = str(error)[:_READ_CHARACTERS]
    except Exception:  # noqa: BLE001 - a model's exception may raise when it is to be text
        return name
    return f"{name}: {text if rows is None else _without_values(text, rows)}"[:limit]


def _without_values(text: str, rows: Rows) -> str:
    columns = rows.columns or ()
    texts = {each for column in columns if column.dtype.kind == "O" for each in column.tolist()}
    for value in sorted((v for v in texts if isinstance(v, str)), key=len, reverse=True):
        for form in {value, repr(value)[1:-1]}:
            if form and form in text:
                text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", HIDDEN, text)
    numbers = _numbers(rows)
    return _NUMBER.sub(lambda m: HIDDEN if _is_among(float(m[0]), numbers) else m[0], text)


def _numbers(rows: Rows) -> NDArray[np.float64]:
    if rows.matrix is not None:
        return rows.matrix.ravel()
    columns = [column for column in rows.columns or () if column.dtype.kind in "if"]
    return np.concatenate([np.zeros(0), *(column.astype(np.float64) for column in columns)])


def _is_among(number: float, numbers: NDArray[np.float64]) -> bool:
    return bool((np.abs(numbers - number) <= _TOLERANCE * abs(number)).any())
