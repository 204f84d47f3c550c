from __future__ import annotations

import pickle
import sys
from io import BytesIO

import pytest

from skerry.runtimes.large_dict import MANY_ENTRIES, set_items
from skerry.runtimes.unpickler import InterruptibleUnpickler


def _filled(n_entries: int, batch: int = 1000) -> tuple[dict[str, int], dict[str, int]]:
    expected = {f"w{i}": i for i in range(n_entries)}
    pairs = [part for pair in expected.items() for part in pair]
    found: dict[str, int] = {}
    for start in range(0, len(pairs), 2 * batch):
        found = set_items(found, pairs[start : start + 2 * batch])
    return found, expected


@pytest.mark.parametrize("n_entries", [0, 1, MANY_ENTRIES, MANY_ENTRIES + 1, 2 * MANY_ENTRIES + 5])
def test_holds_the_same_entries_in_the_same_order(n_entries: int) -> None:
    found, expected = _filled(n_entries)
    assert found == expected
    assert list(found) == list(expected)


def test_is_no_larger_than_a_dict_that_grew_by_itself() -> None:
    found, expected = _filled(2 * MANY_ENTRIES + 5)
    assert sys.getsizeof(found) == sys.getsizeof(expected)


def test_a_key_that_is_there_already_is_replaced_at_the_limit() -> None:
    found, expected = _filled(MANY_ENTRIES)
    found = set_items(found, ["w0", -1, "w1", -2])
    assert found == {**expected, "w0": -1, "w1": -2}
    assert list(found) == list(expected)


@pytest.mark.parametrize("protocol", range(1, pickle.HIGHEST_PROTOCOL + 1))
def test_a_large_dict_stays_one_object_wherever_it_is_referred_to(protocol: int) -> None:
    large = {f"w{i}": i for i in range(2 * MANY_ENTRIES + 5)}
    data = pickle.dumps({"first": large, "again": [large]}, protocol)
    found = InterruptibleUnpickler(BytesIO(data)).read_object()
    assert isinstance(found, dict)
    assert found["first"] == large
    assert found["again"][0] is found["first"]


def test_a_large_dict_that_holds_itself_stays_itself() -> None:
    large: dict[object, object] = {i: i for i in range(MANY_ENTRIES - 10)}
    large["self"] = large
    large.update({f"w{i}": i for i in range(MANY_ENTRIES)})
    found = InterruptibleUnpickler(BytesIO(pickle.dumps(large))).read_object()
    assert isinstance(found, dict)
    assert found["self"] is found
    assert len(found) == len(large)
