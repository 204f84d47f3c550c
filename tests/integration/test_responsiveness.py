"""The event loop is never blocked: not by predictions, not by loads.

Each test prints what it measured; its bounds are generous and only catch a loop that hangs.
"""

from __future__ import annotations

import asyncio
import json
import pickle
from pathlib import Path

import httpx
import joblib
import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline

from tests.integration.models import (
    IRIS_ROW,
    SLOW_ROW,
    iris_repository,
    plugin_env,
    slow_repository,
)
from tests.integration.probe import summary, waiting_times
from tests.integration.server import serve

HANG_S = 1.0


@pytest.mark.slow
@pytest.mark.parametrize("predicts", [1, 4])
@pytest.mark.parametrize("busy", [False, True], ids=["asleep", "holding-the-gil"])
def test_livez_answers_while_long_predictions_run(
    tmp_path: Path, predicts: int, busy: bool
) -> None:
    repository = slow_repository(tmp_path, seconds=4, busy=busy)
    with serve(repository, env=plugin_env(tmp_path)) as server:

        async def predict() -> list[int]:
            async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
                calls = [
                    client.post("/api/v1/predict", json={"features": SLOW_ROW})
                    for _ in range(predicts)
                ]
                return [answer.status_code for answer in await asyncio.gather(*calls)]

        with waiting_times(server.url) as times:
            statuses = asyncio.run(predict())

    print(f"/livez beside {predicts} long predictions (busy: {busy}): {summary(times)}")
    assert [200] * predicts == statuses
    assert max(times) < HANG_S


def forest_file(directory: Path) -> Path:
    """Write a forest of about 100 MB."""
    features, classes = make_classification(20_000, 20, n_informative=15, random_state=0)
    forest = RandomForestClassifier(100, n_jobs=2, random_state=0).fit(features, classes)
    copies = -(-100_000_000 // len(pickle.dumps(forest)))
    forest.estimators_ = forest.estimators_ * copies
    forest.estimators_ = [pickle.loads(pickle.dumps(tree)) for tree in forest.estimators_]
    forest.n_estimators = len(forest.estimators_)
    file = directory / "forest.joblib"
    joblib.dump(forest, file)
    assert file.stat().st_size > 90_000_000
    return file


def vectorizer_file(directory: Path) -> Path:
    """Write a text classifier with a vocabulary of a million words."""
    words = 1_000_000
    vectorizer = CountVectorizer()
    vectorizer.vocabulary_ = {f"word{i}": i for i in range(words)}
    vectorizer.fixed_vocabulary_ = False
    classifier = SGDClassifier(loss="log_loss")
    classifier.classes_ = np.array(["no", "yes"])
    classifier.coef_ = np.random.default_rng(0).normal(size=(1, words))
    classifier.intercept_ = np.zeros(1)
    classifier.n_features_in_ = words
    file = directory / "vectorizer.pkl"
    file.write_bytes(pickle.dumps(make_pipeline(vectorizer, classifier)))
    return file


@pytest.mark.slow
def test_nobody_waits_while_large_models_load(tmp_path: Path) -> None:
    files = [forest_file(tmp_path), vectorizer_file(tmp_path)]
    repository = iris_repository(tmp_path, "v1")
    body = json.dumps({"features": IRIS_ROW}).encode()
    with serve(repository, env={"SKERRY_DEFAULT_MODEL": "iris"}) as server:
        with (
            waiting_times(server.url) as livez,
            waiting_times(server.url, "/api/v1/predict", body) as predict,
        ):
            for file in files:
                directory = repository / file.stem / "v1"
                directory.parent.mkdir()
                staging = repository / f".tmp-{file.stem}"
                staging.mkdir()
                file.rename(staging / f"model{file.suffix}")
                staging.rename(directory)
                server.wait_for_state(file.stem, "v1", "READY", timeout_s=120)

        answer = server.client.post(
            "/api/v1/models/vectorizer/predict", json={"features": ["word1 word2"]}
        )

    print(f"/livez while large models load: {summary(livez)}")
    print(f"predict while large models load: {summary(predict)}")
    assert answer.json()["prediction"] in {"no", "yes"}
    assert max(livez + predict) < HANG_S
