"""A client on kept connections, as a process: ``python -m cheap.client PORT SECONDS CONNECTIONS RATE``.

It sends the requests that standard input has as a list in JSON, one after the other and again, ``RATE`` times a second
or without a pause (0), and prints what it saw as JSON. At a rate, a latency counts from when the request was due: a
server that falls behind does not slow down who measures it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import count
from typing import Any


async def _connection(port: int, turns: Iterator[tuple[float, bytes]], until: float, seen: list[Any]) -> None:
    reader = writer = None
    for due, request in turns:
        if due > until or time.monotonic() > until:
            break
        await asyncio.sleep(max(0, due - time.monotonic()))
        began = due or time.monotonic()
        if writer is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        try:
            status, kept = await _answer(reader)
        except (EOFError, ConnectionError):
            status, kept = 0, False
        seen.append((time.monotonic() - began, status))
        if not kept:
            writer.close()
            writer = None
    if writer is not None:
        writer.close()


async def _answer(reader: Any) -> tuple[int, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    await reader.readexactly(length)
    return int(head.split(None, 2)[1]), b"connection: close" not in head


async def _ask(requests: list[bytes], port: int, seconds: float, connections: int, rate: float) -> dict[str, Any]:
    seen: list[tuple[float, int]] = []
    began = time.monotonic()
    # One iterator for all connections: each takes the next turn as soon as it is free
    turns = ((began + turn / rate if rate else 0.0, requests[turn % len(requests)]) for turn in count())
    await asyncio.gather(*(_connection(port, turns, began + seconds, seen) for _ in range(connections)))
    took = time.monotonic() - began
    latencies = sorted(latency for latency, _ in seen)
    statuses = [status for _, status in seen]
    return {
        "requests": len(seen),
        "seconds": took,
        "p50": latencies[len(latencies) // 2],
        "p99": latencies[len(latencies) * 99 // 100],
        "refused": sum(status >= 400 for status in statuses),
        "broken": statuses.count(0),
    }


if __name__ == "__main__":
    port, seconds, connections, rate = sys.argv[1:]
    given = [request.encode() for request in json.load(sys.stdin)]
    print(json.dumps(asyncio.run(_ask(given, int(port), float(seconds), int(connections), float(rate)))))
