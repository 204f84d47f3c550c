"""How far rows are from those that a model was trained on: counts by feature, and an index.

Pure values and rules; what is known of training comes from the signature and the manifest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.core.rows import Rows
from skerry.core.signature import DType, Feature, Signature

REMEMBERED_ROWS = 10_000
"""The index is about as many rows, the latest: beyond twice that, what was counted is halved."""
MIN_ROWS = 200
"""With fewer rows, chance alone makes the index large."""
_SMALLEST_SHARE = 1e-4


class FeatureDrift:
    """What was seen of one feature.

    training: what the manifest tells of it; n_rows: of the training table.
    out_of_range, unseen, missing: rows so far; None where the feature can't be so.
    """

    def __init__(self, feature: Feature, training: Mapping[str, Any], n_rows: int) -> None:
        self.name = feature.name
        self.out_of_range = None if feature.range is None else 0
        self.unseen = 0 if feature.categories and feature.accepts_unseen else None
        self.missing = 0 if feature.nullable else None
        self._low, self._high = feature.range or (-math.inf, math.inf)
        self._categories = frozenset(feature.categories or ())
        self._bin_of = _bins(feature, training)
        self._expected = np.array(training.get("counts") or (), dtype=np.float64)
        if feature.dtype is DType.STRING:  # The manifest has the most frequent categories only.
            rest = n_rows - int(training.get("missing") or 0) - float(self._expected.sum())
            self._expected = np.append(self._expected, max(0.0, rest))
        self._seen = np.zeros(len(self._expected))

    def count(self, values: NDArray[Any]) -> None:
        """Count a column: float64 [n], NaN where missing; or object [n], None where missing."""
        is_text = values.dtype.kind == "O"
        absent = _is_none(values) if is_text else np.isnan(values)
        present = values[~absent]
        if self.missing is not None:
            self.missing += int(absent.sum())
        if self.out_of_range is not None and not is_text:
            self.out_of_range += int(((present < self._low) | (present > self._high)).sum())
        if self.unseen is not None:
            known = self._categories
            self.unseen += sum(value not in known for value in present.tolist())
        if self._bin_of is not None:
            self._seen += np.bincount(self._bin_of(present), minlength=len(self._seen))
            if self._seen.sum() > 2 * REMEMBERED_ROWS:
                self._seen /= 2

    def stability_index(self) -> float | None:
        """Return the population stability index; None where training or rows tell too little.

        0: rows are spread as in training. From 0.25 on, they are of another kind.
        Source: Siddiqi, Credit Risk Scorecards (2006); an empty bin counts as one in 10,000.
        """
        if self._bin_of is None or self._seen.sum() < MIN_ROWS:
            return None
        seen, expected = _shares(self._seen), _shares(self._expected)
        return float(np.sum((seen - expected) * np.log(seen / expected)))


class VersionDrift:
    """What was seen of one version's features, and in how many rows.

    training: the manifest's. What stands there is not validated; this raises what comes of it.
    """

    def __init__(self, signature: Signature, training: Mapping[str, Any] | None) -> None:
        training = training or {}
        described, n_rows = training.get("features") or {}, int(training.get("rows") or 0)
        self.rows = 0
        self.features = tuple(
            FeatureDrift(feature, described.get(feature.name) or {}, n_rows)
            for feature in signature.features
        )

    def count(self, parts: Sequence[Rows]) -> None:
        """Count rows of this version's signature."""
        for rows in parts:
            self.rows += rows.n_rows
        matrices = [rows.matrix for rows in parts if rows.matrix is not None]
        if matrices:
            for feature, values in zip(self.features, np.concatenate(matrices).T, strict=True):
                feature.count(values)
        tables = [rows.columns for rows in parts if rows.columns is not None]
        if tables:
            for feature, columns in zip(self.features, zip(*tables, strict=True), strict=True):
                feature.count(_joined(columns))


def _joined(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    joined = np.concatenate(columns)
    return joined if joined.dtype.kind == "O" else joined.astype(np.float64)


def _is_none(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.array([value is None for value in values.tolist()], dtype=np.bool_)


def _bins(
    feature: Feature, training: Mapping[str, Any]
) -> Callable[[NDArray[Any]], NDArray[np.intp]] | None:
    """Return what tells the bin of each value, as training was counted; None without counts."""
    counts, edges = training.get("counts") or (), training.get("edges") or ()
    if not sum(counts):
        return None
    if feature.dtype is DType.STRING:
        categories = training.get("categories") or ()
        if len(categories) != len(counts):
            return None
        index = {category: i for i, category in enumerate(categories)}
        return lambda values: np.array(
            [index.get(value, len(index)) for value in values.tolist()], dtype=np.intp
        )
    if len(edges) != len(counts) + 1:
        return None
    # The outermost bins take what is beyond them.
    inner = np.array(edges[1:-1], dtype=np.float64)
    return lambda values: np.searchsorted(inner, values, side="right")


def _shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = np.maximum(counts / counts.sum(), _SMALLEST_SHARE)
    return np.asarray(shares / shares.sum(), dtype=np.float64)
