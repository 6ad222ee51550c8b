"""Interleaved timing: every contestant takes its turn in each short round, so that a slow moment hits all alike.

Each runs in a process of its own.

What is told is the median of the rounds, in processor time of the whole process, threads that export included: what
else runs on the machine counts less so.
"""

from __future__ import annotations

import contextlib
import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
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


def take_turns(many: Many, turn: float = _ROUND) -> None:
    """Take a turn for each line of standard input, and print its seconds per run, until there are no more.

    :param turn: in seconds; longer ones where each turn ends with something that costs.
    """
    times = calibrate(many, turn)
    until = time.process_time() + _WARM_UP
    while time.process_time() < until:
        many(times)
    gc.collect()
    print("ready", flush=True)
    for _ in sys.stdin:
        before = time.process_time()
        many(times)
        print((time.process_time() - before) / times, flush=True)


def race(module: str, arguments: dict[str, Sequence[Any]], rounds: int) -> dict[str, float]:
    """Seconds per run of each contestant, the median of all rounds.

    :param module: is run as a process for each contestant, with its arguments, and calls :func:`take_turns`.
    """
    folder = Path(__file__).parents[1]
    with contextlib.ExitStack() as stack:
        racers = {
            name: stack.enter_context(
                subprocess.Popen(  # noqa: S603
                    [sys.executable, "-m", module, *map(str, given)],
                    cwd=folder,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for name, given in arguments.items()
        }
        ready = {name: racer for name, racer in racers.items() if _line(racer) == "ready"}
        taken: dict[str, list[float]] = {name: [] for name in ready}
        for _ in range(rounds):
            for name, racer in ready.items():
                racer.stdin.write("\n")
                racer.stdin.flush()
                taken[name].append(float(_line(racer)))
        for racer in racers.values():
            racer.stdin.close()
    return {name: statistics.median(values) for name, values in taken.items()}


def _line(racer: Any) -> str:
    return str(racer.stdout.readline()).strip()
