"""Interleaved timing: every contestant takes its turn in each short round, so that a slow moment hits all alike.

What is told is the median of the rounds: the machine is never quiet, but it is quiet more than half of the time.
"""

from __future__ import annotations

import gc
import statistics
import time
from typing import Any, Callable

#: Runs a contestant this many times.
Many = Callable[[int], Any]

_ROUND = 0.004  # seconds of each turn
_WARM_UP = 0.03


def calibrate(many: Many) -> int:
    """How many times fill one turn."""
    many(2)
    times = 1
    while True:
        before = time.perf_counter()
        many(times)
        took = time.perf_counter() - before
        if took > _ROUND / 4:
            return max(1, round(times * _ROUND / took))
        times *= 4


def race(contestants: dict[str, Many], rounds: int) -> dict[str, float]:
    """Seconds per run of each, the median of all rounds."""
    times = {name: calibrate(many) for name, many in contestants.items()}
    for name, many in contestants.items():
        until = time.perf_counter() + _WARM_UP
        while time.perf_counter() < until:
            many(times[name])
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    gc.collect()
    for _ in range(rounds):
        for name, many in contestants.items():
            before = time.perf_counter()
            many(times[name])
            taken[name].append((time.perf_counter() - before) / times[name])
    return {name: statistics.median(values) for name, values in taken.items()}
