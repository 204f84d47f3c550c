"""The commands in README.md and docs/ do what the pages say.

tests/pages.py has the marks that say which blocks are run. A page's blocks run in order, in one
directory. A server started with ``&`` is waited for; 127.0.0.1:8080 is the demo.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.pages import Block, blocks_of, is_shown, runnable

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
START_TIMEOUT_S = 60
COMMAND_TIMEOUT_S = 120
LOG_TIMEOUT_S = 5


@pytest.mark.parametrize(
    ("expected", "got", "verdict"),
    [
        ('{"a": 1}', '{ "a":1 }', True),
        ('{"a": 1}', '{"a": 2}', False),
        ('{"a": 1}', '{"a": 1, "b": 1}', False),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', False),
        ('{"a": 0.981}', '{"a": 0.984}', True),
        ('{"a": 0.981}', '{"a": 0.3}', False),
        ('{"a": 1}', '{"a": true}', False),
        ('{"a": "v1"}', '{"a": "v2"}', False),
        ('{"size_bytes": 100}', '{"size_bytes": 220}', True),
        ('{"size_bytes": 100}', '{"size_bytes": null}', False),
        ('{"a": "3f9a1c0b7d2e"}', '{"a": "0123456789ab"}', True),
        ('{"a": "3f9a1c0b7d2e"}', '{"a": "default"}', False),
        ('["2026-11-22T21:00:00.000Z"]', '["2027-01-02T03:04:05.678Z"]', True),
        ('["2026-11-22T21:00:00.000Z"]', '["soon"]', False),
        ('["01KAR3V8T3V4C1QJ9Y2C7H5ZPN"]', '["01KB0000000000000000000000"]', True),
        ('["01KAR3V8T3V4C1QJ9Y2C7H5ZPN"]', '[""]', False),
        ("loaded 3 in 0.4 s", "loaded 3  in 12.9 s", True),
        ("loaded 3 in 0.4 s", "loaded 4 in 0.4 s", False),
        ("loaded 3", "unloaded 3", False),
        ("numpy 2.4.6", "numpy 2.5.10", True),
        ("duration_s=0.25", "duration_s=8.1", True),
        ("│ 1.9 kB │\n└────┘", "│ 11.9 kB │\n└──────┘", True),
        ("│ 1.9 kB │\n└────┘", "│ 1.9 kB │", False),
        ("sha256:00ff", "sha256:1234abcd", True),
        ("begins …\nlast", "begins so\nand so\nlast", True),
        ("begins …\nlast", "begins so\nand so", False),
    ],
)
def test_comparison_tells_what_counts(expected: str, got: str, verdict: bool) -> None:
    assert is_shown(expected, got) is verdict


# Running the pages.


@dataclass
class Terminal:
    """A directory and a shell in it; servers that it starts end with it.

    ports: port on the page to the port that is used here.
    """

    directory: Path
    environment: Mapping[str, str]
    ports: dict[str, str] = field(default_factory=dict)
    groups: list[int] = field(default_factory=list)
    output_file: Path = Path(os.devnull)

    def run(self, block: Block) -> int:
        """Run a block and return its exit code; ``output`` has what it wrote."""
        command = re.sub(r"(?<=127\.0\.0\.1:)\d+|(?<=--port )\d+", self._port, block.command)
        self.output_file = self.directory.with_name(f"{block.name}.output")
        with self.output_file.open("wb") as output:
            process = subprocess.Popen(
                ["/bin/bash", "-euo", "pipefail", "-c", command],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.groups.append(process.pid)
        code = process.wait(COMMAND_TIMEOUT_S)
        for port in re.findall(r"--port (\d+)", command) if block.starts_server else ():
            wait_until_started(f"http://127.0.0.1:{port}")
        return code

    def output(self) -> str:
        """Return what the last block, or a server that it started, wrote, with the page's ports."""
        text = self.output_file.read_text(encoding="utf-8")
        for shown, used in self.ports.items():
            text = text.replace(f"127.0.0.1:{used}", f"127.0.0.1:{shown}")
        return text

    def shows(self, expected: str, *, within_s: float) -> bool:
        """Tell whether the last block's output is, or becomes, what is expected."""
        deadline_s = time.monotonic() + within_s
        while not is_shown(expected, self.output()):
            if time.monotonic() > deadline_s:
                return False
            time.sleep(0.05)
        return True

    def close(self) -> None:
        for group in self.groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def _port(self, found: re.Match[str]) -> str:
        return self.ports.setdefault(found[0], str(free_port()))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_started(url: str) -> None:
    """Wait until the server's first loads have ended, well or badly."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/startupz").status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"{url} has not started within {START_TIMEOUT_S} s")


def wait_for_line(file: Path) -> str:
    """Return what a process has written when there is a whole line of it."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while "\n" not in (text := file.read_text(encoding="utf-8")):
        if time.monotonic() > deadline_s:
            raise AssertionError(f"no line within {START_TIMEOUT_S} s: {text}")
        time.sleep(0.05)
    return text


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Variables of a reader's shell: ``python`` and ``skerry`` are those under test."""
    folder = tmp_path_factory.mktemp("bin")
    python = shlex.quote(sys.executable)
    for name, command in {"python": python, "skerry": f"{python} -m skerry"}.items():
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SKERRY_")}
    quick = {"SKERRY_DRAIN_DELAY_S": "0", "SKERRY_LOG_FORMAT": "text", "COLUMNS": "100"}
    return {**inherited, **quick, "PATH": f"{folder}:{inherited['PATH']}", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True)
class Demo:
    """A running ``skerry demo``; output: what it had printed when it was ready, as if on 8080."""

    port: int
    output: str


@pytest.fixture(scope="module")
def demo(
    environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    directory, port = tmp_path_factory.mktemp("demo"), free_port()
    log = directory / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "skerry", "demo", "--port", str(port)],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_started(f"http://127.0.0.1:{port}")
        yield Demo(port, wait_for_line(log).replace(f":{port}", ":8080"))
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(30)
    assert code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [p for p in PAGES if runnable(p)], ids=lambda page: str(page.relative_to(ROOT))
)
def test_commands_do_what_the_page_says(
    page: Path, demo: Demo, environment: Mapping[str, str], tmp_path: Path
) -> None:
    directory = tmp_path / "page"
    directory.mkdir()
    terminal = Terminal(directory, environment, {"8080": str(demo.port)})
    try:
        for block in runnable(page):
            code = terminal.run(block)
            assert code == block.exit_code, f"{block.name}: {code}\n{terminal.output()}"
            if block.expected is not None:
                is_as_shown = terminal.shows(
                    block.expected, within_s=LOG_TIMEOUT_S if block.starts_server else 0
                )
                assert is_as_shown, f"{block.name} printed:\n{terminal.output()}"
    finally:
        terminal.close()


def test_every_page_with_commands_says_which_are_run() -> None:
    # docs/cli.md shows forms of commands with paths of nobody's; tests of the commands run them.
    unmarked = [
        f"{page.relative_to(ROOT)}: {block.command.strip()}"
        for page in PAGES
        if page.name != "cli.md"
        for block in blocks_of(page)
        if block.kind is None
    ]

    assert unmarked == []


def test_readme_shows_what_the_demo_prints(demo: Demo) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("make demo\n")[2].partition("```text\n")[2].partition("```")[0]

    assert shown.strip()
    assert is_shown(shown, demo.output), f"the demo printed:\n{demo.output}"


def test_make_demo_is_skerry_demo() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ndemo:")[2]

    assert "skerry demo" in recipe.partition("\n\n")[0]


# The details that docs/errors.md shows.

JSON = {"Content-Type": "application/json"}
ROW = '{"features": [5.1, 3.5, 1.4, 0.2]}'
BATCH = "/api/v1/predict/batch"
PREDICT = "/api/v1/predict"
PINNED = "/api/v1/models/iris/versions/v1/predict"
REQUESTS: dict[str, tuple[str, str, Mapping[str, str], str]] = {
    "malformed-json": ("POST", PREDICT, JSON, '{"features": [5.1, 3.5'),
    "wrong-feature-count": ("POST", PREDICT, JSON, '{"features": [5.1, 3.5, 1.4]}'),
    "ragged-batch": ("POST", BATCH, JSON, '{"features": [[1, 2, 3, 4], [1, 2, 3]]}'),
    "empty-batch": ("POST", BATCH, JSON, '{"features": []}'),
    "batch-too-large": ("POST", BATCH, JSON, json.dumps({"features": [[1, 2, 3, 4]] * 1001})),
    "non-finite-value": ("POST", PINNED, JSON, '{"features": [null, 3.5, 1.4, 0.2]}'),
    "unknown-feature": ("POST", PREDICT, JSON, '{"features": {"petal_colour": 2}}'),
    "missing-feature": ("POST", PREDICT, JSON, '{"features": {"sepal_length": 5.1}}'),
    "conflicting-version": ("POST", PINNED, {**JSON, "X-Model-Version": "v2"}, ROW),
    "bad-header": ("POST", PREDICT, {**JSON, "X-Request-Timeout-Seconds": "soon"}, ROW),
    "bad-encoding": ("POST", PREDICT, {**JSON, "Content-Encoding": "gzip"}, ROW),
    "model-not-found": ("POST", "/api/v1/models/wine/predict", JSON, ROW),
    "version-not-found": ("POST", PREDICT, {**JSON, "X-Model-Version": "v9"}, ROW),
    "route-not-found": ("GET", "/api/v1/predictions", {}, ""),
    "method-not-allowed": ("GET", PREDICT, {}, ""),
    "body-too-large": ("POST", PREDICT, JSON, " " * 9_000_000),
    "unsupported-media-type": ("POST", PREDICT, {"Content-Type": "text/plain"}, ROW),
    "invalid-body": ("POST", PREDICT, JSON, '{"features": ["a", 3.5, 1.4, 0.2]}'),
}


def example_of(slug: str) -> str:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    section = page.partition(f"\n### {slug}\n")[2]
    return section.partition("- **Example:** `")[2].partition("`\n")[0]


@pytest.mark.parametrize("slug", REQUESTS)
def test_details_in_errors_md_are_real(slug: str, demo: Demo) -> None:
    method, path, headers, body = REQUESTS[slug]

    answer = httpx.request(
        method, f"http://127.0.0.1:{demo.port}{path}", headers=headers, content=body.encode()
    )

    problem = answer.json()
    assert (f"urn:skerry:error:{slug}", example_of(slug)) == (problem["type"], problem["detail"])
