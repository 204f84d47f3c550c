"""Times calls, for choosing among executors: ratios matter, not the last microsecond."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from skerry.core.plan import MEASURED_ROWS
from skerry.core.rows import Rows

_TARGET_S = 0.01
_MAX_CALLS = 50


def measure(
    ask: Callable[[Rows], object], rows_of_size: Mapping[int, Sequence[Rows]], deadline_s: float
) -> dict[int, float]:
    """Return microseconds of one call, the median of several, by number of rows.

    rows_of_size: what is asked in turn; one row alone may be a rare case, such as a tie.
    deadline_s: of ``time.monotonic``; sizes that would go beyond it are left out, but the first.
    """
    found: dict[int, float] = {}
    for size in MEASURED_ROWS:
        if size not in rows_of_size:
            continue
        expected_s = found[max(found)] / 1e6 if found else 0.0
        if found and time.monotonic() + 2 * expected_s > deadline_s:
            break
        found[size] = _median_us(ask, rows_of_size[size])
    return found


def _median_us(ask: Callable[[Rows], object], several: Sequence[Rows]) -> float:
    times: list[float] = []
    spent_s = 0.0
    ask(several[0])  # The first call of a size allocates; it is not the usual one.
    while (spent_s < _TARGET_S and len(times) < _MAX_CALLS) or len(times) < 3:
        rows = several[len(times) % len(several)]
        started_s = time.perf_counter()
        ask(rows)
        took_s = time.perf_counter() - started_s
        times.append(took_s)
        spent_s += took_s
        if took_s > _TARGET_S * 10:
            break
    return round(sorted(times)[len(times) // 2] * 1e6, 2)
