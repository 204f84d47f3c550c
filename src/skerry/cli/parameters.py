"""Arguments and options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from skerry.core.names import is_name

NAME_RULE = "letters, digits, '.', '_' and '-', 63 at most, a letter or digit first and last"


def name_option(flag: str, text: str, *, required: bool = False) -> Callable[[Any], Any]:
    """Return an option that takes the name of a model or of a version."""
    return click.option(flag, type=_to_name, metavar="NAME", required=required, help=text)


def _to_name(text: str) -> str:
    if not is_name(text):
        raise click.BadParameter(f"{text!r} can't be a name: {NAME_RULE}")
    return text


def is_url(text: str) -> bool:
    """Tell whether an argument is a server's address and not a path."""
    return text.startswith(("http://", "https://"))


def split_types(text: str) -> tuple[str, ...]:
    """Return the parts of a comma-separated list."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


skops_option = click.option(
    "--skops-trusted",
    envvar="SKERRY_SKOPS_TRUSTED",
    show_envvar=True,
    default="",
    metavar="TYPES",
    help="Types that a .skops file may hold besides the known ones, comma-separated.",
)


json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs.")

timeout_option = click.option(
    "--timeout-s",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds to wait for each answer.",
)


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what every command has that asks a server for one version or several."""
    return _with_options(
        command,
        name_option("--model", "The model; left out: the default, or all."),
        name_option("--version", "The version; left out: as traffic goes, or all."),
        _token_option("SKERRY_API_TOKEN", "SKERRY_ADMIN_TOKEN"),
        json_option,
        timeout_option,
    )


def traffic_options(*, changes: bool) -> Callable[[Any], Any]:
    """Add what every command has that reads or changes the traffic of one model."""
    variables = ["SKERRY_ADMIN_TOKEN"] if changes else ["SKERRY_API_TOKEN", "SKERRY_ADMIN_TOKEN"]
    return lambda command: _with_options(
        command,
        name_option("--model", "The model; left out: the default."),
        _token_option(*variables),
        json_option,
        timeout_option,
    )


def evidence_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add where the evidence is from, and of what time."""
    return _with_options(
        command,
        click.option(
            "--window-s",
            type=click.IntRange(min=1),
            default=300,
            show_default=True,
            help="Seconds that the evidence goes back.",
        ),
        click.option(
            "--prometheus",
            "prometheus_url",
            metavar="URL",
            help="Prometheus that has the sums of all pods; left out: one process is seen.",
        ),
        click.option(
            "--selector",
            default="",
            metavar="MATCHERS",
            help="""Label matchers for Prometheus, for example 'namespace="prod"'.""",
        ),
    )


def _token_option(*variables: str) -> Callable[[Any], Any]:
    return click.option(
        "--token", envvar=variables, show_envvar=True, help="Token, where the server wants one."
    )


def _with_options(
    command: Callable[..., Any], *options: Callable[[Any], Any]
) -> Callable[..., Any]:
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)
