"""Text vectorizers give scikit-learn's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.pipeline import make_pipeline

from skerry.runtimes.compiled.base import NotCompiled, Undecided
from skerry.runtimes.compiled.registry import compile_estimator

_WORDS = ["good", "Bad", "film", "été", "sea", "island", "x", "not", "12"]
_TEXTS = [" ".join(_WORDS[i % 9] for i in range(k, k * 2 + 3)) for k in range(12)]

VECTORIZERS: list[Any] = [
    CountVectorizer(),
    CountVectorizer(binary=True, ngram_range=(1, 2)),
    CountVectorizer(analyzer="char", strip_accents="unicode", lowercase=False),
    TfidfVectorizer(),
    TfidfVectorizer(norm="l1", use_idf=False),
    TfidfVectorizer(sublinear_tf=True, norm=None, stop_words=["not"]),
    HashingVectorizer(n_features=16),
    HashingVectorizer(n_features=64, alternate_sign=False, norm="l1"),
    HashingVectorizer(n_features=64, binary=True, norm=None),
    make_pipeline(CountVectorizer(), TfidfTransformer()),
    make_pipeline(CountVectorizer(), TfidfTransformer(sublinear_tf=True, norm="l1")),
]


@pytest.mark.parametrize("vectorizer", VECTORIZERS, ids=str)
@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from([*_WORDS, "unseen", "?"])), min_size=1, max_size=5))
def test_a_text_has_the_same_numbers(vectorizer: Any, words: list[list[str]]) -> None:
    texts = [" ".join(each) for each in words]
    expected = vectorizer.fit(_TEXTS).transform(texts).toarray().astype(np.float64)
    compiled = compile_estimator(vectorizer)
    assert compiled.transform is not None
    together = compiled.transform((np.array([*texts, None], dtype=object)[:-1],))
    alone = [compiled.transform((np.array([text], dtype=object),)) for text in texts]
    found = [np.asarray(together), np.concatenate(alone)]
    if compiled.transform_one is not None:
        found.append(np.array([compiled.transform_one([text]) for text in texts]))
    for each in found:
        if compiled.is_exact:
            assert np.array_equal(each, expected)
        else:
            assert np.allclose(each, expected, rtol=0, atol=1e-14)


def test_what_is_no_text_is_left_to_scikit_learn() -> None:
    compiled = compile_estimator(CountVectorizer().fit(_TEXTS))
    assert compiled.transform is not None
    with pytest.raises(Undecided):
        compiled.transform((np.array([None], dtype=object),))


def test_a_dense_block_of_too_many_cells_is_left_to_scikit_learn() -> None:
    compiled = compile_estimator(HashingVectorizer(n_features=50_000))
    assert compiled.transform is not None
    with pytest.raises(Undecided):
        compiled.transform((np.array(["a"] * 50, dtype=object),))


def test_a_vocabulary_too_large_for_dense_rows_is_not_compiled() -> None:
    with pytest.raises(NotCompiled, match="dense rows"):
        compile_estimator(HashingVectorizer(n_features=2**20))
