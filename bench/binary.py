"""Binary inference over HTTP beside the in-process call of the same model on the same array."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bench.contenders import SKERRY, served
from bench.models import BenchModel
from bench.report import Claim, Report, ratio

_BOUND = 1.15
_WARM_UP = 5
_LENGTH = "Inference-Header-Content-Length"


def add_binary(report: Report, models: Sequence[BenchModel], rounds: int, directory: Path) -> None:
    """Measure, and add the section and its claims. models: fitted with arrays of numbers."""
    rows = [["model", "rows", "in process, ms", "binary infer, ms", "infer / in process"]]
    for model in models:
        array = np.array(model.batch, dtype=np.float64)
        here_s, there_s = _measure(model, array, rounds, directory)
        share = there_s / here_s
        shape = " × ".join(map(str, array.shape))
        rows.append(
            [model.title, shape, f"{1000 * here_s:.2f}", f"{1000 * there_s:.2f}", ratio(share)]
        )
        text = f"binary infer, {model.title}, {shape} FP64: duration / in-process predict_proba"
        report.claims.append(Claim.at_most(text, share, _BOUND))
    report.add(
        "Binary tensors",
        "One client sends the rows as binary data by the Open Inference Protocol and gets"
        " `predict_proba` back as such, from before it makes the request's bytes to the array that"
        f" it makes of the answer's. Medians of {rounds} calls each, in turns; the call in process"
        " is scikit-learn's, one thread, on the other core.",
        rows,
    )


def _measure(
    model: BenchModel, array: NDArray[np.float64], rounds: int, directory: Path
) -> tuple[float, float]:
    """Return the median seconds of a call in process, and of one over HTTP."""
    here_s, there_s = [], []
    with served(SKERRY, model, directory) as up, threadpool_limits(1):
        connection = http.client.HTTPConnection("127.0.0.1", up.port)
        for i in range(_WARM_UP + rounds):
            started_s = time.perf_counter()
            expected = model.estimator.predict_proba(array)
            between_s = time.perf_counter()
            got = _infer(connection, model.name, array)
            ended_s = time.perf_counter()
            if np.abs(got - expected).max() > 1e-9:
                raise AssertionError(f"{model.name}: another answer than scikit-learn's")
            if i >= _WARM_UP:
                here_s.append(between_s - started_s)
                there_s.append(ended_s - between_s)
        connection.close()
    return statistics.median(here_s), statistics.median(there_s)


def _infer(
    connection: http.client.HTTPConnection, model: str, array: NDArray[np.float64]
) -> NDArray[np.float64]:
    given: dict[str, Any] = {
        "name": "input-0",
        "shape": list(array.shape),
        "datatype": "FP64",
        "parameters": {"binary_data_size": array.nbytes},
    }
    wanted = {"name": "predict_proba", "parameters": {"binary_data": True}}
    text = json.dumps({"inputs": [given], "outputs": [wanted]}).encode()
    connection.request(
        "POST",
        f"/v2/models/{model}/infer",
        body=b"".join([text, array.data]),
        headers={_LENGTH: str(len(text))},
    )
    answer = connection.getresponse()
    body, length = answer.read(), int(answer.headers[_LENGTH])
    (output,) = json.loads(body[:length])["outputs"]
    return np.frombuffer(body, dtype="<f8", offset=length).reshape(output["shape"])
