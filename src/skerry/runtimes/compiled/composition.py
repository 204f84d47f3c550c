"""Pipelines, column transformers and unions: which columns go where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from skerry.runtimes.compiled.base import (
    Block,
    Compile,
    Compiled,
    Compiler,
    NotCompiled,
    as_matrix,
    block_of,
    columns_of,
    made_of,
    values_of,
)
from skerry.runtimes.compiled.chains import (
    UNCHANGED,
    behind,
    beside,
    chained,
    has_one_row,
    transform_of,
)


def _pipeline(estimator: Any, compile_: Compile) -> Compiled:
    parts = [_part(step, compile_) for _, step in estimator.steps]
    parts = [part for part in parts if part is not UNCHANGED]
    if not parts:
        return UNCHANGED
    final = parts[-1]
    if len(parts) == 1:
        return final
    answers = final.predict is not None or final.predict_proba is not None
    return behind(chained(parts[:-1]), final) if answers else chained(parts)


def _column_transformer(estimator: Any, compile_: Compile) -> Compiled:
    """Source: ``ColumnTransformer.transform``: what is dropped or has no columns is left out."""
    indices_of = estimator._transformer_to_input_indices  # noqa: SLF001 - the one place that resolves names, masks and callables
    weights = estimator.transformer_weights or {}
    parts, selections = [], []
    for name, transformer, _ in estimator.transformers_:
        indices = [int(i) for i in indices_of[name]]
        if not indices or _is(transformer, "drop"):
            continue
        parts.append(_weighted(_part(transformer, compile_), weights.get(name)))
        selections.append(indices)
    return side_by_side(parts, selections)


def _union(estimator: Any, compile_: Compile) -> Compiled:
    weights = estimator.transformer_weights or {}
    parts = [
        _weighted(_part(transformer, compile_), weights.get(name))
        for name, transformer in estimator.transformer_list
        if not _is(transformer, "drop")
    ]
    return side_by_side(parts, [None] * len(parts))


def side_by_side(parts: Sequence[Compiled], selections: Sequence[Sequence[int] | None]) -> Compiled:
    """Return the parts' outputs from left to right, each of its own columns; None for all."""
    if not parts:
        raise NotCompiled("a transformer without columns has no compiled form")
    transforms = [transform_of(part) for part in parts]
    ones = [part.transform_one for part in parts]
    by_parts = list(zip(transforms, selections, strict=True))
    pick = [_picker(selection) for selection in selections]
    by_values = list(zip(ones, pick, strict=True))
    narrow = all(part.transform_one is not None for part in parts)

    def transform_one(values: list[Any]) -> list[Any]:
        found: list[Any] = []
        for one, chosen in by_values:
            found += one(chosen(values))  # type: ignore[misc]  # asked only where there are all
        return found

    def transform(block: Block) -> Block:
        if narrow and has_one_row(block):
            return block_of(transform_one(values_of(block)))
        return beside(
            [
                each(block if selection is None else columns_of(block, selection))
                for each, selection in by_parts
            ]
        )

    return made_of(
        parts,
        transform=transform,
        transform_one=transform_one if narrow else None,
        is_exact=all(part.is_exact for part in parts),
    )


def _picker(selection: Sequence[int] | None) -> Any:
    if selection is None:
        return lambda values: values
    if len(selection) > 1:
        get = itemgetter(*selection)
        return lambda values: get(values)
    only = selection[0]
    return lambda values: [values[only]]


def _part(step: Any, compile_: Compile) -> Compiled:
    return UNCHANGED if step is None or _is(step, "passthrough") else compile_(step)


def _is(step: Any, word: str) -> bool:
    return isinstance(step, str) and step == word


def _weighted(part: Compiled, weight: float | None) -> Compiled:
    if weight is None:
        return part
    factor = float(weight)

    def transform(block: Block) -> Block:
        return np.multiply(as_matrix(block), factor)

    times = Compiled(
        transform=transform,
        transform_one=lambda values: [value * factor for value in values],
        is_exact=True,
    )
    return chained([part, times])


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.compose.ColumnTransformer": _column_transformer,
    "sklearn.pipeline.FeatureUnion": _union,
    "sklearn.pipeline.Pipeline": _pipeline,
}
