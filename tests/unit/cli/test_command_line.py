"""The command line as a whole: help, one-line errors, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from skerry import __version__
from skerry.cli import COMMANDS, skerry
from skerry.cli.errors import EXIT_CODES, CommandFailed, NotReachable, run_to_exit_code
from skerry.core.errors import Unreadable

HEAVY = ("fastapi", "httpx", "numpy", "pandas", "pydantic", "rich", "sklearn", "uvicorn")


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print([m for m in {HEAVY!r} if m in sys.modules]))\n"
        "sys.argv = ['skerry', '--help']\n"
        "from skerry.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_exit_codes(command: str) -> None:
    result = CliRunner().invoke(skerry, [command, "--help"])

    assert result.exit_code == 0
    assert f"skerry {command} [OPTIONS]" in result.output.replace("\n", " ")
    assert " ".join(EXIT_CODES.split()) in " ".join(result.output.split())


def test_says_its_version() -> None:
    assert CliRunner().invoke(skerry, ["--version"]).output == f"skerry, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["pakage"], "skerry: No such command 'pakage'"),
        (["package"], "skerry package: Missing argument 'MODEL'"),
        (["package", "none.joblib"], "skerry package: Invalid value for 'MODEL'"),
        (["predict", "http://127.0.0.1:1"], "skerry predict: give either --features or --csv"),
        (
            ["predict", "ftp://x", "--features", "[1]"],
            "skerry predict: ftp://x is not the URL of a server",
        ),
        (["inspect", "nowhere"], "nowhere: no such file or directory"),
        (["inspect", ".", "--model", "a b"], "'a b' can't be a name: letters, digits"),
        (["demo", "--port", "65536"], "skerry demo: Invalid value for '--port'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments: list[str], expected: str) -> None:
    result = CliRunner().invoke(skerry, arguments)

    assert result.exit_code == 2
    assert expected in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (CommandFailed("no"), 1),
        (Unreadable("no"), 1),
        (BrokenPipeError(), 1),
        (click.UsageError("no"), 2),
        (NotReachable("no"), 3),
        (click.Abort(), 130),
    ],
)
def test_errors_have_their_exit_code(error: Exception, expected: int) -> None:
    def fail() -> None:
        raise error

    assert run_to_exit_code(fail) == expected


def test_a_defect_keeps_its_traceback() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_to_exit_code(fail)


def test_documented_exit_codes_are_those_of_help() -> None:
    page = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
    table = page.partition("## Exit codes")[2].partition("##")[0]

    documented = [line.split("|")[1].strip() for line in table.splitlines() if line[:1] == "|"]
    for code in ("0", "1", "2", "3", "4", "130"):
        assert code in documented
        assert f" {code} " in EXIT_CODES
