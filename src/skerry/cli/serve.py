"""``skerry serve``: a repository, or a single model file, behind the API."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skerry.cli.native_threads import limit_native_threads
from skerry.controlplane.source import parse_model_file
from skerry.core.garbage_collection import garbage_collection_paused

if TYPE_CHECKING:
    from skerry.settings import Settings


def setting_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one option a setting, ``--models-dir`` for ``SKERRY_MODELS_DIR``."""
    from skerry.settings import PREFIX, Settings

    for name, field in reversed(Settings.model_fields.items()):
        variable = f"{PREFIX}{name.upper()}"
        flag = f"--{name.replace('_', '-')}"
        text = f"{field.description}  [{variable}]"
        if field.annotation is bool:
            option = click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=text)
        else:
            option = click.option(flag, name, default=None, metavar="VALUE", help=text)
        command = option(command)
    return command


def run_server(settings: Settings, *, on_ready: Callable[[str], None] | None = None) -> int:
    """Serve until a signal comes; return the exit code.

    on_ready: called once, with the base URL, when every model has answered.

    Raises:
        click.ClickException: the port is taken (exit 1).
        click.UsageError: traces can't be sent as the environment asks for (exit 2).
    """
    from skerry.otel_settings import forget_blank_variables, load_tracing_options
    from skerry.settings import SettingsError

    limit_native_threads()
    forget_blank_variables(os.environ)
    try:
        tracing_options = load_tracing_options()
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    with garbage_collection_paused():
        from skerry import server

    try:
        return server.run_server(settings, tracing_options, on_ready=on_ready)
    except server.ListenError as error:
        raise click.ClickException(str(error)) from error
    except server.TracingError as error:
        raise click.UsageError(str(error)) from error


@click.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@setting_flags
@click.pass_context
def serve(context: click.Context, /, path: Path | None, **flags: Any) -> None:
    """Serve PATH: a repository of models, or one model file, which becomes <stem>/v1.

    Without PATH: the repository that SKERRY_MODELS_DIR names. Each flag stands for the variable
    in brackets, and wins over it; docs/configuration.md has units, ranges and defaults.
    """
    from skerry.settings import SettingsError, load_settings

    given = {name: value for name, value in flags.items() if value is not None}
    with ExitStack() as stack:
        if path is not None:
            repository = path
            if path.is_file():
                directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="skerry-"))
                repository = _repository_of(path, Path(directory))
            given["models_dir"] = str(repository)
        try:
            settings = load_settings(given)
        except SettingsError as error:
            raise click.UsageError(str(error)) from error
        context.exit(run_server(settings))


def _repository_of(file: Path, directory: Path) -> Path:
    """Make a repository around one model file; the file itself stays where it is."""
    parts = parse_model_file(file.name)
    if parts is None:
        raise click.UsageError(
            f"{file.name}: expected a .joblib, .pkl, .skops or .onnx file, or a repository"
        )
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", parts.stem).strip("._-")[:63].strip("._-") or "model"
    version = directory / stem / "v1"
    version.mkdir(parents=True)
    (version / parts.artifact).symlink_to(file.resolve())
    return directory
