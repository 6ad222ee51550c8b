"""An ingest on loopback, as a process: it answers 200 to every envelope, counts items by type and drops them.

``python -m cheap.sink`` prints its port. ``GET /seen`` tells, by project, how many items of each type have come, and
the first of each. It is made for rates at which ``sentry_web.demo.ingest``, which keeps all, would take more of the
machine than what is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from sentry_web.demo.ingest import decode

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
#: Items by project and type: how many, and the first that came.
_seen: dict[str, dict[str, Any]] = {}


def _note(project: str, envelope: bytes) -> None:
    _, _, rest = envelope.partition(b"\n")
    seen = _seen.setdefault(project, {})
    while rest.strip():
        line, _, rest = rest.partition(b"\n")
        header = json.loads(line)
        length = header.get("length", rest.find(b"\n") if b"\n" in rest else len(rest))
        payload, rest = rest[:length], rest[length + 1 :]
        new = _requests(payload) if header["type"] == "span" else 1
        if new:
            count, first = seen.get(header["type"], (0, None))
            seen[header["type"]] = (count + new, json.loads(payload) if first is None else first)


def _requests(payload: bytes) -> int:
    """How many of streamed spans are of requests that were served.

    In stream mode, sentry-sdk 2.75 and 3.0.0b2 also report the requests by which they send their reports.
    """
    spans = json.loads(payload)["items"]
    return sum(span["attributes"].get("sentry.op", {}).get("value") == "http.server" for span in spans)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            answer = b"{}"
            path = head[0].split()[1]
            if path == "/seen":
                answer = json.dumps(_seen).encode()
            else:
                _note(path.split("/")[2], decode(body, headers.get("content-encoding", "")))
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
                + answer
            )
    except (EOFError, ConnectionError):
        writer.close()


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until whoever started it is gone


if __name__ == "__main__":
    asyncio.run(_main())
