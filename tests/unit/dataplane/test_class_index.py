"""Numbers for classes: the first hundred, and a place for another once one is gone for an hour."""

from __future__ import annotations

from skerry.core.evidence import MAX_CLASSES
from skerry.dataplane.class_index import ClassIndex

HOUR_AND_MORE_S = 3800


def full() -> ClassIndex:
    classes = ClassIndex()
    for number in range(MAX_CLASSES):
        assert number == classes.index_of(f"class {number}", 0)
    return classes


def test_a_class_keeps_its_number() -> None:
    classes = full()

    assert 7 == classes.index_of("class 7", 1)
    assert "class 7" == classes.names()[7]


def test_there_are_at_most_a_hundred() -> None:
    classes = full()

    assert [MAX_CLASSES] * 2 == [classes.index_of(name, 1) for name in ("late", "later")]
    assert MAX_CLASSES == len(classes.names())


def test_the_place_of_one_that_is_gone_is_given_to_another() -> None:
    classes = full()
    for number in range(1, MAX_CLASSES):
        classes.index_of(f"class {number}", HOUR_AND_MORE_S)

    assert 0 == classes.index_of("new", HOUR_AND_MORE_S)
    assert "new" == classes.names()[0]
    assert MAX_CLASSES == classes.index_of("class 0", HOUR_AND_MORE_S)


def test_a_late_count_does_not_make_a_class_older() -> None:
    classes = full()
    for number in range(MAX_CLASSES):
        classes.index_of(f"class {number}", HOUR_AND_MORE_S)
        classes.index_of(f"class {number}", 0)

    assert MAX_CLASSES == classes.index_of("new", HOUR_AND_MORE_S)
