"""The executor: bounded, nobody's handle is forgotten, and what waits is answered together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import numpy as np
import pytest

from skerry.core.errors import QueueFull
from skerry.core.plan import Candidate, Executor, Parity, Plan, RowRange
from skerry.core.rows import Predictions, Rows
from skerry.core.servable import ServableInfo
from skerry.core.signature import Signature, Task
from skerry.dataplane import executor as dataplane
from skerry.dataplane.queue_metrics import QueueCollector
from skerry.dataplane.threads import cpus
from skerry.serving.handle import Slot
from skerry.serving.serving_map import ModelRoutes, ServingMap, ServingSnapshot
from skerry.telemetry.serving_metrics import ServingMetrics

SHORT = {1: 1000.0, 8: 1200.0, 64: 2000.0, 512: 9000.0, 1000: 15000.0}
LONG = {1: 1e6}


class Doubling:
    """Answers twice the first feature; what ``before`` does comes first."""

    def __init__(
        self,
        before: Callable[[Rows], object] = lambda rows: None,
        durations_us: dict[int, float] = SHORT,
        batch_rows: int = 64,
    ) -> None:
        own = Candidate(Executor.SKLEARN, accepted=True, duration_us=durations_us)
        plan = Plan(Parity.NATIVE, (RowRange(1, None, Executor.SKLEARN),), (own,))
        self.info = ServableInfo(
            Signature((), ()), Task.REGRESSION, "Doubling", {}, plan, batch_rows=batch_rows
        )
        self.calls: list[int] = []
        self._before = before

    def predict(self, rows: Rows) -> Predictions:
        self.calls.append(rows.n_rows)
        self._before(rows)
        first = rows.matrix[:, 0] if rows.matrix is not None else (rows.columns or ())[0]
        return Predictions(first * 2)

    def predict_now(self, rows: Rows) -> Predictions | None:
        return None

    def release(self) -> None:
        """Nothing to free."""


class Gate:
    """Holds the first call until it is opened."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self, rows: Rows) -> None:
        del rows
        self.begun.set()
        assert self.open.wait(10)

    async def reached(self) -> None:
        await asyncio.to_thread(self.begun.wait, 10)


def row(*values: float) -> Rows:
    return Rows(len(values), matrix=np.array(values)[:, None])


def test_answers_and_releases_the_handle() -> None:
    async def run() -> None:
        slot = Slot("m", "v1", Doubling())
        executor = dataplane.Executor(1, 10)
        answer = await executor.submit(slot.acquire(), row(1.0, 2.0))
        assert [2.0, 4.0] == answer.labels.tolist()
        assert 0 == slot.in_flight
        executor.close()

    asyncio.run(run())


def test_what_waits_for_one_model_is_answered_together_and_each_gets_its_own() -> None:
    async def run() -> None:
        gate = Gate()
        model, other = Doubling(gate), Doubling()
        slot, other_slot = Slot("m", "v1", model), Slot("other", "v1", other)
        executor = dataplane.Executor(1, 1000)
        first = executor.submit(slot.acquire(), row(0.0))
        await gate.reached()
        waiting = [executor.submit(slot.acquire(), row(float(i), float(-i))) for i in range(1, 41)]
        elsewhere = executor.submit(other_slot.acquire(), row(5.0))
        assert 81 == executor.queue_rows
        gate.open.set()
        answers = [each.labels.tolist() for each in await asyncio.gather(first, *waiting)]
        assert [[0.0], *([2.0 * i, -2.0 * i] for i in range(1, 41))] == answers
        assert [10.0] == (await elsewhere).labels.tolist()
        assert [1, 64, 16] == model.calls
        assert [1] == other.calls
        assert (0, 0, 0) == (executor.queue_rows, slot.in_flight, other_slot.in_flight)
        executor.close()

    asyncio.run(run())


def test_rows_of_another_form_are_asked_by_themselves() -> None:
    async def run() -> list[int]:
        gate = Gate()
        model = Doubling(gate)
        slot = Slot("m", "v1", model)
        executor = dataplane.Executor(1, 1000)
        columns = [np.array([1.0]), np.array([2.0]), np.array([3], dtype=object)]
        futures = [
            executor.submit(slot.acquire(), Rows(1, columns=(column,)))
            for column in [np.array([0.0]), *columns]
        ]
        await gate.reached()
        gate.open.set()
        assert [0, 2, 4, 6] == [(await each).labels.tolist()[0] for each in futures]
        executor.close()
        return model.calls

    assert [1, 2, 1] == asyncio.run(run())


def test_a_model_that_looks_at_all_rows_is_asked_one_request_at_a_time() -> None:
    async def run() -> list[int]:
        gate = Gate()
        model = Doubling(gate, batch_rows=1)
        slot = Slot("m", "v1", model)
        executor = dataplane.Executor(1, 1000)
        futures = [executor.submit(slot.acquire(), row(1.0, 2.0)) for _ in range(3)]
        await gate.reached()
        gate.open.set()
        await asyncio.gather(*futures)
        executor.close()
        return model.calls

    assert [2, 2, 2] == asyncio.run(run())


def test_a_bad_row_hurts_nobody_else() -> None:
    async def run() -> None:
        gate = Gate()

        def before(rows: Rows) -> None:
            gate(rows)
            if rows.matrix is not None and (rows.matrix == 13.0).any():
                raise ValueError("13")

        slot = Slot("m", "v1", Doubling(before))
        executor = dataplane.Executor(1, 1000)
        futures = [executor.submit(slot.acquire(), row(value)) for value in (0.0, 1.0, 13.0, 2.0)]
        await gate.reached()
        gate.open.set()
        answers = await asyncio.gather(*futures, return_exceptions=True)
        assert isinstance(answers[2], ValueError)
        good = [each.labels.tolist() for each in answers if isinstance(each, Predictions)]
        assert [[0.0], [2.0], [4.0]] == good
        assert 0 == slot.in_flight
        executor.close()

    asyncio.run(run())


def test_refuses_rows_beyond_the_limit_and_takes_them_again_later() -> None:
    async def run() -> None:
        gate = Gate()
        slot = Slot("m", "v1", Doubling(gate))
        executor = dataplane.Executor(1, 4)
        running = executor.submit(slot.acquire(), row(*[1.0] * 9))  # more than may wait
        await gate.reached()
        waiting = executor.submit(slot.acquire(), row(1.0, 2.0, 3.0, 4.0))
        refused = slot.acquire()
        with pytest.raises(QueueFull, match="4 rows are waiting, at most 4 may"):
            executor.submit(refused, row(1.0))
        refused.release()
        gate.open.set()
        await asyncio.gather(running, waiting)
        assert 0 == executor.queue_rows
        assert [2.0] == (await executor.submit(slot.acquire(), row(1.0))).labels.tolist()
        executor.close()

    asyncio.run(run())


def test_long_calls_keep_no_short_one_waiting() -> None:
    async def run() -> None:
        gate = Gate()
        slow = Slot("slow", "v1", Doubling(gate, durations_us=LONG))
        quick = Slot("quick", "v1", Doubling())
        executor = dataplane.Executor(1, 1000)
        long_calls = [executor.submit(slow.acquire(), row(1.0)) for _ in range(5)]
        await gate.reached()
        answer = await asyncio.wait_for(executor.submit(quick.acquire(), row(1.0)), 10)
        assert [2.0] == answer.labels.tolist()
        assert not any(each.done() for each in long_calls)
        gate.open.set()
        await asyncio.gather(*long_calls)
        executor.close()

    asyncio.run(run())


@pytest.mark.parametrize("error", [SystemExit(3), StopIteration(), KeyboardInterrupt()])
def test_what_no_future_can_hold_is_an_error_like_any_other(error: BaseException) -> None:
    def before(rows: Rows) -> None:
        raise error

    async def run() -> None:
        executor = dataplane.Executor(1, 10)
        slot = Slot("m", "v1", Doubling(before))
        with pytest.raises(RuntimeError, match=type(error).__name__):
            await asyncio.wait_for(executor.submit(slot.acquire(), row(1.0)), 10)
        executor.close()

    asyncio.run(run())


def test_a_withdrawn_call_is_never_made() -> None:
    async def run() -> list[int]:
        gate = Gate()
        model = Doubling(gate)
        slot = Slot("m", "v1", model)
        executor = dataplane.Executor(1, 10)
        first = executor.submit(slot.acquire(), row(1.0))
        second = executor.submit(slot.acquire(), row(2.0))
        await gate.reached()
        second.cancel()
        await asyncio.sleep(0)
        assert (0, 1) == (executor.queue_rows, slot.in_flight)
        gate.open.set()
        await first
        assert 0 == slot.in_flight
        executor.close()
        return model.calls

    assert [1] == asyncio.run(run())


def test_a_call_that_runs_keeps_its_handle_until_it_ends() -> None:
    async def run() -> None:
        gate, idle = Gate(), asyncio.Event()
        slot = Slot("m", "v1", Doubling(gate))
        executor = dataplane.Executor(1, 10)
        future = executor.submit(slot.acquire(), row(1.0))
        await gate.reached()
        slot.drain(lambda servable: idle.set())
        future.cancel()
        await asyncio.sleep(0.01)
        assert not idle.is_set()
        gate.open.set()
        await asyncio.wait_for(idle.wait(), 10)
        executor.close()

    asyncio.run(run())


def test_closing_withdraws_what_waits() -> None:
    async def run() -> None:
        gate = Gate()
        slot = Slot("m", "v1", Doubling(gate))
        executor = dataplane.Executor(1, 10)
        running = executor.submit(slot.acquire(), row(1.0))
        waiting = executor.submit(slot.acquire(), row(2.0))
        await gate.reached()
        executor.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.open.set()
        assert [2.0] == (await running).labels.tolist()
        assert 0 == slot.in_flight

    asyncio.run(run())


def test_there_is_at_least_one_cpu() -> None:
    assert 1 <= cpus()


def test_calls_and_waits_are_counted_and_the_queue_is_told_by_model() -> None:
    async def run() -> ServingMetrics:
        counted, gate, serving_map = ServingMetrics(), Gate(), ServingMap()
        slots = [Slot(name, "v1", Doubling(gate)) for name in ("m", "other")]
        serving_map.publish(
            ServingSnapshot({s.model: ModelRoutes(s.model, {}, {}, None, "") for s in slots})
        )
        executor = dataplane.Executor(1, 1000, counted)
        first = executor.submit(slots[0].acquire(), row(0.0))
        await gate.reached()
        waiting = [executor.submit(slots[0].acquire(), row(1.0, 2.0)) for _ in range(3)]
        (queue,) = QueueCollector(executor, serving_map).collect()
        assert [("m", 6), ("other", 0)] == [(s.labels["model"], s.value) for s in queue.samples]
        gate.open.set()
        await asyncio.gather(first, *waiting)
        executor.close()
        return counted

    found = {
        sample.name: sample.value
        for family in asyncio.run(run()).families()
        for sample in family.samples
        if sample.name.endswith(("_count", "_sum"))
    }

    assert (2, 7) == (
        found["skerry_inference_batch_rows_count"],
        found["skerry_inference_batch_rows_sum"],
    )
    assert 2 == found["skerry_inference_duration_seconds_count"]
    assert 4 == found["skerry_queue_wait_seconds_count"]
