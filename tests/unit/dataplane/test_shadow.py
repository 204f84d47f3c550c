"""Shadows: after the answer, bounded, counted right, and nobody's trouble but their own."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
import pytest

from skerry.core.plan import Candidate, Executor, Parity, Plan, RowRange
from skerry.core.rows import Predictions, Rows
from skerry.core.servable import ServableInfo
from skerry.core.signature import DType, Feature, Output, Signature, Task
from skerry.dataplane.router import Target
from skerry.dataplane.shadow import MAX_WAITING_BYTES, MAX_WAITING_REQUESTS, SHADOW_THREAD, Shadows
from skerry.dataplane.shadow_calls import Mirror, ShadowCalls, Waiting
from skerry.dataplane.shadow_tally import Tally
from skerry.serving.handle import Slot
from skerry.serving.serving_map import ModelRoutes, ServingMap, ServingSnapshot, ShadowRoute
from skerry.telemetry.logs import EventLog, LogWriter

LIMIT_S = 10.0


class Model:
    """Answers a multiple of the first feature; what ``before`` does comes first."""

    def __init__(
        self,
        factor: float = 2.0,
        before: Callable[[Rows], object] = lambda rows: None,
        *,
        batch_rows: int = 64,
        features: int = 1,
    ) -> None:
        own = Candidate(Executor.SKLEARN, accepted=True, duration_us={1: 100.0})
        plan = Plan(Parity.NATIVE, (RowRange(1, None, Executor.SKLEARN),), (own,))
        names = tuple(Feature(f"x{j}", DType.FLOAT64) for j in range(features))
        signature = Signature(names, (Output("prediction", DType.FLOAT64),))
        self.info = ServableInfo(
            signature, Task.REGRESSION, "Model", {}, plan, batch_rows=batch_rows
        )
        self.calls: list[int] = []
        self._factor, self._before = factor, before

    def predict(self, rows: Rows) -> Predictions:
        self.calls.append(rows.n_rows)
        self._before(rows)
        return self.answer(rows)

    def predict_now(self, rows: Rows) -> Predictions | None:
        return None

    def answer(self, rows: Rows) -> Predictions:
        assert rows.matrix is not None
        return Predictions(rows.matrix[:, 0] * self._factor)

    def release(self) -> None:
        """Nothing to free."""


class Bench:
    """One model that is served by v1 and shadowed by v2."""

    def __init__(self, shadow: Model, sample: float = 100.0, **options: Any) -> None:
        self.served, self.shadow = Slot("m", "v1", Model()), Slot("m", "v2", shadow)
        self.model = shadow
        self.serving_map = ServingMap()
        self.output = io.BytesIO()
        self.writer = LogWriter(self.output)
        log = EventLog(self.writer)
        self.shadows = Shadows(self.serving_map, log, **{"keep": 100, **options})
        self.publish(ShadowRoute(self.shadow, sample))

    def publish(self, route: ShadowRoute | None) -> None:
        self.route = route
        slots = {"v1": self.served, "v2": self.shadow}
        routes = ModelRoutes("m", slots, {}, None, "default", shadow=route)
        self.serving_map.publish(ServingSnapshot({"m": routes}, ("m",)))

    def mirror(self, *values: float, name: str = "") -> Mirror:
        rows = Rows(len(values), matrix=np.array(values)[:, None])
        servable = self.served.servable
        assert isinstance(servable, Model)
        target = Target(self.served, "stable", "default", self.route)
        return Mirror(target, servable.info, rows, servable.answer(rows), name)

    def offer(self, *values: float, name: str = "") -> None:
        self.shadows.offer(self.mirror(*values, name=name))

    def report(self) -> dict[str, Any]:
        return self.shadows.report("m")

    def counts(self) -> tuple[int, ...]:
        """Return agreed, disagreed, failed and dropped."""
        report = self.report()
        return tuple(report[key] for key in ("agreed", "disagreed", "failed", "dropped"))

    async def settled(self) -> None:
        """Wait until nothing waits."""
        await until(lambda: self.report()["waiting"] == 0)


async def until(condition: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < ends_s
        await asyncio.sleep(0.001)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def within_the_limit() -> None:
        await asyncio.wait_for(scenario(), LIMIT_S)

    asyncio.run(within_the_limit())


def test_agreements_and_disagreements_are_counted_by_size() -> None:
    async def scenario() -> None:
        bench = Bench(Model(2.0 + 1e-5))
        for value in (0.0, 1e-3, 1.0, 1e6):
            bench.offer(value)
        bench.offer(0.0, 0.0)
        bench.offer(0.0, 1.0)  # one request, one comparison
        await bench.settled()
        report = bench.report()
        assert (2, 4, 0, 0) == bench.counts()
        assert 6 == report["requests"]
        assert {
            "upper_bounds": [1e-9, 1e-6, 1e-3, 0.1, None],
            "counts": [2, 1, 3, 0, 0],
        } == report["differences"]
        assert 4 / 6 == bench.shadows.disagreement_rate("m", "v2")
        assert bench.shadows.disagreement_rate("m", "v1") is None
        assert bench.shadows.disagreement_rate("other", "v2") is None

    run(scenario)


def test_a_disagreement_is_shown_with_both_answers_and_without_its_input() -> None:
    async def scenario() -> None:
        bench = Bench(Model(3.0), clock=lambda: 1_795_381_200.0)
        bench.offer(0.0, 0.0, 1.0, 4.0, name="some-id")
        await bench.settled()
        assert [
            {
                "time": "2026-11-22T21:00:00.000Z",
                "request_id": "some-id",
                "row": 2,
                "difference": 0.5,
                "served": {"version": "v1", "prediction": 2.0, "confidence": None},
                "shadow": {"version": "v2", "prediction": 3.0, "confidence": None},
            }
        ] == bench.report()["recent"]

    run(scenario)


def test_inputs_are_kept_where_they_are_asked_for() -> None:
    async def scenario() -> None:
        bench = Bench(Model(3.0), keep_inputs=True)
        bench.offer(0.0, 7.0)
        await bench.settled()
        assert [[7.0]] == [each["features"] for each in bench.report()["recent"]]

    run(scenario)


@pytest.mark.parametrize("keep", [0, 1, 5])
def test_only_the_last_disagreements_are_kept(keep: int) -> None:
    async def scenario() -> None:
        bench = Bench(Model(3.0), keep=keep)
        for i in range(150):
            bench.offer(1.0, name=str(i))
        await bench.settled()
        names = [each["request_id"] for each in bench.report()["recent"]]
        assert [str(149 - i) for i in range(keep)] == names
        assert (0, 150, 0, 0) == bench.counts()

    run(scenario)


def test_what_comes_meanwhile_is_asked_together() -> None:
    async def scenario() -> None:
        bench = Bench(Model())
        for i in range(100):
            bench.offer(float(i), 1.0)
        await bench.settled()
        assert [64, 64, 64, 8] == bench.model.calls
        assert (100, 0, 0, 0) == bench.counts()

    run(scenario)


def test_a_model_that_looks_at_all_rows_is_asked_one_request_at_a_time() -> None:
    async def scenario() -> None:
        bench = Bench(Model(batch_rows=1))
        for _ in range(3):
            bench.offer(1.0, 2.0)
        await bench.settled()
        assert [2, 2, 2] == bench.model.calls

    run(scenario)


def refuse_13(rows: Rows) -> None:
    if rows.matrix is not None and (rows.matrix == 13.0).any():
        raise ValueError("13 is a secret")


def test_a_request_that_makes_it_raise_fails_alone() -> None:
    async def scenario() -> None:
        bench = Bench(Model(before=refuse_13))
        for i in range(64):
            bench.offer(float(i), name=str(i))
        await bench.settled()
        assert (63, 0, 1, 0) == bench.counts()
        failure = bench.report()["last_failure"]
        assert ("13", "it raised ValueError") == (failure["request_id"], failure["reason"])

    run(scenario)


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_one_that_always_raises_fails_every_request(error: BaseException) -> None:
    def before(rows: Rows) -> None:
        raise error

    async def scenario() -> None:
        bench = Bench(Model(before=before))
        for _ in range(40):
            bench.offer(1.0)
        await bench.settled()
        assert (0, 0, 40, 0) == bench.counts()
        assert [0] * 5 == bench.report()["differences"]["counts"]
        assert bench.shadows.disagreement_rate("m", "v2") is None

    run(scenario)


class Untold(Exception):
    """Has no text: asking for it raises."""

    def __str__(self) -> str:
        raise ValueError


def test_an_error_that_can_t_be_shown_fails_its_request() -> None:
    def before(rows: Rows) -> None:
        raise Untold

    async def scenario() -> None:
        bench = Bench(Model(before=before))
        bench.offer(1.0)
        await bench.settled()
        assert (0, 0, 1, 0) == bench.counts()
        assert "it raised Untold" == bench.report()["last_failure"]["reason"]

    run(scenario)


def test_what_goes_wrong_before_it_is_asked_fails_the_requests_and_holds_no_version() -> None:
    async def scenario() -> None:
        bench = Bench(Model())
        info = bench.model.info
        del bench.model.info
        for _ in range(3):
            bench.offer(1.0)
        await bench.settled()
        assert (0, 0, 3, 0) == bench.counts()
        assert "it raised AttributeError" == bench.report()["last_failure"]["reason"]
        assert 0 == bench.shadow.in_flight
        bench.model.info = info
        bench.offer(1.0)
        await bench.settled()
        assert (1, 0, 3, 0) == bench.counts()

    run(scenario)


def test_where_no_thread_can_be_started_the_requests_fail_and_the_next_one_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def scenario() -> None:
        bench = Bench(Model())
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", start)
            for _ in range(3):
                bench.offer(1.0)
            await bench.settled()
        assert (0, 0, 3, 0) == bench.counts()
        assert "it raised RuntimeError" == bench.report()["last_failure"]["reason"]
        assert 0 == bench.shadow.in_flight
        bench.offer(1.0)
        await bench.settled()
        assert (1, 0, 3, 0) == bench.counts()

    run(scenario)


def test_why_it_failed_is_logged_but_not_for_every_request() -> None:
    async def scenario() -> None:
        bench = Bench(Model(before=refuse_13))
        for _ in range(3):
            bench.offer(13.0, name="id")
            await bench.settled()
        bench.writer.close()
        lines = [json.loads(line) for line in bench.output.getvalue().splitlines()]
        expected = {
            "level": "warning",
            "event": "shadow_failed",
            "request_id": "id",
            "model": "m",
            "version": "v2",
            "exception": "ValueError: … is a secret",
        }
        assert [expected] == [{k: v for k, v in line.items() if k != "time"} for line in lines]

    run(scenario)


def test_one_with_other_features_fails_and_says_why() -> None:
    async def scenario() -> None:
        bench = Bench(Model(features=2))
        bench.offer(1.0)
        await bench.settled()
        assert (0, 0, 1, 0) == bench.counts()
        assert [] == bench.model.calls
        assert "it takes 2 features, not 1" == bench.report()["last_failure"]["reason"]

    run(scenario)


class Gate:
    """Holds every call until it is opened."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self, rows: Rows) -> None:
        del rows
        self.begun.set()
        assert self.open.wait(LIMIT_S)

    async def reached(self) -> None:
        await asyncio.to_thread(self.begun.wait, LIMIT_S)


def test_what_a_slow_one_has_no_time_for_is_dropped_and_counted() -> None:
    async def scenario() -> None:
        gate = Gate()
        bench = Bench(Model(before=gate, batch_rows=1))
        bench.offer(1.0)
        await gate.reached()
        for _ in range(MAX_WAITING_REQUESTS + 5):
            bench.offer(1.0)
        assert (0, 0, 0, 6) == bench.counts()
        assert MAX_WAITING_REQUESTS == bench.report()["waiting"]
        gate.open.set()
        await until(lambda: bench.counts()[0] > 100)
        bench.shadows.close()

    run(scenario)


def test_rows_that_wait_are_bounded_too() -> None:
    async def scenario() -> None:
        bench = Bench(Model())
        bench.offer(*[1.0] * 20_000)  # more than may wait, but nothing does
        bench.offer(1.0)
        assert (0, 0, 0, 1) == bench.counts()
        await bench.settled()
        bench.offer(1.0)
        await bench.settled()
        assert (2, 0, 0, 1) == bench.counts()

    run(scenario)


def number(i: int) -> Rows:
    return Rows(1, matrix=np.full((1, 100_000), float(i)))


def text(i: int) -> Rows:
    return Rows(1, columns=(np.array(["x" * 800_000 + str(i)], dtype=object), np.array([1.0])))


@pytest.mark.parametrize("rows", [number, text])
def test_bytes_that_wait_are_bounded_too(rows: Callable[[int], Rows]) -> None:
    async def scenario() -> None:
        bench = Bench(Model())
        mirror = bench.mirror(1.0)
        for i in range(100):
            bench.shadows.offer(mirror._replace(rows=rows(i)))
        assert MAX_WAITING_BYTES // 800_000 == bench.report()["waiting"] == 83
        assert 17 == bench.report()["dropped"]
        await until(lambda: bench.report()["waiting"] < 83)
        bench.offer(1.0)  # there is room again
        assert 17 == bench.report()["dropped"]
        bench.shadows.close()

    run(scenario)


def test_nothing_is_asked_before_the_caller_has_its_answer() -> None:
    async def scenario() -> None:
        bench = Bench(Model())
        bench.offer(1.0)
        await asyncio.sleep(0)
        assert [] == bench.model.calls
        await bench.settled()
        assert [1] == bench.model.calls

    run(scenario)


def test_a_sample_is_drawn() -> None:
    async def scenario() -> None:
        draws = iter([0.0, 0.249, 0.25, 0.9])
        bench = Bench(Model(), sample=25.0, draw=lambda: next(draws))
        for _ in range(4):
            bench.offer(1.0)
        await bench.settled()
        assert (2, 0, 0, 0) == bench.counts()
        assert 25.0 == bench.report()["sample"]

    run(scenario)


def test_a_sample_of_nothing_mirrors_nothing() -> None:
    async def scenario() -> None:
        bench = Bench(Model(), sample=0.0, draw=lambda: 0.0)
        bench.offer(1.0)
        assert 0 == bench.report()["waiting"]

    run(scenario)


def test_pinned_requests_and_the_shadow_s_own_answers_are_not_mirrored() -> None:
    async def scenario() -> None:
        bench = Bench(Model())
        mirror = bench.mirror(1.0)
        pinned = Target(bench.served, "pinned", "default")
        own = Target(bench.shadow, "canary", "default", bench.route)
        for target in (pinned, own):
            bench.shadows.offer(mirror._replace(target=target))
        assert 0 == bench.report()["waiting"]

    run(scenario)


def test_counts_go_on_while_only_the_sample_changes() -> None:
    async def scenario() -> None:
        bench = Bench(Model())
        bench.offer(1.0)
        await bench.settled()
        bench.publish(ShadowRoute(bench.shadow, 50.0))
        bench.shadows.offer(bench.mirror(1.0))
        await bench.settled()
        assert (50.0, "v2") == (bench.report()["sample"], bench.report()["version"])
        assert bench.counts()[0] >= 1

    run(scenario)


def test_counts_start_anew_with_another_shadow() -> None:
    async def scenario() -> None:
        bench = Bench(Model())
        bench.offer(1.0)
        await bench.settled()
        bench.shadow = Slot("m", "v3", Model(3.0))
        bench.publish(ShadowRoute(bench.shadow, 100.0))
        assert ("v3", 0) == (bench.report()["version"], bench.report()["requests"])
        bench.offer(1.0)
        await bench.settled()
        assert (0, 1, 0, 0) == bench.counts()
        assert [("m", "v3", 1)] == [(m, v, t.requests) for m, v, t in bench.shadows.tallies()]

    run(scenario)


def test_a_request_that_was_routed_before_the_shadow_changed_leaves_the_new_counts() -> None:
    async def scenario() -> None:
        bench = Bench(Model())
        straggler = bench.mirror(1.0)
        bench.shadow = Slot("m", "v3", Model(3.0))
        bench.publish(ShadowRoute(bench.shadow, 100.0))
        bench.offer(1.0)
        await bench.settled()
        bench.shadows.offer(straggler)
        assert ("v3", 0) == (bench.report()["version"], bench.report()["waiting"])
        assert (0, 1, 0, 0) == bench.counts()
        bench.publish(None)
        bench.shadows.offer(straggler)
        assert (0, 1, 0, 0) == bench.counts()
        assert [] == bench.model.calls

    run(scenario)


def test_what_waits_for_a_shadow_that_is_none_any_more_is_dropped() -> None:
    async def scenario() -> None:
        bench = Bench(Model())
        bench.offer(1.0)
        bench.publish(None)
        await bench.settled()
        assert (0, 0, 0, 1) == bench.counts()
        assert [] == bench.model.calls
        assert ("v2", 0.0) == (bench.report()["version"], bench.report()["sample"])
        bench.publish(ShadowRoute(bench.shadow, 100.0))
        bench.offer(1.0)
        await bench.settled()
        assert (1, 0, 0, 1) == bench.counts()

    run(scenario)


def shadow_threads() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name == SHADOW_THREAD}


@pytest.mark.parametrize("is_gone", [False, True])
def test_an_idle_shadow_that_is_none_any_more_keeps_no_thread(is_gone: bool) -> None:
    async def scenario() -> None:
        before = shadow_threads()
        bench = Bench(Model())
        bench.offer(1.0)
        await bench.settled()
        (thread,) = shadow_threads() - before
        await asyncio.sleep(0.05)  # its last look finds it in force and nothing to do
        if is_gone:
            bench.serving_map.publish(ServingSnapshot({}, ()))
        else:
            bench.publish(None)
        told = [(model, version) for model, version, _ in bench.shadows.tallies()]
        assert told == ([] if is_gone else [("m", "v2")])
        await asyncio.to_thread(thread.join, LIMIT_S)
        assert not thread.is_alive()
        assert (0 if is_gone else 1, 0, 0, 0) == bench.counts()

    run(scenario)


def test_a_model_without_a_shadow_has_an_empty_report() -> None:
    async def scenario() -> None:
        bench = Bench(Model())
        bench.publish(None)
        assert {
            "model": "m",
            "version": None,
            "sample": 0.0,
            "waiting": 0,
            **Tally(0).to_dict(),
        } == bench.report()

    run(scenario)


def test_a_version_is_held_only_while_it_is_asked() -> None:
    async def scenario() -> None:
        gate, idle = Gate(), asyncio.Event()
        bench = Bench(Model(before=gate, batch_rows=1))
        for _ in range(3):
            bench.offer(1.0)
        assert 0 == bench.shadow.in_flight
        await gate.reached()
        assert 1 == bench.shadow.in_flight
        bench.publish(None)
        bench.shadow.drain(lambda servable: idle.set())
        gate.open.set()
        await idle.wait()
        await bench.settled()
        agreed, *_, dropped = bench.counts()
        assert 3 == agreed + dropped

    run(scenario)


def test_one_that_hangs_holds_up_neither_the_next_shadow_nor_the_end() -> None:
    async def scenario() -> None:
        gate = Gate()
        bench = Bench(Model(before=gate))
        bench.offer(1.0)
        await gate.reached()
        bench.shadow = Slot("m", "v3", Model())
        bench.publish(ShadowRoute(bench.shadow, 100.0))
        bench.offer(1.0)
        await bench.settled()
        assert (1, 0, 0, 0) == bench.counts()
        bench.shadows.close()
        gate.open.set()

    run(scenario)


class Time:
    """Clocks that show what a model and the pauses between calls have taken."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0

    def compute(self, seconds: float) -> None:
        self.wall_s += seconds
        self.cpu_s += seconds

    def sleep(self, seconds: float) -> None:
        self.wall_s += seconds


def rounds(model: Model, times: Time, mirrors: Sequence[Mirror]) -> int:
    """Ask until nothing is left, pausing as told; return the number of rounds."""
    calls = ShadowCalls(
        0,
        keep_inputs=False,
        clock=lambda: times.wall_s,
        cpu=lambda: times.cpu_s,
        sleep=times.sleep,
    )
    left, n = deque(Waiting(0.0, each) for each in mirrors), 0
    while left:
        done = calls.round(model, left)
        left, n = done.left, n + 1
        times.sleep(done.rest_s)
    return n


@pytest.mark.parametrize(
    ("call_s", "share"), [(0.00005, 0.05), (0.4, 0.05), (1.0, 0.01), (2.0, 2 / 122), (40.0, 0.25)]
)
def test_a_shadow_takes_a_bounded_share_of_a_core(call_s: float, share: float) -> None:
    async def scenario() -> None:
        times = Time()
        model = Model(before=lambda rows: times.compute(call_s), batch_rows=1)
        rounds(model, times, [Bench(model).mirror(1.0)] * 100)
        assert 100 == len(model.calls)
        assert pytest.approx(share) == times.cpu_s / times.wall_s

    run(scenario)


def test_a_shadow_that_raises_takes_a_hundredth() -> None:
    async def scenario() -> None:
        times = Time()

        def fail(rows: Rows) -> None:
            times.compute(0.001)
            raise ValueError(rows.n_rows)

        model = Model(before=fail, batch_rows=1)
        rounds(model, times, [Bench(model).mirror(1.0)] * 100)
        assert 100 == len(model.calls)
        assert pytest.approx(0.01) == times.cpu_s / times.wall_s

    run(scenario)


def test_one_that_sleeps_needs_no_rest_and_gives_its_version_back_between_calls() -> None:
    async def scenario() -> None:
        times = Time()
        model = Model(before=lambda rows: times.sleep(2.0), batch_rows=1)
        assert 5 == rounds(model, times, [Bench(model).mirror(1.0)] * 5)
        assert 10.0 == times.wall_s

    run(scenario)
