"""Phases of a load: each ends where the next begins, in the thread that notes them."""

from __future__ import annotations

import threading
from itertools import count

import pytest

from skerry.core.phases import Phases, begin_phase


def test_a_phase_ends_where_the_next_begins() -> None:
    clock = count()
    phases = Phases(lambda: float(next(clock)))

    with phases.noted():
        begin_phase("verify")
        begin_phase("read")

    assert (("verify", 0.0, 1.0), ("read", 1.0, 2.0)) == phases.all()


def test_the_last_phase_ends_with_a_failure() -> None:
    phases = Phases()

    def load() -> None:
        with phases.noted():
            begin_phase("read")
            raise KeyError

    with pytest.raises(KeyError):
        load()

    assert phases.all() == phases.all()
    assert ["read"] == [phase.name for phase in phases.all()]


def test_what_nobody_notes_is_nothing() -> None:
    phases = Phases()

    begin_phase("read")
    with phases.noted():
        thread = threading.Thread(target=begin_phase, args=("read",))
        thread.start()
        thread.join()

    assert () == phases.all()
