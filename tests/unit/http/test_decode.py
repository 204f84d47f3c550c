"""Bodies to rows: the fast way and the explaining way agree, and neither takes long."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.errors import (
    BatchTooLarge,
    EmptyBatch,
    InvalidBody,
    MalformedJson,
    NonFiniteValue,
    RequestError,
    SkerryError,
    WrongFeatureCount,
)
from skerry.core.row_values import to_row, to_rows
from skerry.core.rows import Rows
from skerry.core.signature import DType, Feature, Output, Signature
from skerry.http.decode import decode_batch, decode_row
from skerry.http.json_values import parse_json

FEATURES = (
    Feature("a", DType.FLOAT64),
    Feature("b", DType.FLOAT32),
    Feature("c", DType.INT64, categories=(0, 1, 2), accepts_unseen=False),
)
FAST = Signature(FEATURES, (Output("prediction", DType.INT64, (0, 1)),))
MAX_ROWS = 5
MIB = 1024 * 1024


# As written in JSON, so that the literals come in every form.
LITERALS = st.one_of(
    st.floats().map(json.dumps),
    st.integers().map(str),
    st.integers(0, 2).map(str),
    st.sampled_from(["1e400", "-1e400", "1" + "0" * 400, "5e-324", "-0", "1E2", "3.5e38", "2.0"]),
    st.sampled_from(["9007199254740993", "9223372036854775808", "1.0000000000000002220446049"]),
    st.sampled_from(["true", "false", "null", '"1"', "[]", "[1]", "{}", "NaN", "Infinity"]),
)
# Mostly rows of the right length, or nothing would be accepted.
ROWS = st.one_of(
    st.tuples(st.integers(-9, 9).map(str), st.floats(-1e3, 1e3).map(json.dumps), LITERALS),
    st.tuples(LITERALS, LITERALS, st.integers(0, 2).map(str)),
    st.lists(LITERALS, max_size=4).map(tuple),
).map(lambda values: f"[{', '.join(values)}]")


def outcome(call: Callable[[], Rows]) -> Any:
    """Return the rows bit for bit, or the error as the caller sees it."""
    try:
        rows = call()
    except SkerryError as error:
        return type(error), error.detail
    assert rows.matrix is not None
    return rows.matrix.shape, rows.matrix.tobytes()


@given(ROWS)
@np.errstate(over="ignore")  # as every thread that predicts is quiet about it
def test_the_fast_way_and_the_explaining_way_agree_on_a_row(row: str) -> None:
    body = f'{{"features": {row}}}'.encode()

    explained = outcome(lambda: to_row(FAST, parse_json(body)["features"]))

    assert explained == outcome(lambda: decode_row(body, FAST)[0])


@given(st.lists(ROWS, min_size=1, max_size=MAX_ROWS))
@np.errstate(over="ignore")  # as every thread that predicts is quiet about it
def test_the_fast_way_and_the_explaining_way_agree_on_a_batch(rows: list[str]) -> None:
    body = f'{{"features": [{", ".join(rows)}]}}'.encode()

    explained = outcome(lambda: to_rows(FAST, parse_json(body)["features"]))

    assert explained == outcome(lambda: decode_batch(body, FAST, MAX_ROWS)[0])


@given(st.binary() | st.text().map(str.encode))
@np.errstate(over="ignore")
def test_whatever_comes_is_refused_or_taken(body: bytes) -> None:
    with suppress(RequestError):
        decode_row(body, FAST)
    with suppress(RequestError):
        decode_batch(body, FAST, MAX_ROWS)


@pytest.mark.parametrize("wanted", [True, False])
def test_tells_whether_probabilities_are_wanted(wanted: bool) -> None:
    text = json.dumps(wanted)
    by_list = f'{{"features": [1, 2, 0], "return_probabilities": {text}}}'.encode()
    by_name = f'{{"features": {{"a":1,"b":2,"c":0}}, "return_probabilities": {text}}}'.encode()

    assert wanted == decode_row(by_list, FAST)[1] == decode_row(by_name, FAST)[1]


@pytest.mark.parametrize(
    ("body", "error", "detail"),
    [
        (b"", MalformedJson, "the body is not JSON: EOF while parsing a value"),
        (b"[]", InvalidBody, 'body: expected an object such as {"features": …}, got a list of 0'),
        (b"NaN", NonFiniteValue, 'body: expected an object such as {"features": …}, got nan'),
        (b"{}", InvalidBody, "body: expected an object with 'features', got one without"),
        (b'{"features": 1}', InvalidBody, "features: expected a list or an object, got 1"),
        (
            b'{"features": [1, 2, 0], "x": 1}',
            InvalidBody,
            "body: expected only features and return_probabilities, got 'x', too",
        ),
        (
            b'{"features": [1, 2, 0], "return_probabilities": 1}',
            InvalidBody,
            "return_probabilities: expected true or false, got 1",
        ),
    ],
)
def test_a_body_of_another_schema_is_explained(
    body: bytes, error: type[RequestError], detail: str
) -> None:
    with pytest.raises(error) as caught:
        decode_row(body, FAST)

    assert caught.value.detail.startswith(detail)


def test_each_wrong_key_is_a_mismatch_but_not_without_end() -> None:
    body = json.dumps({f"key{i}": i for i in range(1000)}).encode()

    with pytest.raises(InvalidBody) as caught:
        decode_row(body, FAST)

    assert 11 == len(caught.value.mismatches)


@pytest.mark.parametrize(
    ("body", "error", "detail"),
    [
        (b'{"features": []}', EmptyBatch, "features: expected at least one row, got an empty list"),
        (
            b'{"features": [1, 2, 0]}',
            InvalidBody,
            "features[0]: expected a row: a list of values or an object by feature name, got 1;"
            " one row goes to …/predict",
        ),
        (
            b'{"features": [[1], [1], [1], [1], [1], [1]]}',
            BatchTooLarge,
            "features: expected at most 5 rows, got 6 (SKERRY_MAX_BATCH_ROWS)",
        ),
        (b'{"features": {"a": 1}}', InvalidBody, "features: expected a list, got an object"),
    ],
)
def test_a_batch_of_another_shape_is_explained(
    body: bytes, error: type[RequestError], detail: str
) -> None:
    with pytest.raises(error) as caught:
        decode_batch(body, FAST, MAX_ROWS)

    assert detail == caught.value.detail


@pytest.mark.parametrize("unit", [b"[],", b"{},", b"1,", b'"a",', b"[", b"[[]],", b'{"a":1},'])
def test_a_body_of_a_million_values_is_refused_unparsed(unit: bytes) -> None:
    body = b'{"features":[' + unit * (4 * MIB // len(unit)) + b"1]}"
    started_s = time.process_time()

    with pytest.raises(WrongFeatureCount):
        decode_row(body, FAST)
    with pytest.raises(BatchTooLarge):
        decode_batch(body, FAST, 1000)

    # Parsed, each of these takes seconds; the bound leaves room for a slow machine.
    assert time.process_time() - started_s < 0.5


def test_a_text_may_be_full_of_brackets() -> None:
    model = Signature((Feature("text", DType.STRING),), FAST.outputs)
    text = '[{,\\"' * 100_000

    rows, _ = decode_batch(json.dumps({"features": [[text]]}).encode(), model, MAX_ROWS)

    assert rows.columns is not None
    assert [text] == rows.columns[0].tolist()


def test_a_whole_number_has_no_negative_zero() -> None:
    rows, _ = decode_row(b'{"features": [-0.0, -0.0, -0.0]}', FAST)

    assert rows.matrix is not None
    assert [True, True, False] == np.signbit(rows.matrix[0]).tolist()
