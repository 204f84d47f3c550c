"""``skerry predict`` against a running server."""

from __future__ import annotations

import csv
import json
import os
import pty
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from sklearn.datasets import load_iris
from sklearn.multioutput import MultiOutputClassifier
from sklearn.tree import DecisionTreeClassifier

from skerry.cli import skerry
from skerry.cli.demo import FEATURES, estimators, write_repository
from tests.integration.models import put, settle
from tests.integration.server import RunningServer, serve

API_TOKEN = "api-secret"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the demo's models, one of several outputs, and a token."""
    repository = tmp_path_factory.mktemp("models")
    write_repository(repository)
    features, classes = load_iris(return_X_y=True)
    outputs = MultiOutputClassifier(DecisionTreeClassifier(random_state=0))
    put(repository, "two", "v1", outputs.fit(features, np.column_stack([classes, classes > 0])))
    settle(repository)
    env = {"SKERRY_DEFAULT_MODEL": "iris", "SKERRY_API_TOKEN": API_TOKEN}
    with serve(repository, env=env, wait_ready=True) as running:
        running.client.headers["Authorization"] = f"Bearer {API_TOKEN}"
        running.wait_for_state("iris", "v1", "READY")
        running.wait_for_state("iris", "v2", "READY")
        running.wait_for_state("two", "v1", "READY")
        yield running


def predict(server: RunningServer, *arguments: str | Path, input_text: str | None = None) -> Result:
    return CliRunner(env={"SKERRY_API_TOKEN": API_TOKEN}).invoke(
        skerry, ["predict", server.url, *map(str, arguments)], input=input_text
    )


def flowers(directory: Path, n_rows: int) -> Path:
    """Write iris rows with the columns reversed and the species beside them."""
    table, classes = load_iris(return_X_y=True, as_frame=True)
    table.columns = list(FEATURES)
    table = table.iloc[np.arange(n_rows) % len(table)]
    species = classes.iloc[np.arange(n_rows) % len(classes)]
    file = directory / "flowers.csv"
    table[table.columns[::-1]].assign(species=species).to_csv(file, index=False)
    return file


@pytest.mark.parametrize(
    "features",
    [
        "5.1,3.5,1.4,0.2",
        "5.1, 3.5, 1.4, 0.2",
        "[5.1, 3.5, 1.4, 0.2]",
        '{"petal_width": 0.2, "petal_length": 1.4, "sepal_width": 3.5, "sepal_length": 5.1}',
    ],
)
def test_one_row(server: RunningServer, features: str) -> None:
    result = predict(server, "--features", features, "--version", "v2")

    assert result.exit_code == 0, result.stderr
    assert result.stdout == "prediction,confidence,model_version\n0,1.0,v2\n"


def test_one_row_as_json(server: RunningServer) -> None:
    result = predict(server, "--features", "5.1,3.5,1.4,0.2", "--version", "v2", "--json")

    assert json.loads(result.stdout) == {"prediction": 0, "confidence": 1.0, "model_version": "v2"}


def test_a_file_in_batches_answers_as_the_model_does(server: RunningServer, tmp_path: Path) -> None:
    file, output = flowers(tmp_path, 1203), tmp_path / "answers.csv"

    result = predict(
        server, "--csv", file, "--version", "v1", "--batch-rows", "100", "--output", output
    )

    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert result.stderr == "columns that are no features were ignored: species\n"
    with output.open(encoding="utf-8") as lines:
        answers = list(csv.DictReader(lines))
    assert len(answers) == 1203
    expected = _demo_model().predict_proba(pd.read_csv(file)[list(FEATURES)])
    assert [int(a["prediction"]) for a in answers] == expected.argmax(axis=1).tolist()
    np.testing.assert_allclose(
        [float(a["confidence"]) for a in answers], expected.max(axis=1), atol=1e-9
    )
    assert {a["model_version"] for a in answers} == {"v1"}


def test_reads_stdin_and_writes_json_lines(server: RunningServer, tmp_path: Path) -> None:
    text = flowers(tmp_path, 3).read_text(encoding="utf-8")

    result = predict(server, "--csv", "-", "--json", input_text=text)

    assert result.exit_code == 0, result.stderr
    assert [json.loads(line)["prediction"] for line in result.stdout.splitlines()] == [0, 0, 0]


def test_several_outputs_are_lists(server: RunningServer) -> None:
    arguments = ("--model", "two", "--features", "5.1,3.5,1.4,0.2")

    as_json = json.loads(predict(server, *arguments, "--json").stdout)
    as_csv = predict(server, *arguments).stdout

    assert as_json["prediction"] == [0, 0]
    assert as_csv.splitlines()[1] == '"[0, 0]","[1.0, 1.0]",v1'


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--features", "1,2,3"], "400 wrong-feature-count: features: expected 4, got 3"),
        (["--features", "[1,2,3,null]", "--version", "v1"], "400 non-finite-value: "),
        (["--features", "1,2,3,4", "--model", "wine"], "404 model-not-found: "),
        (["--features", "1,2,3,4", "--version", "v7"], "404 version-not-found: "),
        (["--features", "1,2,3,4", "--token", "wrong"], "401 unauthorized: "),
    ],
)
def test_refusals_are_one_line(server: RunningServer, arguments: list[str], expected: str) -> None:
    result = predict(server, *arguments)

    assert result.exit_code == 1
    assert result.stderr.startswith(f"skerry: {expected}")
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_a_refused_batch_says_which_rows(server: RunningServer, tmp_path: Path) -> None:
    file = tmp_path / "flowers.csv"
    file.write_text(",".join(FEATURES) + "\n" + "1,2,3,4\n" * 3 + "1,2,3,\n", encoding="utf-8")

    result = predict(server, "--csv", file, "--batch-rows", "2", "--version", "v1")

    assert result.exit_code == 1
    assert result.stderr.startswith("skerry: rows 3 to 4: 400 non-finite-value: features[1]")
    assert len(result.stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n", "flowers.csv lacks the columns sepal_length"),
        (f"{','.join(FEATURES)}\n", "flowers.csv holds no rows"),
        (f"{','.join(FEATURES)}\n1,2,3,x\n", "flowers.csv line 2: petal_width: expected a number"),
    ],
)
def test_a_wrong_file_is_one_line(
    server: RunningServer, tmp_path: Path, text: str, expected: str
) -> None:
    (tmp_path / "flowers.csv").write_text(text, encoding="utf-8")

    result = predict(server, "--csv", tmp_path / "flowers.csv")

    assert result.exit_code == 1
    assert expected in result.stderr


@pytest.mark.parametrize("features", ["[1, 2", "5.1,x,1.4,0.2"])
def test_features_that_are_none_are_wrong_usage(server: RunningServer, features: str) -> None:
    assert predict(server, "--features", features).exit_code == 2


def test_nobody_listens() -> None:
    result = CliRunner().invoke(skerry, ["predict", "http://127.0.0.1:1", "--features", "[1]"])

    assert result.exit_code == 3
    assert result.stderr.startswith("skerry: http://127.0.0.1:1 can't be reached: ")


def test_nobody_answers_in_time() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        result = CliRunner().invoke(
            skerry, ["predict", url, "--features", "[1]", "--timeout-s", "0.2"]
        )

    assert result.exit_code == 3
    assert result.stderr == f"skerry: {url} did not answer within 0.2 s (--timeout-s)\n"


def test_another_server_is_not_taken_for_a_skerry() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
        thread = threading.Thread(target=_answer_once, args=(listener, answer))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        result = CliRunner().invoke(skerry, ["predict", url, "--features", "[1]"])
        thread.join()

    assert result.exit_code == 1
    assert "answered 200 OK, and not as a Skerry does" in result.stderr


def test_a_long_file_shows_progress_on_a_terminal_only(
    server: RunningServer, tmp_path: Path
) -> None:
    file = flowers(tmp_path, 6000)
    command = [sys.executable, "-m", "skerry", "predict", server.url, "--csv", str(file)]
    env = {**os.environ, "SKERRY_API_TOKEN": API_TOKEN, "TERM": "xterm-256color", "COLUMNS": "100"}

    terminal, stderr = pty.openpty()
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=env)
        answers, _ = process.communicate(timeout=60)
        shown = os.read(terminal, 1_000_000).decode()
    finally:
        os.close(terminal)
        os.close(stderr)
    piped = subprocess.run(command, capture_output=True, env=env, check=True, timeout=60)

    assert process.returncode == 0
    assert len(answers.splitlines()) == 6001
    assert "flowers.csv" in shown
    assert "rows" in shown
    assert piped.stdout == answers
    assert piped.stderr == b"columns that are no features were ignored: species\n"


def _demo_model() -> Any:
    table, classes = load_iris(return_X_y=True, as_frame=True)
    table.columns = list(FEATURES)
    return estimators()["v1"].fit(table, classes)


def _answer_once(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with closing(connection):
        connection.recv(65536)
        connection.sendall(answer)
