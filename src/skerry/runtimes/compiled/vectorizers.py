"""Text vectorizers: tokens by scikit-learn's own analyzer, counted into dense rows.

A vocabulary so large that dense rows would cost more than sparse ones has no compiled form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skerry.runtimes.compiled.base import (
    Block,
    Compile,
    Compiled,
    Compiler,
    NotCompiled,
    Undecided,
    as_matrix,
    finite,
)

_MAX_TERMS = 50_000
_MAX_CELLS = 2_000_000
_FEW_TERMS = 500
Counts = dict[int, float]
Weigh = Callable[[Counts], Counts]


def _count(estimator: Any, _: Compile) -> Compiled:
    if np.dtype(estimator.dtype).kind not in "iu" and np.dtype(estimator.dtype) != np.float64:
        raise NotCompiled(f"CountVectorizer(dtype={estimator.dtype}) has no compiled form")
    return _vectorizer(_counter(estimator), len(estimator.vocabulary_), lambda counts: counts)


def _tfidf(estimator: Any, _: Compile) -> Compiled:
    weigh, is_exact = _weights(estimator._tfidf)  # noqa: SLF001 - it is fitted state
    n_terms = len(estimator.vocabulary_)
    return _vectorizer(_counter(estimator), n_terms, weigh, is_exact=is_exact)


def _hashing(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.feature_extraction._hashing_fast.transform``."""
    from sklearn.utils import murmurhash3_32

    _refuse_float32(estimator.dtype)
    analyze = estimator.build_analyzer()
    n_terms, signed, binary = estimator.n_features, estimator.alternate_sign, estimator.binary
    if estimator.norm not in (None, "l1", "l2"):
        raise NotCompiled(f"HashingVectorizer(norm={estimator.norm!r}) has no compiled form")

    def count(text: Any) -> Counts:
        counts: Counts = {}
        for token in analyze(text):
            code = murmurhash3_32(token, 0)
            j = abs(code) % n_terms
            counts[j] = counts.get(j, 0.0) + (-1.0 if signed and code < 0 else 1.0)
        return dict.fromkeys(counts, 1.0) if binary else counts

    norm = estimator.norm
    return _vectorizer(count, n_terms, lambda counts: _normalized(counts, norm))


def _counter(estimator: Any) -> Callable[[Any], Counts]:
    analyze, vocabulary = estimator.build_analyzer(), dict(estimator.vocabulary_)
    binary = estimator.binary

    def count(text: Any) -> Counts:
        counts: Counts = {}
        for token in analyze(text):
            j = vocabulary.get(token)
            if j is not None:
                counts[j] = counts.get(j, 0.0) + 1.0
        return dict.fromkeys(counts, 1.0) if binary else counts

    return count


def _weights(estimator: Any) -> tuple[Weigh, bool]:
    """Return what a ``TfidfTransformer`` makes of counts, and whether with the same bits.

    Sums go by ascending term, as in scikit-learn's sorted sparse rows.
    """
    idf = np.asarray(estimator.idf_, dtype=np.float64).tolist() if estimator.use_idf else None
    sublinear, norm = estimator.sublinear_tf, estimator.norm
    if norm not in (None, "l1", "l2"):
        raise NotCompiled(f"norm={norm!r} of text has no compiled form")

    def weigh(counts: Counts) -> Counts:
        found = dict(sorted(counts.items()))
        if sublinear:
            found = {j: math.log(n) + 1.0 for j, n in found.items()}
        if idf is not None:
            found = {j: n * idf[j] for j, n in found.items()}
        return _normalized(found, norm)

    return weigh, not sublinear


def _normalized(counts: Counts, norm: str | None) -> Counts:
    if norm is None:
        return counts
    if norm == "l2":
        total = math.sqrt(sum(value * value for value in counts.values()))
    else:
        total = sum(map(abs, counts.values()))
    return {j: value / total for j, value in counts.items()} if total else counts


def _vectorizer(
    count: Callable[[Any], Counts], n_terms: int, weigh: Weigh, *, is_exact: bool = True
) -> Compiled:
    if n_terms > _MAX_TERMS:
        raise NotCompiled(f"{n_terms} terms are more than dense rows are made of")

    def counted(text: Any) -> Counts:
        try:
            return weigh(count(text))
        except (AttributeError, TypeError, ValueError) as error:  # no text
            raise Undecided from error

    def transform(block: Block) -> Block:
        texts = block[0].tolist() if isinstance(block, tuple) else block[:, 0].tolist()
        if len(texts) * n_terms > _MAX_CELLS and len(texts) > 1:
            raise Undecided
        made = np.zeros((len(texts), n_terms))
        for row, text in zip(made, texts, strict=True):
            found = counted(text)
            row[list(found)] = list(found.values())
        return made

    def one(values: list[Any]) -> list[Any]:
        made = [0.0] * n_terms
        for j, value in counted(values[0]).items():
            made[j] = value
        return made

    few = n_terms <= _FEW_TERMS
    return Compiled(
        transform=transform,
        transform_one=one if few else None,
        is_exact=is_exact,
        has_jumps=True,
    )


def _tfidf_transformer(estimator: Any, _: Compile) -> Compiled:
    """Source: ``TfidfTransformer.transform``, of dense rows."""
    idf = np.asarray(estimator.idf_, dtype=np.float64) if estimator.use_idf else None
    sublinear, norm = estimator.sublinear_tf, estimator.norm
    if norm not in (None, "l1", "l2"):
        raise NotCompiled(f"norm={norm!r} of text has no compiled form")

    def transform(block: Block) -> Block:
        made = finite(as_matrix(block))
        if sublinear:
            made = np.where(made > 0, np.log(np.where(made > 0, made, 1.0)) + 1.0, made)
        if idf is not None:
            made = made * idf
        if norm is not None:
            totals = (
                np.abs(made).sum(axis=1) if norm == "l1" else np.sqrt((made * made).sum(axis=1))
            )
            made = made / np.where(totals == 0, 1.0, totals)[:, None]
        return made

    return Compiled(transform=transform)


def _refuse_float32(dtype: Any) -> None:
    if np.dtype(dtype) != np.float64:
        raise NotCompiled(f"text as {np.dtype(dtype)} has no compiled form")


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.feature_extraction.CountVectorizer": _count,
    "sklearn.feature_extraction.HashingVectorizer": _hashing,
    "sklearn.feature_extraction.TfidfTransformer": _tfidf_transformer,
    "sklearn.feature_extraction.TfidfVectorizer": _tfidf,
}
