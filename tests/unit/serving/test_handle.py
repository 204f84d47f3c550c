"""Handles: a version's memory goes when the last one that holds it leaves."""

from __future__ import annotations

import pytest

from skerry.core.plan import Executor, Parity, Plan
from skerry.core.rows import Predictions, Rows
from skerry.core.servable import Servable, ServableInfo
from skerry.core.signature import Signature, Task
from skerry.serving.handle import Slot


class Nothing:
    """A servable that is never asked."""

    info = ServableInfo(
        Signature((), ()),
        Task.REGRESSION,
        "nothing",
        {},
        Plan.of_one(Executor.SKLEARN, Parity.NATIVE),
    )

    def predict(self, rows: Rows) -> Predictions:
        raise NotImplementedError

    def predict_now(self, rows: Rows) -> Predictions | None:
        raise NotImplementedError

    def release(self) -> None:
        raise NotImplementedError


def test_an_idle_slot_gives_its_servable_up_at_once() -> None:
    freed: list[Servable] = []
    servable = Nothing()

    Slot("iris", "v1", servable).drain(freed.append)

    assert [servable] == freed


def test_a_held_slot_waits_for_its_last_handle() -> None:
    freed: list[Servable] = []
    slot = Slot("iris", "v1", Nothing())
    first, second = slot.acquire(), slot.acquire()

    slot.drain(freed.append)
    first.release()
    first.release()
    held = list(freed)
    second.release()

    assert [] == held
    assert 1 == len(freed)
    assert 0 == slot.in_flight


def test_a_drained_slot_has_no_servable() -> None:
    slot = Slot("iris", "v1", Nothing())
    slot.drain(lambda _: None)

    with pytest.raises(RuntimeError, match="iris/v1 is unloaded"):
        _ = slot.servable
