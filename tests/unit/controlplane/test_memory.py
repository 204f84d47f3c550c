"""The memory check: an estimate against what is left."""

from __future__ import annotations

import pytest

from skerry.controlplane.memory import check_fits, estimate_bytes
from skerry.controlplane.memory_metrics import MemoryCollector
from skerry.core.errors import InsufficientMemory

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("size", "compressed", "measured", "expected"),
    [
        (100 * MIB, False, 0, 120 * MIB),
        (100 * MIB, True, 0, 400 * MIB),
        (100 * MIB, False, 200 * MIB, 220 * MIB),
        (100 * MIB, False, 10 * MIB, 110 * MIB),
        (100 * MIB, True, 10 * MIB, 11 * MIB),
    ],
)
def test_estimate(size: int, compressed: bool, measured: int, expected: int) -> None:
    estimate = estimate_bytes(size, compressed=compressed, measured_bytes=measured)

    assert expected == pytest.approx(estimate, abs=1)


def test_a_load_that_does_not_fit_is_refused_with_both_figures() -> None:
    with pytest.raises(InsufficientMemory, match="needs about 200 MiB and 100 MiB are left"):
        check_fits(200 * MIB, 100 * MIB)


@pytest.mark.parametrize("available", [None, 200 * MIB])
def test_a_load_that_fits_passes(available: int | None) -> None:
    check_fits(200 * MIB, available)


@pytest.mark.parametrize(("limit", "expected"), [(None, []), (512 * MIB, [512 * MIB])])
def test_the_limit_is_a_metric_where_there_is_one(limit: int | None, expected: list[int]) -> None:
    [family] = MemoryCollector(lambda: limit).collect()

    assert "skerry_memory_limit_bytes" == family.name
    assert expected == [sample.value for sample in family.samples]
