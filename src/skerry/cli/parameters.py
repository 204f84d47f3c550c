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


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what every command has that talks to a server."""
    options = (
        name_option("--model", "The model; left out: the default, or all."),
        name_option("--version", "The version; left out: as traffic goes, or all."),
        click.option(
            "--token",
            envvar=["SKERRY_API_TOKEN", "SKERRY_ADMIN_TOKEN"],
            show_envvar=True,
            help="Token, where the server wants one.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs."),
        click.option(
            "--timeout-s",
            type=click.FloatRange(min=0, min_open=True),
            default=30.0,
            show_default=True,
            help="Seconds to wait for each answer.",
        ),
    )
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)
