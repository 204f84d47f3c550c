"""What the table that a model was trained on tells about its features: for the manifest.

Runs where a model is packaged, never in a server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from skerry.core.errors import RequestError
from skerry.core.row_values import to_rows
from skerry.core.rows import Rows
from skerry.core.signature import DType, Feature, Signature

if TYPE_CHECKING:
    import pandas as pd

_BUCKETS = 10
_MAX_CATEGORIES = 100


@dataclass(frozen=True, slots=True)
class TrainingTable:
    """A table, seen as a model's input.

    signature: the model's, with the dtypes, ranges and categories of the data; prepare the model
        with it before golden samples are made.
    training: the manifest's ``training``.
    columns: the table's column for each feature, in order.
    ignored: columns that are no features.
    """

    signature: Signature
    training: Mapping[str, Any]
    columns: tuple[str, ...]
    ignored: tuple[str, ...]


def describe_table(signature: Signature, table: pd.DataFrame) -> TrainingTable:
    """Return what a table of training rows adds to an inferred signature.

    Columns are found by feature name. A model that was fitted without names takes the columns in
    order, and their names, if there are as many as features.

    Raises:
        ValueError: a feature has no column, or a column is of a type that JSON does not have.
    """
    names = [str(name) for name in table.columns]
    columns = _columns(signature, names)
    features, described = [], {}
    for feature, column in zip(signature.features, columns, strict=True):
        values = table.iloc[:, names.index(column)]
        refined = _refined(replace(feature, name=_name(signature, feature, column)), values)
        features.append(refined)
        described[refined.name] = _described(refined, values)
    return TrainingTable(
        signature=Signature(tuple(features), signature.outputs),
        training={"rows": len(table), "features": described},
        columns=tuple(columns),
        ignored=tuple(name for name in names if name not in columns),
    )


def table_rows(described: TrainingTable, table: pd.DataFrame, n: int, seed: int) -> Rows:
    """Return up to ``n`` rows of the table, in its order; the same for the same seed.

    Raises:
        ValueError: none of the rows is one that the signature allows.
    """
    order = np.random.default_rng(seed).permutation(len(table))
    names = [str(name) for name in table.columns]
    positions = [names.index(column) for column in described.columns]
    chosen: dict[int, list[Any]] = {}
    for i in order.tolist():
        row = [
            _json(feature, table.iat[i, j])
            for feature, j in zip(described.signature.features, positions, strict=True)
        ]
        try:
            to_rows(described.signature, [row])
        except RequestError:
            continue
        chosen[i] = row
        if len(chosen) == n:
            break
    if not chosen:
        raise ValueError("none of the table's rows is one that the model takes")
    return to_rows(described.signature, [chosen[i] for i in sorted(chosen)])


def _columns(signature: Signature, names: list[str]) -> list[str]:
    wanted = [feature.name for feature in signature.features]
    missing = [
        feature.name for feature in signature.features if feature.used and feature.name not in names
    ]
    if not missing:
        return [name if name in names else names[0] for name in wanted]
    if _are_generated(signature) and len(names) == len(wanted):
        return names
    hint = f"; without names, exactly {len(wanted)} columns are taken in order"
    raise ValueError(
        f"the table has no column for {', '.join(missing[:_BUCKETS])}"
        + (hint if _are_generated(signature) else "")
    )


def _are_generated(signature: Signature) -> bool:
    names = [feature.name for feature in signature.features]
    return names in ([f"x{i}" for i in range(len(names))], ["text"])


def _name(signature: Signature, feature: Feature, column: str) -> str:
    return column if _are_generated(signature) and len(signature.features) > 1 else feature.name


def _refined(feature: Feature, values: pd.Series[Any]) -> Feature:
    dtype = feature.dtype
    found = _dtype(feature, values)
    if not feature.used or (dtype is DType.FLOAT64 and feature.categories is None):
        dtype = found
    if dtype is DType.STRING:
        if feature.categories is not None or feature.name == "text":
            return replace(feature, dtype=dtype)
        known = sorted({str(value) for value in values.dropna().unique()})
        few = known if len(known) <= _MAX_CATEGORIES else None
        return replace(feature, dtype=dtype, categories=None if few is None else tuple(few))
    numbers = _numbers(values)
    if dtype is DType.BOOL or not len(numbers):
        return replace(feature, dtype=dtype)
    return replace(feature, dtype=dtype, range=(float(numbers.min()), float(numbers.max())))


def _dtype(feature: Feature, values: pd.Series[Any]) -> DType:
    import pandas as pd
    from pandas.api import types

    if types.is_bool_dtype(values):
        return DType.BOOL
    if types.is_integer_dtype(values):
        return DType.INT64
    if types.is_float_dtype(values):
        return DType.FLOAT64
    if isinstance(values.dtype, pd.CategoricalDtype):
        return _dtype(feature, values.cat.categories.to_series())
    present = values.dropna()
    if all(isinstance(value, bool) for value in present):
        return DType.BOOL
    if all(isinstance(value, str) for value in present):
        return DType.STRING
    raise ValueError(f"the column of {feature.name} is of {values.dtype}; JSON has no such type")


def _described(feature: Feature, values: pd.Series[Any]) -> dict[str, Any]:
    missing = int(values.isna().sum())
    if feature.dtype is DType.STRING:
        counted = values.dropna().astype(str).value_counts().head(_MAX_CATEGORIES)
        categories, counts = counted.index.tolist(), counted.tolist()
        return {"missing": missing, "categories": categories, "counts": counts}
    numbers = _numbers(values)
    if not len(numbers):
        return {"min": None, "max": None, "missing": missing, "edges": [], "counts": []}
    edges = np.unique(np.quantile(numbers, np.linspace(0.0, 1.0, _BUCKETS + 1)))
    if len(edges) == 1:
        edges = np.repeat(edges, 2)
    return {
        "min": float(numbers.min()),
        "max": float(numbers.max()),
        "missing": missing,
        "edges": edges.tolist(),
        "counts": np.histogram(numbers, edges)[0].tolist(),
    }


def _numbers(values: pd.Series[Any]) -> Any:
    """Return the finite numbers of a column, float64."""
    import pandas as pd

    present = pd.to_numeric(values.dropna(), errors="coerce").to_numpy(dtype=np.float64)
    return present[np.isfinite(present)]


def _json(feature: Feature, value: Any) -> Any:
    import pandas as pd

    if value is None or pd.isna(value):
        return None
    if feature.dtype is DType.STRING:
        return str(value)
    return value.item() if hasattr(value, "item") else value
