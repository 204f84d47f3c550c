"""Served over HTTP, every model answers what scikit-learn answers in process on the same rows.

One server holds the whole zoo; the rows of a model travel in one request.
"""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import pytest

from tests.conformance.v2_client import body_of, outputs_of, request_of
from tests.integration.server import RunningServer, serve
from tests.zoo import DRAWS_AT_RANDOM, REFUSED, Specimen, refused
from tests.zoo_answers import differences, scikit_learn_answers
from tests.zoo_specimens import specimens

LOAD_TIMEOUT_S = 180
_SETTLED = frozenset({"READY", "FAILED"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    repository = tmp_path_factory.mktemp("zoo")
    served = {name: specimen.model for name, specimen in specimens().items()}
    every = {**served, **dict(refused())}
    for i, (name, model) in enumerate(every.items()):
        _save(model, repository / _slug(name) / "v1", joblib_file=i % 2 == 0)
    # With nothing to require, the ones that are refused keep nobody waiting.
    env = {"SKERRY_PARITY": "native"}
    with serve(repository, wait_ready=False, env=env) as running:
        running.wait_for(lambda: _settled(running) == len(every), LOAD_TIMEOUT_S)
        yield running


def test_every_model_answers_as_scikit_learn_does(server: RunningServer) -> None:
    found = {
        name: _differences(server, specimen)
        for name, specimen in specimens().items()
        if name not in DRAWS_AT_RANDOM
    }
    assert {name: each for name, each in found.items() if each} == {}


def test_what_cannot_be_served_failed_with_its_reason(server: RunningServer) -> None:
    failed = {
        model["name"]: model["versions"][0]["reason"]
        for model in server.client.get("/api/v1/models").json()["models"]
        if model["versions"][0]["state"] == "FAILED"
    }
    assert set(failed) == {_slug(name) for name in REFUSED}
    wrong = {
        name: failed[_slug(name)]
        for name, words in REFUSED.items()
        if re.search(words, failed[_slug(name)]) is None
    }
    assert wrong == {}


def test_what_draws_at_random_answers_with_a_class(server: RunningServer) -> None:
    for name in sorted(DRAWS_AT_RANDOM):
        specimen = specimens()[name]
        answer = _predict(server, specimen)
        assert set(answer["predictions"]) <= set(specimen.model.classes_.tolist())


@pytest.mark.parametrize("as_bytes", [False, True], ids=["json", "binary"])
def test_tensors_are_answered_as_rows_are(server: RunningServer, as_bytes: bool) -> None:
    """Not about the same numbers, but the same ones."""
    found = {
        name: difference
        for name, specimen in specimens().items()
        if name not in DRAWS_AT_RANDOM
        and (difference := _tensor_difference(server, specimen, as_bytes=as_bytes))
    }
    assert found == {}


def _tensor_difference(server: RunningServer, specimen: Specimen, *, as_bytes: bool) -> str:
    model = _slug(specimen.name)
    native = _predict(server, specimen)
    metadata = server.client.get(f"/v2/models/{model}").json()
    request, data = request_of(metadata, specimen.rows, as_bytes=as_bytes)
    body, headers = body_of(request, *data)
    answer = server.client.post(f"/v2/models/{model}/infer", content=body, headers=headers)
    if answer.status_code != 200:
        return answer.text
    outputs = outputs_of(answer)
    announced = {output["name"]: output["datatype"] for output in metadata["outputs"]}
    if set(outputs) != set(announced):
        return f"answered {sorted(outputs)}, announced {sorted(announced)}"
    expected = {"predict": _flat(native["predictions"])}
    if announced["predict"] == "BYTES":
        expected["predict"] = [str(label) for label in expected["predict"]]
    probabilities = native["probabilities"]
    if "predict_proba" in announced:
        expected["predict_proba"] = _flat(probabilities)
    elif len(announced) > 1:
        for k in range(len(announced) - 1):
            expected[f"predict_proba_{k}"] = _flat([row[k] for row in probabilities])
    elif probabilities is not None:
        return "it has probabilities that are not announced"
    same = {name: _without_nan(values) for name, values in outputs.items()} == expected
    return "" if same else f"expected {expected!r:.300}, got {outputs!r:.300}"


def _flat(values: list[Any]) -> list[Any]:
    return [v for each in values for v in (_flat(each) if isinstance(each, list) else [each])]


def _without_nan(values: list[Any]) -> list[Any]:
    return [None if isinstance(v, float) and not math.isfinite(v) else v for v in values]


def _predict(server: RunningServer, specimen: Specimen) -> dict[str, Any]:
    answer = server.client.post(
        f"/api/v1/models/{_slug(specimen.name)}/predict/batch",
        json={"features": specimen.rows, "return_probabilities": True},
    )
    assert answer.status_code == 200, f"{specimen.name}: {answer.text}"
    body: dict[str, Any] = answer.json()
    return body


def _differences(server: RunningServer, specimen: Specimen) -> list[str]:
    version = server.client.get(f"/api/v1/models/{_slug(specimen.name)}/versions/v1").json()
    got = _predict(server, specimen)
    return differences(got, scikit_learn_answers(specimen), version["task"])


def _settled(server: RunningServer) -> int:
    models = server.client.get("/api/v1/models").json()["models"]
    return sum(version["state"] in _SETTLED for model in models for version in model["versions"])


def _save(model: Any, directory: Path, *, joblib_file: bool) -> None:
    directory.mkdir(parents=True)
    if joblib_file:
        joblib.dump(model, directory / "model.joblib")
    else:
        (directory / "model.pkl").write_bytes(pickle.dumps(model))


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
