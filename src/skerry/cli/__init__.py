"""The skerry command: one file a command, imported when it is asked for.

``skerry --help`` imports neither scikit-learn nor a web framework, so it answers at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Never

import click

from skerry import __version__
from skerry.cli.errors import EXIT_CODES, run_to_exit_code

COMMANDS = {
    "demo": "Train two versions of an iris model and serve them.",
    "serve": "Serve a repository of models, or one model file.",
    "package": "Write a fitted model as a version, with its manifest.",
    "inspect": "Show what a model file, a repository or a server holds.",
    "predict": "Ask a server for predictions, for one row or a CSV file.",
    "traffic": "Show and change which version of a model gets which requests.",
    "bench": "Measure how many requests a server answers, and how soon.",
}
"""Command to what the list of commands says; the module of that name in this package has it."""


class LazyGroup(click.Group):
    """Commands that are imported when they are asked for, and errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of ``COMMANDS``."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"skerry.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - COMMANDS says so, a test proves it
        command.epilog = EXIT_CODES
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, *args: Any, **kwargs: Any) -> Never:
        """Run the command line and exit with its code."""
        run = super().main
        kwargs["standalone_mode"] = False
        sys.exit(run_to_exit_code(lambda: run(*args, **kwargs)))


@click.group(
    cls=LazyGroup,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="skerry")
def skerry() -> None:
    """Serve fitted scikit-learn models behind a validated HTTP API."""
