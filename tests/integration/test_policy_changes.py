"""A thousand policy changes under load: no request fails, and each obeys a policy in force."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.load import Tally, load
from tests.integration.models import IRIS_ROW, constant_model, put, settle
from tests.integration.server import ADMIN, RunningServer, serve

CLIENTS = 32
CHANGES = 1000
TRAFFIC = "/api/v1/models/iris/traffic"
POLICIES: list[dict[str, Any]] = [
    {"stable": "v1"},
    {"stable": "v2"},
    {"stable": "v1", "canary": {"version": "v2", "weight": 50}},
    {"stable": "v2", "canary": {"version": "v3", "weight": 33.33}},
    {
        "stable": "v3",
        "canaries": [{"version": "v1", "weight": 20}, {"version": "v2", "weight": 20}],
    },
    # Never loaded: it may be declared in a file, and must get nothing.
    {"stable": "v1", "canary": {"version": "broken", "weight": 90}},
]
READY = {"v1", "v2", "v3"}


@dataclass
class Reign:
    """A policy's time: written after ``begin_s``, and replaced before ``end_s`` at the latest."""

    versions: set[str]
    begin_s: float
    end_s: float = float("inf")


@pytest.mark.slow
def test_no_request_fails_and_each_obeys_a_policy_in_force(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    repository.mkdir()
    for version, label in (("v1", 0), ("v2", 1), ("v3", 2)):
        put(repository, "iris", version, constant_model(label))
    (repository / "iris" / "broken").mkdir()
    (repository / "iris" / "broken" / "model.joblib").write_bytes(b"no model")
    settle(repository)
    with serve(repository) as server:
        for version in sorted(READY):
            server.wait_for_state("iris", version, "READY")
        server.wait_for_state("iris", "broken", "FAILED")

        tally, reigns = asyncio.run(run(server, repository / "traffic.yaml"))

    assert ([], 0) == (tally.lost, tally.refused)
    assert {200} == {answer.status for answer in tally.answers}
    wrong = []
    for answer in tally.answers:
        version = answer.headers["x-model-version"]
        possible = [
            reign
            for reign in reigns[answer.headers["x-traffic-generation"]]
            if reign.begin_s <= answer.answered_s and answer.asked_s <= reign.end_s
        ]
        if not any(version in reign.versions & READY for reign in possible):
            wrong.append((version, answer.headers["x-traffic-generation"]))
    assert [] == wrong
    print(f"{len(tally.answers)} requests during {CHANGES} changes")


async def run(server: RunningServer, file: Path) -> tuple[Tally, dict[str, list[Reign]]]:
    reigns: dict[str, list[Reign]] = {}
    changing = True

    async def change() -> None:
        nonlocal changing
        reign = Reign(set(), 0.0)
        try:
            async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
                for number in range(CHANGES):
                    by_file = number % 2 == 1
                    value = POLICIES[number * 7 % len(POLICIES)]
                    if "broken" in str(value) and not by_file:
                        value = POLICIES[number % 5]
                    before, reign = reign, Reign(named(value), time.monotonic())
                    if by_file:
                        generation = await put_file(client, file, value, number, reigns, reign)
                    else:
                        generation = await put_policy(client, value)
                        reigns.setdefault(generation, []).append(reign)
                    before.end_s = time.monotonic()
        finally:
            changing = False

    # Before the first change, all is as the built-in default has it.
    reigns["default"] = [Reign({"v3"}, 0.0)]
    running = load(
        server.url,
        "/api/v1/predict",
        {"features": IRIS_ROW},
        clients=CLIENTS,
        go_on=lambda: changing,
    )
    tally, _ = await asyncio.gather(running, change())
    return tally, reigns


def named(value: dict[str, Any]) -> set[str]:
    canaries = [value["canary"]] if "canary" in value else value.get("canaries", [])
    return {value["stable"], *(canary["version"] for canary in canaries)}


async def put_policy(client: httpx.AsyncClient, value: dict[str, Any]) -> str:
    answer = await client.put(TRAFFIC, json=value, headers=ADMIN)
    assert 200 == answer.status_code, answer.text
    assert value == answer.json()["declared"]
    return str(answer.json()["generation"])


async def put_file(
    client: httpx.AsyncClient,
    file: Path,
    value: dict[str, Any],
    number: int,
    reigns: dict[str, list[Reign]],
    reign: Reign,
) -> str:
    """Replace the file as another tool would, and wait until it is in force."""
    # A comment, so that each change is a generation of its own.
    content = f"# change {number}\n" + json.dumps({"schema_version": 1, "models": {"iris": value}})
    generation = hashlib.sha256(content.encode()).hexdigest()[:12]
    reigns.setdefault(generation, []).append(reign)
    staging = file.with_name(".staging")
    staging.write_text(content, encoding="utf-8")
    staging.replace(file)
    deadline_s = time.monotonic() + 10
    while (await client.get(TRAFFIC)).json()["generation"] != generation:
        assert time.monotonic() < deadline_s, "the file's policy did not come into force"
        await asyncio.sleep(0.01)
    return generation
