"""What the console is looked at with: a server under load, and a real Chromium.

``python -m tests.integration.console_scene FILE.png`` makes the screenshot of the README.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, sync_playwright
from sklearn.datasets import load_iris

from skerry.cli.demo import write_repository
from tests.integration.models import settle
from tests.integration.server import ADMIN, ADMIN_TOKEN, RunningServer, serve

CHROMIUM = shutil.which("chromium")
LOAD_PER_S = 60
_BROKEN = b"not a pickle"


def console_repository(directory: Path) -> Path:
    """Return the demo's repository, v1 and v2 of iris, with a v3 that can't be read."""
    repository = directory / "models"
    repository.mkdir()
    write_repository(repository)
    broken = repository / "iris" / "v3"
    broken.mkdir()
    (broken / "model.joblib").write_bytes(_BROKEN)
    settle(repository)
    return repository


@contextmanager
def steady_load(url: str, headers: Mapping[str, str] | None = None) -> Iterator[None]:
    """Send rows of iris, one after the other, until left."""
    rows = load_iris().data.tolist()
    draw = random.Random(0)
    ended = threading.Event()

    def send() -> None:
        with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
            next_s = time.monotonic()
            while not ended.is_set():
                client.post("/api/v1/predict", json={"features": draw.choice(rows)})
                next_s = max(next_s + 1 / LOAD_PER_S, time.monotonic() - 1)
                ended.wait(max(0.0, next_s - time.monotonic()))

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(30)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium; nothing is downloaded."""
    assert CHROMIUM is not None
    with sync_playwright() as playwright:
        # CI is root in a container, where Chromium's own sandbox can't be set up.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def put_canary(server: RunningServer, weight: float) -> None:
    """Make v1 stable and v2 its canary."""
    policy: dict[str, Any] = {"stable": "v1", "canary": {"version": "v2", "weight": weight}}
    answer = server.client.put("/api/v1/models/iris/traffic", json=policy, headers=ADMIN)
    assert 200 == answer.status_code, answer.text


def _screenshot(file: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        repository = console_repository(Path(directory))
        with serve(repository) as server, steady_load(server.url), chromium() as browser:
            put_canary(server, 10)
            time.sleep(40)
            put_canary(server, 25)
            page = browser.new_page(viewport={"width": 1280, "height": 1190})
            page.goto(server.url)
            page.get_by_label("admin token").fill(ADMIN_TOKEN)
            page.get_by_role("form", name="try iris").get_by_role("button", name="Predict").click()
            page.get_by_text("there and back").wait_for()
            time.sleep(25)
            page.evaluate("scrollTo(0, 0)")
            page.screenshot(path=file)


if __name__ == "__main__":
    _screenshot(Path(sys.argv[1]))
