"""How a command ends: one line on stderr and an exit code; docs/cli.md lists the codes.

    0 done   1 failed   2 wrong usage or setting   3 server not reachable
    4 the --if condition is false   130 interrupted (serve and demo: 0)

A defect keeps its traceback: it is for a bug report.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import click

from skerry.core.errors import SkerryError

FAILED = 1
NOT_REACHABLE = 3
CONDITION_FALSE = 4
INTERRUPTED = 130
EXIT_CODES = (
    "Exit codes: 0 done; 1 failed; 2 wrong usage or setting; 3 server not reachable;"
    " 4 the --if condition is false; 130 interrupted (serve and demo: 0)."
)


class CommandFailed(click.ClickException):
    """The command could not do what it was asked for: exit 1."""

    exit_code = FAILED


class Refused(CommandFailed):
    """The server answered with a problem. slug: its kind, for example ``store-read-only``."""

    def __init__(self, message: str, slug: str) -> None:
        super().__init__(message)
        self.slug = slug


class ConditionFalse(click.ClickException):
    """The ``--if`` condition does not hold, so nothing was done: exit 4."""

    exit_code = CONDITION_FALSE


class NotReachable(click.ClickException):
    """No server answered at the URL: exit 3."""

    exit_code = NOT_REACHABLE


def run_to_exit_code(run: Callable[[], object]) -> int:
    """Run a command in click's non-standalone mode; say what went wrong; return the exit code."""
    try:
        code = run()
    except click.UsageError as error:
        context = error.ctx
        name = "skerry" if context is None else context.command_path
        _say(name, f"{error.format_message()} (see {name} --help)")
        return error.exit_code
    except click.ClickException as error:
        _say("skerry", error.format_message())
        return error.exit_code
    except SkerryError as error:
        _say("skerry", error.detail)
        return FAILED
    except click.Abort:
        return INTERRUPTED
    except BrokenPipeError:
        # Who read our output has left, as `head` does; the interpreter would complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code if isinstance(code, int) else 0


def _say(name: str, message: str) -> None:
    click.echo(f"{name}: {' '.join(message.split())}", err=True)
