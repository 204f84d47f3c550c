"""Transformers one after another, and an estimator behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any, TypeVar

import numpy as np

from skerry.runtimes.compiled.base import (
    Block,
    Compiled,
    NotCompiled,
    Transform,
    TransformOne,
    block_of,
    count_rows,
    made_of,
    values_of,
)

Result = TypeVar("Result")
UNCHANGED = Compiled(
    transform=lambda block: block, transform_one=lambda values: values, is_exact=True
)
"""What ``passthrough`` does."""


def chained(parts: Sequence[Compiled]) -> Compiled:
    """Return one transformer made of several, the first first.

    Raises:
        NotCompiled: one of them has no compiled ``transform``, or has jumps and follows rounding.
    """
    if len(parts) == 1:
        return parts[0]
    transforms = [transform_of(part) for part in parts]
    is_exact = True
    for part in parts:
        refuse_jumps(part, is_exact)
        is_exact = is_exact and part.is_exact
    # From the first step that has no form for one row on, arrays.
    ones = [part.transform_one for part in takewhile(lambda p: p.transform_one, parts)]
    rest = transforms[len(ones) :]

    def transform(block: Block) -> Block:
        if not isinstance(block, tuple) or not ones or len(block[0]) != 1:
            for each in transforms:
                block = each(block)
            return block
        block = block_of(_in_turn(ones, values_of(block)))
        for each in rest:
            block = each(block)
        return block

    return made_of(
        parts,
        transform=transform,
        transform_one=None if rest else lambda values: _in_turn(ones, values),
        is_exact=is_exact,
    )


def behind(before: Compiled, final: Compiled) -> Compiled:
    """Return an estimator that asks ``final`` what ``before`` made of the rows.

    Raises:
        NotCompiled: ``before`` has no ``transform``, or rounds, and ``final`` has jumps.
    """
    transform = transform_of(before)
    refuse_jumps(final, before.is_exact)

    def after(method: Callable[[Block], Result] | None) -> Callable[[Block], Result] | None:
        return None if method is None else lambda block: method(transform(block))

    return made_of(
        [before, final],
        predict=after(final.predict),
        predict_proba=after(final.predict_proba),
        both=after(final.both),
        decision_function=after(final.decision_function),
        transform=after(final.transform),
        classes=final.classes,
        is_exact=before.is_exact and final.is_exact,
    )


def transform_of(part: Compiled) -> Transform:
    """Return its ``transform``.

    Raises:
        NotCompiled: it has none.
    """
    if part.transform is None:
        raise NotCompiled("transform has no compiled form")
    return part.transform


def refuse_jumps(part: Compiled, is_exact: bool) -> None:
    """Raise ``NotCompiled`` where rounding before it could change its answer by much."""
    if part.has_jumps and not is_exact:
        raise NotCompiled("a step that rounds comes before one whose answer jumps")


def beside(blocks: Sequence[Block]) -> Block:
    """Return the columns of all blocks, from left to right."""
    if any(isinstance(block, tuple) for block in blocks):
        columns: list[Any] = []
        for block in blocks:
            columns.extend(block if isinstance(block, tuple) else block.T)
        return tuple(columns)
    return np.concatenate(blocks, axis=1)


def has_one_row(block: Block) -> bool:
    """Tell whether it is one row, not none and not several."""
    return count_rows(block) == 1


def _in_turn(ones: Sequence[TransformOne | None], values: list[Any]) -> list[Any]:
    for one in ones:
        values = one(values)  # type: ignore[misc]  # those that are None were left out
    return values
