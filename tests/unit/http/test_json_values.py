"""JSON within bounds: malformed bodies, and bodies of too many values."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.errors import MalformedJson
from skerry.http.json_values import has_more_values, parse_finite_json, parse_json


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"{", b'{"a": 01}', b'["\\ud800"]', b"\xef\xbb\xbf{}", b"[" * 10**6]
)
def test_refuses_what_is_no_json(body: bytes) -> None:
    with pytest.raises(MalformedJson, match=r"^the body is not JSON: "):
        parse_json(body)
    with pytest.raises(MalformedJson, match=r"^the body is not JSON: "):
        parse_finite_json(body)


@pytest.mark.parametrize("body", [b"[NaN]", b"[-Infinity]", b"[1e400]", b"[1" + b"0" * 400 + b"]"])
def test_finite_json_has_no_number_beyond_float64(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        parse_finite_json(body)


def test_the_last_of_two_keys_counts() -> None:
    assert {"a": 2} == parse_json(b'{"a": 1, "a": 2}') == parse_finite_json(b'{"a": 1, "a": 2}')


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b"", 0),
        (b"[1,2,3]", 3),
        (b'{"a": [], "b": {}}', 4),
        (b'["[[[,,,{{{"]', 1),
        (b'["\\"[,", 1]', 2),
        (b'["\\\\", 1]', 2),
        (b'["\\\\\\"[", 1]', 2),
    ],
)
def test_counts_what_does_not_stand_in_strings(body: bytes, values: int) -> None:
    assert not has_more_values(body, values)
    assert values == 0 or has_more_values(body, values - 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def count(value: object) -> int:
    """Count the signs that open or separate values, as a parser sees them."""
    if not isinstance(value, list | dict):
        return 0
    parts = value.values() if isinstance(value, dict) else value
    return max(1, len(value)) + sum(count(part) for part in parts)


@given(JSON, st.booleans())
def test_counts_as_a_parser_does(value: object, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    values = count(value)

    assert not has_more_values(body, values)
    assert values == 0 or has_more_values(body, values - 1)
