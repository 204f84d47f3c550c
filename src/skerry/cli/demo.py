"""``skerry demo``: two versions of an iris model, trained, packaged and served in one command."""

from __future__ import annotations

import errno
import os
import signal
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from skerry.cli.errors import CommandFailed
from skerry.cli.native_threads import limit_native_threads

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from skerry.settings import Settings

MODEL = "iris"
FEATURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port; left out: SKERRY_PORT or 8080.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the repository goes, and stays; left out: a temporary directory.",
)
@click.pass_context
def demo(context: click.Context, port: int | None, directory: Path | None) -> None:
    """Train two versions of an iris classifier, package them, and serve them.

    v1 is a logistic regression, v2 a random forest. One line says when and where they answer.
    Ctrl-C ends it. All SKERRY_ settings count; the log level is warning unless one is set.
    """
    # Until the server has its own way to end, SIGTERM ends us as Ctrl-C does: with nothing left.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            if directory is None:
                temporary = tempfile.TemporaryDirectory(prefix="skerry-demo-")
                directory = Path(stack.enter_context(temporary))
            code = _run(_settings(port, directory), directory)
    except KeyboardInterrupt:
        code = 0
    context.exit(code)


def _settings(port: int | None, directory: Path) -> Settings:
    from skerry.settings import SettingsError, load_settings

    given = {"models_dir": str(directory)}
    if port is not None:
        given["port"] = str(port)
    if "SKERRY_LOG_LEVEL" not in os.environ:
        given["log_level"] = "warning"
    try:
        return load_settings(given)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


def _run(settings: Settings, directory: Path) -> int:
    check_port(settings.host, settings.port)
    limit_native_threads()
    write_repository(directory)
    from skerry.cli.serve import run_server

    return run_server(settings, on_ready=_announce)


def check_port(host: str, port: int) -> None:
    """Let a free port pass, before time goes into training.

    Raises:
        CommandFailed: something listens there already.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandFailed(
                f"{host}:{port} is taken: stop what listens there, or choose another --port"
            ) from error
        raise CommandFailed(f"{host}:{port} can't be listened on: {error.strerror}") from error


def write_repository(directory: Path) -> None:
    """Write both versions; one that is there already, from an earlier demo, stays as it is."""
    import joblib
    from sklearn.datasets import load_iris

    from skerry.controlplane.version_writer import write_version

    table, classes = load_iris(return_X_y=True, as_frame=True)
    table.columns = list(FEATURES)
    with tempfile.TemporaryDirectory(prefix="skerry-demo-") as staging:
        file = Path(staging) / "model.joblib"
        for version, estimator in estimators().items():
            if (directory / MODEL / version).exists():
                continue
            joblib.dump(estimator.fit(table, classes), file)
            write_version(file, directory, MODEL, version, data=table)


def estimators() -> dict[str, BaseEstimator]:
    """Return the estimator of each version, not fitted yet."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return {
        "v1": make_pipeline(StandardScaler(), LogisticRegression()),
        "v2": RandomForestClassifier(n_estimators=50, random_state=0),
    }


def _announce(url: str) -> None:
    click.echo(
        f"{MODEL} v1 and v2 answer at {url} (docs: {url}/docs, console: {url}/). Try: "
        f"curl -s {url}/api/v1/predict -H 'Content-Type: application/json'"
        """ -d '{"features": [5.1, 3.5, 1.4, 0.2]}'"""
    )
