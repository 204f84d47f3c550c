"""Model files and repositories for tests: real estimators, fitted on small data."""

from __future__ import annotations

import os
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

IRIS_ROW = [5.1, 3.5, 1.4, 0.2]
SLOW_ROW = [42.0]
PLUGIN = "skerry_test_estimators"


@cache
def iris_model() -> LogisticRegression:
    features, classes = load_iris(return_X_y=True)
    return LogisticRegression(max_iter=1000).fit(features, classes)


def constant_model(label: int) -> DummyClassifier:
    """Return a classifier of iris rows that always answers the same class."""
    features, classes = load_iris(return_X_y=True)
    model = DummyClassifier(strategy="constant", constant=label)
    return model.fit(features, classes)


def put(repository: Path, model: str, version: str, estimator: object) -> Path:
    """Write a version without a manifest, moved into place as a whole."""
    directory = repository / model / version
    staging = repository / f".tmp-{model}-{version}"
    staging.mkdir(parents=True)
    joblib.dump(estimator, staging / "model.joblib")
    directory.parent.mkdir(parents=True, exist_ok=True)
    staging.rename(directory)
    return directory


def iris_repository(directory: Path, *versions: str) -> Path:
    """Return a repository with the iris model in these versions."""
    repository = directory / "models"
    repository.mkdir()
    for version in versions:
        put(repository, "iris", version, iris_model())
    settle(repository)
    return repository


def settle(repository: Path) -> None:
    """Make every file look as if it had lain there for long."""
    for path in repository.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 60, time.time() - 60))


ESTIMATORS = '''
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LogisticRegression


class SlowRegressor(RegressorMixin, BaseEstimator):
    """Answers 1.0, for the row [42] after a while: asleep, or busy in Python code with the GIL."""

    def __init__(self, seconds=1.0, busy=False):
        self.seconds = seconds
        self.busy = busy

    def fit(self, X, y=None):
        self.n_features_in_ = np.asarray(X).shape[1]
        return self

    def predict(self, X):
        X = np.asarray(X)
        if X[0, 0] == 42:
            end = time.monotonic() + self.seconds
            if self.busy:
                while time.monotonic() < end:
                    sum(range(100))
            else:
                time.sleep(self.seconds)
        return np.ones(len(X))


class Gated(SlowRegressor):
    """Is not read before a file is there, and not at all where that says so; gives up by itself."""

    def __init__(self, gate=""):
        super().__init__()
        self.gate = gate

    def __setstate__(self, state):
        gate, end = Path(state["gate"]), time.monotonic() + 30
        while not gate.exists():
            if time.monotonic() > end:
                raise TimeoutError(f"no {gate}")
            time.sleep(0.01)
        if "fail" in gate.read_text():
            raise ValueError("the gate says so")
        super().__setstate__(state)


class Ballast(RegressorMixin, BaseEstimator):
    """A regressor that holds a given amount of memory."""

    def __init__(self, size_bytes=0):
        self.size_bytes = size_bytes

    def fit(self, X, y=None):
        self.n_features_in_ = np.asarray(X).shape[1]
        self.weights_ = np.random.default_rng(0).normal(size=self.size_bytes // 8)
        return self

    def predict(self, X):
        return np.full(len(X), self.weights_[0])


class Centring(SlowRegressor):
    """Answers how far a row is from the mean of all rows of the call: alone, 0."""

    def predict(self, X):
        time.sleep(0.003)
        X = np.asarray(X)
        return X[:, 0] - X[:, 0].mean()


class Outgoing(SlowRegressor):
    """Answers 1.0, slowly as above; says whose trace it is called in, and with which baggage."""

    def predict(self, X):
        from opentelemetry import baggage, trace

        here = trace.get_current_span().get_span_context()
        print(f"called in {here.trace_id:032x} {here.span_id:016x} {here.trace_flags:02x}"
              f" with {dict(baggage.get_all())}", flush=True)
        time.sleep(0.003)
        return super().predict(X)


class Picky(SlowRegressor):
    """Answers twice the value, and refuses a call that has a 13 in it."""

    def predict(self, X):
        time.sleep(0.003)
        X = np.asarray(X)
        if (X == 13).any():
            raise ValueError("13")
        return X[:, 0] * 2


class Fragile(LogisticRegression):
    """Takes its time, and fails on a row whose last value is 13; it tells which row that was."""

    def predict_proba(self, X):
        time.sleep(0.003)
        X = np.asarray(X)
        if (X[:, -1] == 13).any():
            raise RuntimeError(f"no answer to {X.tolist()}")
        return super().predict_proba(X)
'''


def estimators(directory: Path) -> Any:
    """Return a module of estimators of a user's own, importable from the folder it returns in.

    Servers find it by PYTHONPATH, which docs/repository.md describes.
    """
    folder = directory / "plugins"
    folder.mkdir(exist_ok=True)
    (folder / f"{PLUGIN}.py").write_text(ESTIMATORS, encoding="utf-8")
    sys.modules.pop(PLUGIN, None)
    sys.path.insert(0, str(folder))
    try:
        module = __import__(PLUGIN)
    finally:
        sys.path.remove(str(folder))
    return module


def slow_repository(directory: Path, *, seconds: float, busy: bool = False) -> Path:
    """Return a repository whose model takes its time for ``SLOW_ROW``; needs ``plugin_env``."""
    repository = directory / "models"
    repository.mkdir(exist_ok=True)
    module = estimators(directory)
    put(repository, "slow", "v1", module.SlowRegressor(seconds, busy).fit(np.zeros((2, 1))))
    settle(repository)
    return repository


def gated_repository(directory: Path, gate: Path) -> Path:
    """Return a repository whose model is being read until the gate is there: "open", or "fail".

    The file appears as a whole where it is renamed into place; needs ``plugin_env``.
    """
    repository = directory / "models"
    repository.mkdir(exist_ok=True)
    put(repository, "gated", "v1", estimators(directory).Gated(str(gate)).fit(np.zeros((2, 1))))
    settle(repository)
    return repository


def open_gate(gate: Path, word: str = "open") -> None:
    """Let a gated model be read, or fail."""
    staging = gate.with_suffix(".tmp")
    staging.write_text(word, encoding="ascii")
    staging.rename(gate)


def plugin_env(directory: Path) -> dict[str, str]:
    """Return the environment in which a server finds the estimators of ``estimators``."""
    return {"PYTHONPATH": os.pathsep.join([str(directory / "plugins"), *_python_path()])}


def _python_path() -> list[str]:
    given = os.environ.get("PYTHONPATH")
    return [given] if given else []


def outgoing_repository(directory: Path) -> Path:
    """Return a repository whose model tells what it would pass on; needs ``plugin_env``."""
    repository = directory / "models"
    repository.mkdir(exist_ok=True)
    module = estimators(directory)
    put(repository, "outgoing", "v1", module.Outgoing(seconds=0.5).fit(np.zeros((2, 1))))
    settle(repository)
    return repository


def companions_repository(directory: Path) -> Path:
    """Return a repository whose models care who else is in their call; needs ``plugin_env``."""
    repository = directory / "models"
    repository.mkdir(exist_ok=True)
    module = estimators(directory)
    put(repository, "centring", "v1", module.Centring().fit(np.zeros((2, 1))))
    put(repository, "picky", "v1", module.Picky().fit(np.zeros((2, 1))))
    settle(repository)
    return repository
