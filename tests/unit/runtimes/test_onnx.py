"""ONNX files, converted from scikit-learn, answer what ONNX Runtime answers for them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression

from skerry.core.errors import Unreadable, Unsupported
from skerry.core.plan import Executor, Parity
from skerry.core.row_values import to_rows
from skerry.core.rows import Rows
from skerry.core.servable import Servable
from skerry.core.signature import DType, Task
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.registry import runtime_for

pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
skl2onnx = pytest.importorskip("skl2onnx", reason="the converter is not installed")

X, Y = load_iris(return_X_y=True)
SPECIES = np.array(["setosa", "versicolor", "virginica"])[Y]
OPSET = {"": 18, "ai.onnx.ml": 3}


def content_of(model: Any, **options: Any) -> bytes:
    given = X[:1].astype(np.float32)
    converted = skl2onnx.to_onnx(model, given, target_opset=OPSET, **options)
    data: bytes = converted.SerializeToString()
    return data


def served(content: bytes) -> Servable:
    runtime, options = runtime_for("onnx"), LoadOptions()
    return runtime.prepare(runtime.read(io.BytesIO(content), "onnx", options), Known(), options)


@pytest.mark.parametrize("zipmap", [True, False])
def test_a_classifier_has_labels_and_probabilities(zipmap: bool) -> None:
    model = LogisticRegression(max_iter=1000).fit(X, Y)
    servable = served(content_of(model, options={"zipmap": zipmap}))
    found = servable.predict(Rows(len(X), matrix=X))

    assert Task.CLASSIFICATION is servable.info.task
    assert (0, 1, 2) == servable.info.signature.outputs[0].classes
    assert model.predict(X).tolist() == found.labels.tolist()
    assert found.probabilities is not None
    assert np.allclose(model.predict_proba(X), found.probabilities[0], rtol=0, atol=1e-5)


def test_classes_of_text_come_with_their_probabilities() -> None:
    servable = served(content_of(LogisticRegression(max_iter=1000).fit(X, SPECIES)))
    found = servable.predict(Rows(1, matrix=X[:1]))
    assert ("setosa", "versicolor", "virginica") == servable.info.signature.outputs[0].classes
    assert ["setosa"] == found.labels.tolist()
    assert found.confidences is not None
    assert found.confidences[0] > 0.9


def test_a_regressor_answers_numbers() -> None:
    model = LinearRegression().fit(X, Y)
    servable = served(content_of(model))
    found = servable.predict(Rows(len(X), matrix=X))
    assert Task.REGRESSION is servable.info.task
    assert found.confidences is None
    assert np.allclose(model.predict(X), found.labels, rtol=0, atol=1e-5)


def test_features_are_those_of_the_input() -> None:
    servable = served(content_of(LinearRegression().fit(X, Y)))
    features = servable.info.signature.features
    assert [("x0", DType.FLOAT32), ("x3", DType.FLOAT32)] == [
        (f.name, f.dtype) for f in (features[0], features[-1])
    ]
    assert 1 == to_rows(servable.info.signature, [[1, 2, 3, 4]]).n_rows


def test_single_columns_are_features_by_their_name() -> None:
    from skl2onnx.common.data_types import FloatTensorType

    model = LinearRegression().fit(X[:, :1], Y)
    types = [("petal_width", FloatTensorType([None, 1]))]
    converted = skl2onnx.to_onnx(model, initial_types=types, target_opset=OPSET)
    names = [f.name for f in served(converted.SerializeToString()).info.signature.features]
    assert ["x0"] == names  # one input is a matrix, however narrow


def test_the_plan_names_the_runtime_and_its_cost() -> None:
    plan = served(content_of(LinearRegression().fit(X, Y))).info.plan
    assert Executor.ONNX is plan.executor_for(1)
    duration_us = plan.duration_us(1)
    assert duration_us is not None
    assert duration_us > 0


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x08\x07" * 50])
def test_what_is_no_model_is_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable, match="ONNX Runtime refuses it"):
        served(content)


def test_a_truncated_file_is_unreadable() -> None:
    content = content_of(LinearRegression().fit(X, Y))
    with pytest.raises((Unreadable, Unsupported)):
        served(content[: len(content) // 2])


def test_a_released_servable_says_so() -> None:
    servable = served(content_of(LinearRegression().fit(X, Y)))
    servable.release()
    with pytest.raises(RuntimeError, match="released"):
        servable.predict(Rows(1, matrix=X[:1]))


@pytest.mark.parametrize(
    ("model", "parity", "accepted"),
    [
        (LogisticRegression(max_iter=1000), Parity.TOLERANT, True),
        (LogisticRegression(max_iter=1000), Parity.EXACT, False),
        (LinearRegression(), Parity.EXACT, False),
    ],
)
def test_as_an_executor_it_is_held_against_scikit_learn(
    model: Any, parity: Parity, accepted: bool
) -> None:
    options = LoadOptions(parity=parity, onnx_executor=True)
    servable = runtime_for("joblib").prepare(model.fit(X, Y), Known(), options)
    candidate = servable.info.plan.candidate(Executor.ONNX)
    assert candidate is not None
    assert (accepted, True) == (candidate.accepted, candidate.probe_rows > 0)
    assert bool(candidate.duration_us) is accepted


def test_what_the_converter_does_not_take_is_told() -> None:
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression().fit(X[:, 0], Y)
    options = LoadOptions(onnx_executor=True)
    plan = runtime_for("joblib").prepare(model, Known(), options).info.plan
    candidate = plan.candidate(Executor.ONNX)
    assert candidate is not None
    assert str(candidate.reason).startswith("skl2onnx: ")
