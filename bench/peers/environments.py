"""Makes the peers' environments, once, from locks with hashes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

LOCKS = Path(__file__).parent
HOME = LOCKS.parent.parent / ".bench" / "peers"
_MARK = ".lock-sha256"


class NotInstalled(Exception):
    """A peer can't be installed here; the message says why."""


def environment(name: str) -> Path:
    """Return the bin directory of a peer's environment, which is made if it is not there.

    Raises:
        NotInstalled: pip says no.
    """
    lock, home = LOCKS / f"{name}.txt", HOME / name
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    mark = home / _MARK
    if mark.is_file() and mark.read_text() == digest:
        return home / "bin"
    print(f"installing {name} into {home.relative_to(HOME.parent.parent)} …", flush=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(home)],
        [*pip, "install", "--require-hashes", "--requirement", str(lock)],
    ):
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            last = (run.stderr.strip() or "no reason given").splitlines()[-1]
            raise NotInstalled(f"{name} can't be installed for this Python: {last}")
    mark.write_text(digest)
    return home / "bin"
