"""The commands of docs/kubernetes.md, one after the other, on a new kind cluster of their own."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cluster.cluster import ROOT, run
from tests.pages import Block, is_shown, runnable, same_text

PAGE = ROOT / "docs" / "kubernetes.md"
CLUSTER = "skerry-demo"
BLOCK_TIMEOUT_S = 600
SHOWN_PORT = "8080"


@dataclass
class Terminal:
    """A shell in a clone. port: what is used in place of the page's 8080."""

    directory: Path
    environment: Mapping[str, str]
    port: str
    groups: list[int] = field(default_factory=list)

    def run(self, block: Block) -> tuple[int, str]:
        """Run a block; return its exit code and what it wrote, with the page's port."""
        shown = re.compile(rf"(?<=127\.0\.0\.1:){SHOWN_PORT}\b|\b{SHOWN_PORT}(?=:80\b)")
        output_file = self.directory.with_name(f"{block.name}.output")
        with output_file.open("wb") as output:
            process = subprocess.Popen(
                ["/bin/bash", "-euo", "pipefail", "-c", shown.sub(self.port, block.command)],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.groups.append(process.pid)
        code = process.wait(BLOCK_TIMEOUT_S)
        text = output_file.read_text(encoding="utf-8")
        return code, text.replace(f"127.0.0.1:{self.port}", f"127.0.0.1:{SHOWN_PORT}")

    def close(self) -> None:
        """End what the blocks have left running."""
        for group in self.groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


@pytest.fixture
def terminal(docker: str, tmp_path: Path) -> Iterator[Terminal]:
    """A shell with a kubeconfig of its own, and no cluster of this name before or after."""
    del docker
    for program in ("kind", "kubectl", "helm", "curl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on the PATH")
    if CLUSTER in run("kind", "get", "clusters").split():
        pytest.fail(f"a kind cluster {CLUSTER} is there already: kind delete cluster -n {CLUSTER}")
    programs = tmp_path / "bin"
    programs.mkdir()
    script = programs / "skerry"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m skerry "$@"\n')
    script.chmod(0o755)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SKERRY_")}
    environment = {
        **inherited,
        "PATH": f"{programs}:{inherited['PATH']}",
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "PYTHONPATH": str(ROOT / "src"),
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
    }
    clone = tmp_path / "skerry"
    copy_tree(clone)
    found = Terminal(clone, environment, free_port())
    try:
        yield found
    finally:
        found.close()
        run("kind", "delete", "cluster", "--name", CLUSTER)


def copy_tree(target: Path) -> None:
    """Copy what a clone would have."""
    left_out = shutil.ignore_patterns(".*", "__pycache__", "models", "node_modules")
    shutil.copytree(ROOT, target, ignore=left_out)
    shutil.copy(ROOT / ".dockerignore", target)


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.mark.slow
def test_every_command_does_what_the_page_says(terminal: Terminal) -> None:
    blocks = runnable(PAGE, "run on kind")
    took_s: dict[str, float] = {}
    for block in blocks:
        began_s = time.monotonic()
        code, output = terminal.run(block)
        took_s[block.name] = round(time.monotonic() - began_s, 1)
        assert block.exit_code == code, f"{block.name}: {code}\n{output}"
        if block.expected is not None:
            assert is_as_shown(block, output), f"{block.name} printed:\n{output}"

    print(f"\n{len(blocks)} blocks, {sum(took_s.values()):.0f} s: {took_s}")
    assert len(blocks) > 15


def is_as_shown(block: Block, output: str) -> bool:
    if block.other_figures:
        return same_text((block.expected or "").strip(), output.strip(), other_figures=True)
    return is_shown(block.expected or "", output)
