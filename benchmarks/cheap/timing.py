"""Interleaved timing: every contestant takes its turn in each short round, so that a slow moment hits all alike.

What is told is the median of the rounds, in processor time of the whole process, threads that export included: what
else runs on the machine counts less so.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

#: Runs a contestant this many times.
Many = Callable[[int], Any]

_ROUND = 0.004  # seconds of each turn
_WARM_UP = 0.03


def calibrate(many: Many, turn: float = _ROUND) -> int:
    """How many times fill one turn of so many seconds."""
    many(2)
    times = 1
    while True:
        before = time.process_time()
        many(times)
        took = time.process_time() - before
        if took > turn / 4:
            return max(1, round(times * turn / took))
        times *= 4


def race(contestants: dict[str, Many], rounds: int, turn: float = _ROUND) -> dict[str, float]:
    """Seconds per run of each, the median of all rounds.

    :param turn: in seconds; longer ones where each turn ends with something that costs.
    """
    times = {name: calibrate(many, turn) for name, many in contestants.items()}
    for name, many in contestants.items():
        until = time.process_time() + _WARM_UP
        while time.process_time() < until:
            many(times[name])
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    gc.collect()
    for _ in range(rounds):
        for name, many in contestants.items():
            before = time.process_time()
            many(times[name])
            taken[name].append((time.process_time() - before) / times[name])
    return {name: statistics.median(values) for name, values in taken.items()}
