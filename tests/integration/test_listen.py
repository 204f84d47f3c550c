"""The listening socket: taken ports, and the end of new connections."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.server import ListenError, listen, refuse_new_connections


def test_a_taken_port_is_one_clear_line() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ListenError, match=f"^127.0.0.1:{port} is taken"):
            listen("127.0.0.1", port)


def test_serve_with_a_taken_port_says_so_and_fails(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "skerry", "serve", str(tmp_path), "--port", port]

        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (1, 1) == (ended.returncode, len(ended.stderr.splitlines()))
    assert f"127.0.0.1:{port} is taken" in ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has socket filters")
def test_who_connected_before_is_accepted_and_who_comes_later_is_not() -> None:
    with listen("127.0.0.1", 0) as listener:
        address = listener.getsockname()
        with socket.create_connection(address, timeout=5) as early:
            early.sendall(b"hello")

            assert refuse_new_connections(listener)

            accepted, _ = listener.accept()
            with accepted:
                assert b"hello" == accepted.recv(5)
            with pytest.raises(TimeoutError):
                socket.create_connection(address, timeout=0.3)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)
