"""Admission: who is admitted, held and refused while more is asked than can be answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from skerry.core.traffic_split import TrafficSplit
from skerry.core.version_state import VersionState
from skerry.dataplane.executor import Executor
from skerry.http import inference_v2, predict
from skerry.http.admission import Admission, Verdict
from skerry.http.lean_route import LeanRoutes
from skerry.serving.handle import Slot
from skerry.serving.serving_map import ModelRoutes, ServingMap, ServingSnapshot
from tests.unit.dataplane.test_executor import Doubling, Gate, row
from tests.unit.http.quick import Quick

ASK_QUICK = b"POST /api/v1/models/quick/predict HTTP/1.1\r\n\r\n"
ASK_SLOW = b"POST /api/v1/models/slow/predict HTTP/1.1\r\n\r\n"
TOO_LONG_S = 30.0
MAX_BATCH_ROWS = 4


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Caller:
    """Notes its name when it is taken up; what that costs is added to the clock."""

    def __init__(self, name: str, taken: list[str], clock: Clock, takes_s: float = 0.0) -> None:
        self._name, self._taken = name, taken
        self._clock, self._takes_s = clock, takes_s

    def proceed(self) -> None:
        self._taken.append(self._name)
        self._clock.now_s += self._takes_s


class Door:
    """An admission with clocks that stand still, and what its callers have come to."""

    def __init__(self, gate: Gate | None = None, max_queue_rows: int = 1) -> None:
        slow = Doubling(gate or Gate(), batch_rows=1)
        self.slot = Slot("slow", "v1", slow)
        slots = {"quick": Slot("quick", "v1", Quick()), "slow": self.slot}
        serving_map = ServingMap()
        serving_map.publish(
            ServingSnapshot(
                {
                    name: ModelRoutes(
                        name, {"v1": slot}, {"v1": VersionState.READY}, TrafficSplit("v1"), "g"
                    )
                    for name, slot in slots.items()
                },
                ("quick", "slow"),
            )
        )
        self.clock, self.cpu_clock = Clock(), Clock()
        self.taken: list[str] = []
        self.executor = Executor(1, max_queue_rows)
        self.admission = Admission(
            LeanRoutes([*predict.router.routes, *inference_v2.router.routes], ""),
            serving_map,
            None,
            self.executor,
            max_batch_rows=MAX_BATCH_ROWS,
            timeout_s=TOO_LONG_S,
            look_s=0.0,
            clock=self.clock,
            cpu_clock=self.cpu_clock,
        )

    def ask(self, name: str, packet: bytes = ASK_QUICK, takes_s: float = 0.0) -> Verdict:
        caller = Caller(name, self.taken, self.clock, takes_s)
        return self.admission.verdict(caller, packet)

    def use_up_the_turn(self) -> None:
        self.ask("first")
        self.clock.now_s += 1.0


def run(test: Callable[[Door], Sequence[object]]) -> Sequence[object]:
    async def within() -> Sequence[object]:
        return test(Door())

    return asyncio.run(within())


async def turns(n: int = 3) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


def test_admits_as_long_as_a_turn_has_time() -> None:
    verdicts = run(lambda door: [door.ask(str(i)) for i in range(1000)])

    assert {Verdict.ADMIT} == set(verdicts)


def test_holds_what_a_turn_has_no_time_for_and_takes_it_up_in_order() -> None:
    async def within() -> None:
        door = Door()
        door.use_up_the_turn()
        assert [Verdict.HOLD] * 3 == [door.ask(name, takes_s=0.002) for name in "abc"]
        assert [] == door.taken
        await turns()
        assert ["a", "b", "c"] == door.taken

    asyncio.run(within())


def test_takes_up_no_more_at_once_than_a_turn_has_time_for() -> None:
    async def within() -> None:
        door = Door()
        door.use_up_the_turn()
        for name in "abcd":
            door.ask(name, takes_s=0.002)
        await turns(1)
        assert ["a", "b"] == door.taken
        assert Verdict.HOLD is door.ask("e")
        await turns()
        assert ["a", "b", "c", "d", "e"] == door.taken

    asyncio.run(within())


@pytest.mark.parametrize(
    "packet",
    [
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"POST /api/v1/models/nothing/predict HTTP/1.1\r\n\r\n",
        b"POST /v2/anything HTTP/1.1\r\n\r\n",
        b"POST /api/v1/models/quick/versions/v9/predict HTTP/1.1\r\n\r\n",
        b"POST ",
        b"\x00" * 9,
    ],
)
def test_nothing_but_a_prediction_is_ever_held(packet: bytes) -> None:
    def ask(door: Door) -> Sequence[object]:
        door.use_up_the_turn()
        return [door.ask("held"), door.ask("other", packet)]

    assert [Verdict.HOLD, Verdict.ADMIT] == run(ask)


def test_refuses_behind_one_that_waits_for_long_but_only_so_often() -> None:
    def ask(door: Door) -> Sequence[object]:
        door.use_up_the_turn()
        first = door.ask("first")
        door.clock.now_s += 0.3
        verdicts = [first, *(door.ask("late") for _ in range(50))]
        door.cpu_clock.now_s += 0.0021
        return [*verdicts, *(door.ask("later") for _ in range(3))]

    refused, held = [Verdict.REFUSE], [Verdict.HOLD]
    assert held + 20 * refused + 30 * held + 2 * refused + held == run(ask)


def test_a_large_request_counts_as_several_refusals_since_it_has_to_be_read() -> None:
    def ask(door: Door) -> Sequence[object]:
        door.use_up_the_turn()
        door.ask("first")
        door.clock.now_s += 0.3
        return [door.ask("large", ASK_QUICK + b" " * 3 * 8192) for _ in range(6)]

    assert 5 * [Verdict.REFUSE] + [Verdict.HOLD] == run(ask)


def test_does_not_refuse_who_may_have_waited_to_be_accepted() -> None:
    def ask(door: Door) -> Sequence[object]:
        door.use_up_the_turn()
        door.ask("first")
        door.clock.now_s += 0.3
        caller = Caller("new", door.taken, door.clock)
        return [door.admission.verdict(caller, ASK_QUICK, just_came=False), door.ask("known")]

    assert [Verdict.HOLD, Verdict.REFUSE] == run(ask)


def test_a_full_lane_refuses_then_holds_until_it_has_room() -> None:
    async def within() -> None:
        gate = Gate()
        door = Door(gate)
        running, waiting = (door.executor.submit(door.slot.acquire(), row(1.0)) for _ in range(2))
        verdicts = [door.ask(str(i), ASK_SLOW) for i in range(22)]
        assert [Verdict.REFUSE] * 20 + [Verdict.HOLD] * 2 == verdicts
        assert Verdict.ADMIT is door.ask("quick")
        await turns(5)
        assert [] == door.taken
        gate.open.set()
        await asyncio.gather(running, waiting)
        await turns(5)
        assert ["20", "21"] == door.taken
        door.executor.close()

    asyncio.run(within())


@pytest.mark.parametrize("claimed", [MAX_BATCH_ROWS + 1, 999_999_999])
def test_a_claim_of_more_rows_than_a_batch_may_have_holds_up_no_lane(claimed: int) -> None:
    packet = b'POST /v2/models/slow/infer HTTP/1.1\r\n\r\n{"inputs": [{"shape": [%d, 1]' % claimed

    async def within() -> None:
        door = Door(gate := Gate(), max_queue_rows=2 * MAX_BATCH_ROWS)
        rows = MAX_BATCH_ROWS + 1  # Crowded, and with room for less than was claimed.
        calls = [door.executor.submit(door.slot.acquire(), row(1.0)) for _ in range(rows + 1)]
        caller = Caller("claims", door.taken, door.clock)
        verdicts = [door.admission.verdict(caller, packet, just_came=False)]
        verdicts.append(door.ask("one row", ASK_SLOW))
        assert [Verdict.ADMIT] * 2 == verdicts
        door.use_up_the_turn()
        assert Verdict.HOLD is door.admission.verdict(caller, packet)
        await turns()
        assert ["claims"] == door.taken
        gate.open.set()
        await asyncio.gather(*calls)
        door.executor.close()

    asyncio.run(within())


def test_who_has_waited_too_long_is_taken_up_though_there_is_no_room() -> None:
    async def within() -> None:
        gate = Gate()
        door = Door(gate)
        calls = [door.executor.submit(door.slot.acquire(), row(1.0)) for _ in range(2)]
        for i in range(21):
            door.ask(str(i), ASK_SLOW)
        door.clock.now_s += TOO_LONG_S + 1
        await asyncio.sleep(0.01)
        assert ["20"] == door.taken
        gate.open.set()
        await asyncio.gather(*calls)
        door.executor.close()

    asyncio.run(within())


def test_a_queue_that_waits_for_a_thread_holds_up_no_other() -> None:
    async def within() -> None:
        door = Door(gate := Gate())
        calls = [door.executor.submit(door.slot.acquire(), row(1.0)) for _ in range(2)]
        for i in range(21):
            door.ask(str(i), ASK_SLOW)
        door.clock.now_s += 1.0
        assert Verdict.HOLD is door.ask("quick")
        await turns()
        assert ["quick"] == door.taken
        gate.open.set()
        await asyncio.gather(*calls)
        door.executor.close()

    asyncio.run(within())


def test_refuses_rather_than_to_keep_more_bytes_than_it_may() -> None:
    large = ASK_QUICK + b" " * 2**24

    def ask(door: Door) -> Sequence[object]:
        door.use_up_the_turn()
        return [door.ask(str(i), large) for i in range(5)]

    assert [Verdict.HOLD] * 3 + [Verdict.REFUSE] * 2 == run(ask)
