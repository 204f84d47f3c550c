"""Headers by name."""

from __future__ import annotations

from skerry.http.header_fields import header_fields, text_of


def test_several_lines_of_one_name_are_a_list() -> None:
    fields = header_fields([(b"a", b"1"), (b"b", b"2"), (b"a", b"3")])

    assert {b"a": b"1, 3", b"b": b"2"} == fields


def test_a_value_is_latin_1_and_absence_is_none() -> None:
    fields = header_fields([(b"a", b"\xe9")])

    assert ("\u00e9", None) == (text_of(fields, b"a"), text_of(fields, b"b"))


def test_thousands_of_names_and_one_twice_take_no_time_to_speak_of() -> None:
    lines = [(b"n%d" % i, b"") for i in range(100_000)]

    assert b", " == header_fields([*lines, lines[0]])[b"n0"]
