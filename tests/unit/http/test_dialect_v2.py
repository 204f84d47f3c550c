"""The Open Inference Protocol's dialect: what it refuses that nobody reads."""

from __future__ import annotations

import pytest

from skerry.core.errors import MalformedJson, NonFiniteValue
from skerry.core.plan import Candidate, Executor, Parity, Plan, RowRange
from skerry.core.servable import ServableInfo
from skerry.core.signature import DType, Feature, Signature, Task
from skerry.http.dialect_v2 import OPEN_INFERENCE


def model() -> ServableInfo:
    """Return what is known of a model with one feature that is a number."""
    own = Candidate(Executor.NUMPY, accepted=True, duration_us={1: 10.0})
    plan = Plan(Parity.EXACT, (RowRange(1, None, Executor.NUMPY),), (own,))
    signature = Signature((Feature("x", DType.FLOAT64),), ())
    return ServableInfo(signature, Task.REGRESSION, "Model", {}, plan)


def decode(data: str, more: str) -> int:
    tensor = f'{{"name": "x", "datatype": "FP64", "shape": [1, 1], "data": [{data}]}}'
    body = f'{{"inputs": [{tensor}], "mine": {more}}}'.encode()
    rows, _ = OPEN_INFERENCE.decode({}, body, model(), 10)
    return rows.n_rows


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_what_is_no_number_is_refused_also_where_nobody_reads_it(number: str) -> None:
    assert 1 == decode("1.5", "2.5")
    with pytest.raises(MalformedJson, match="not JSON"):
        decode("1.5", number)
    with pytest.raises(NonFiniteValue, match="data"):
        decode(number, number)
