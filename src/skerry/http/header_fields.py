"""A request's headers by name, made of what the parser gives, in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Fields = Mapping[bytes, bytes]
"""Lower-case name to value."""


def header_fields(lines: Sequence[tuple[bytes, bytes]]) -> Fields:
    """Return the value of each header; several lines of one name are a list with commas.

    Those of cookies have semicolons, because a cookie's value may have commas.

    lines: lower-case names and values, in the order of the request.

    Source: RFC 9110, section 5.3; RFC 9113, section 8.2.3.
    """
    fields = dict(lines)
    if len(fields) == len(lines):
        return fields
    values: dict[bytes, list[bytes]] = {name: [] for name in fields}
    for name, value in lines:
        values[name].append(value)
    return {
        name: (b"; " if name == b"cookie" else b", ").join(each) for name, each in values.items()
    }


def text_of(fields: Fields, name: bytes) -> str | None:
    """Return a header's value as text, None where the request has none."""
    value = fields.get(name)
    return None if value is None else value.decode("latin-1")
