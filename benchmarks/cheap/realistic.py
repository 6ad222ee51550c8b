"""A realistic application behind uvicorn and gunicorn: with nothing, and with each reporter as people have it.

Every contestant is a server process of its own, which stays up; they take turns in short rounds, so that a slow moment
of the machine hits all alike. A turn is a load without a pause, and one at a steady rate, and each ends when all is
written. What is told is the median of the rounds. No figure is given before each contestant has shown that it reports.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .peers import BARE, OTEL, OURS, OURS_OTEL, SDK
from .production import COLUMNS, HEADERS
from .serving import free_port, listens, stopping
from .shop import asks

CONNECTIONS = 8
ROOT = Path(__file__).resolve().parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")

SERVERS: dict[str, list[str]] = {
    "FastAPI, uvicorn": [
        *("-m", "uvicorn", "--app-dir", str(ROOT), "--host", "127.0.0.1", "--port", "{port}", "--factory"),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error"),
        "cheap.shop:fastapi",
    ],
    "Flask, gunicorn gthread": [
        *("-m", "gunicorn", "--pythonpath", str(ROOT), "--bind", "127.0.0.1:{port}", "--workers", "1"),
        *("--worker-class", "gthread", "--threads", "4", "--log-level", "error", "--no-control-socket"),
        "cheap.shop:flask()",
    ],
}
PROTOCOLS = dict(zip(SERVERS, ("asgi", "wsgi")))


class Contestant(NamedTuple):
    """Who reports, and how.

    Attributes:
        peer: As in the other parts.
        column: The configuration.
        reporter: What ``shop`` knows it as.
        options: Those of ``sentry_sdk.init``.
    """

    peer: str
    column: str
    reporter: str
    options: dict[str, Any]

    @property
    def rival(self) -> tuple[str, str] | None:
        """Whom it is compared with."""
        other = {OURS: SDK, OURS_OTEL: OTEL}.get(self.peer)
        return None if other is None else (other, self.column)


# A release, so that each request counts for a session, as is the default
_SENTRY = {column.title: {"release": "shop@1.2.3", **column.options} for column in COLUMNS}
_SENTRY.pop("unsampled")

CONTESTANTS = (
    Contestant(BARE, "", "", {}),
    *(
        Contestant(peer, column, reporter, options)
        for column, options in _SENTRY.items()
        for peer, reporter in ((SDK, "sentry_sdk"), (OURS, "WebIntegration"))
    ),
    Contestant(OTEL, "OpenTelemetry", "opentelemetry", {}),
    Contestant(OURS_OTEL, "OpenTelemetry", "SentryWebInstrumentor", {}),
)


def title(peer: str, column: str) -> str:
    """What the table calls a contestant."""
    return f"{column}: {peer}" if column else peer


@dataclass
class _Server:
    """A contestant's server while it runs, and what has been measured of it."""

    contestant: Contestant
    project: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    taken: list[dict[str, float]] = field(default_factory=list)


class Load(NamedTuple):
    """How a server is loaded.

    Attributes:
        seconds: Of each load.
        rounds: Turns of each contestant.
        rate: Requests per second of the steady load.
    """

    seconds: float
    rounds: int
    rate: float


def measure(
    load: Load, application: str = "", wanted: str = ""
) -> Iterator[tuple[str, dict[tuple[str, str], dict[str, float]]]]:
    """Application with its server, and the figures of each contestant by peer and configuration.

    :param application: only those whose title begins so.
    :param wanted: only the contestants whose title begins so, and the bare application.
    """
    for name, command in SERVERS.items():
        if not name.startswith(application):
            continue
        with contextlib.ExitStack() as stack:
            sink = _start_sink(stack)
            servers = [
                _start(stack, command, contestant, sink, str(number))
                for number, contestant in enumerate(CONTESTANTS, start=1)
                if contestant.peer == BARE or title(contestant.peer, contestant.column).startswith(wanted)
            ]
            for server in servers:
                if not listens(server.process, server.port, 60):
                    raise RuntimeError(f"{server.contestant.peer}: no server: {server.log.read_text()[-2000:]}")
            for server in servers:
                _flush(server)  # gunicorn listens before its worker does
                _load(server.port, min(1, load.seconds), 0)  # to warm up
                _check(server, PROTOCOLS[name], sink)
            for turn in range(load.rounds):
                for server in servers if turn % 2 == 0 else reversed(servers):
                    server.taken.append(_turn(server, load, sink))
        yield name, _figures(servers)


def _turn(server: _Server, load: Load, sink: int) -> dict[str, float]:
    """Load a server without a pause, and then at a steady rate."""
    most = _load(server.port, load.seconds, 0)
    sent = _sent(server, sink)
    before = processor_seconds(server.process.pid)
    steady = _load(server.port, load.seconds, load.rate)
    reported = _sent(server, sink) - sent
    return {
        "requests/s": most["requests"] / most["seconds"],
        "p50 ms": most["p50"] * 1e3,
        "p99 ms": most["p99"] * 1e3,
        "steady p50 ms": steady["p50"] * 1e3,
        "steady p99 ms": steady["p99"] * 1e3,
        "CPU ms/request": (processor_seconds(server.process.pid) - before) * 1e3 / steady["requests"],
        "reports/request": reported / steady["requests"],
    }


def _figures(servers: list[_Server]) -> dict[tuple[str, str], dict[str, float]]:
    """The medians, and what they are beside the bare application and the rival."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for server in servers:
        medians = {key: statistics.median(taken[key] for taken in server.taken) for key in server.taken[0]}
        found[server.contestant.peer, server.contestant.column] = medians
    bare = next(iter(found.values()))
    for server in servers[1:]:
        contestant = server.contestant
        mine = found[contestant.peer, contestant.column]
        mine["rate ÷ bare"] = mine["requests/s"] / bare["requests/s"]
        if contestant.rival is not None:
            theirs = found[contestant.rival]
            mine["rate ÷ rival"] = mine["requests/s"] / theirs["requests/s"]
            mine["CPU ÷ rival"] = mine["CPU ms/request"] / theirs["CPU ms/request"]
            added = theirs["CPU ms/request"] - bare["CPU ms/request"]
            if added > 0:
                mine["added CPU ÷ rival"] = (mine["CPU ms/request"] - bare["CPU ms/request"]) / added
    return found


def _start_sink(stack: contextlib.ExitStack) -> int:
    """Start the ingest, and return its port."""
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", "cheap.sink"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
    )
    stack.enter_context(stopping(process))
    return int(process.stdout.readline())  # type: ignore[union-attr]


def _start(stack: contextlib.ExitStack, command: list[str], contestant: Contestant, sink: int, project: str) -> _Server:
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
        "BENCHMARK_REPORTER": contestant.reporter,
        "BENCHMARK_OPTIONS": json.dumps(contestant.options),
        "BENCHMARK_DSN": f"http://key@127.0.0.1:{sink}/{project}",
        "BENCHMARK_FOLDER": folder,
    }
    log = stack.enter_context(Path(folder, "log").open("wb"))  # noqa: SIM115
    # Away from any checkout: what an application's folder holds is nothing that the SDK should find here
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, *(part.format(port=port) for part in command)],
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=log,
    )
    stack.enter_context(stopping(process))
    return _Server(contestant, project, port, process, Path(log.name))


def _load(port: int, seconds: float, rate: float) -> dict[str, float]:
    """Load a server, at a rate or (0) without a pause, and return what its client saw."""
    arguments = [str(port), str(seconds), str(CONNECTIONS), str(rate)]
    if rate or seconds < 1 or shutil.which("wrk") is None:
        command = [sys.executable, "-m", "cheap.client", *arguments]
        found = _json_of(command, json.dumps(requests()))
    else:
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, "asks.lua")
            script.write_text(lua(), encoding="utf-8")
            address = f"http://127.0.0.1:{port}"
            command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{round(seconds)}s", "-s", str(script), address]
            found = _json_of(command)
    # One in twenty is not there; whatever else is refused, or nothing at all is answered, is no figure
    if found["broken"] or found["refused"] > found["requests"] / 20 + 2 * CONNECTIONS or not found["requests"]:
        raise RuntimeError(f"answers are missing, or others than expected: {found}")
    return found


def _json_of(command: list[str], given: str = "") -> Any:
    done = subprocess.run(command, input=given, cwd=ROOT, capture_output=True, text=True, check=True, timeout=600)  # noqa: S603
    return json.loads(done.stdout.splitlines()[-1])


def requests() -> list[str]:
    """The requests of the load, with a browser's headers, a cookie and a token."""
    made = []
    for method, path, body in asks():
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in HEADERS)]
        if body is not None:
            lines += ["content-type: application/json", f"content-length: {len(body)}"]
        made.append("\r\n".join([*lines, "", body or ""]))
    return made


def lua() -> str:
    """Return wrk's script: the same requests, and what was seen as JSON."""
    return f"""\
local requests = {{{", ".join(map(json.dumps, requests()))}}}
local turn = 0
request = function()
  turn = turn % #requests + 1
  return requests[turn]
end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "broken": %d}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
"""


def processor_seconds(pid: int) -> float:
    """The processor time of a process and its descendants, threads that have ended included."""
    family = [pid]
    taken = 0
    for each in family:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            family += [int(child) for child in children.read_text().split()]
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        taken += int(fields[11]) + int(fields[12])
    return taken / _TICKS


def _get(port: int, path: str) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


def _flush(server: _Server) -> dict[str, int]:
    """Wait until all is written; return how many spans OpenTelemetry's exporter was given, by name."""
    found: dict[str, int] = _get(server.port, "/flush")
    return found


def _items(server: _Server, sink: int) -> dict[str, Any]:
    """What the ingest has had of a contestant: how many of each type, and the first."""
    found: dict[str, Any] = _get(sink, "/seen").get(server.project, {})
    return found


def _sent(server: _Server, sink: int) -> int:
    """Wait until all is written, and return how many transactions and spans that is until now."""
    exported = sum(_flush(server).values())
    items = _items(server, sink)
    return exported + sum(items[kind][0] for kind in ("transaction", "span") if kind in items)


def _check(server: _Server, protocol: str, sink: int) -> None:
    """Raise an error unless the contestant has reported what it should, by whom it should."""
    with contextlib.suppress(urllib.error.HTTPError):
        _get(server.port, "/fails")
    spans = _flush(server)
    contestant = server.contestant
    if contestant.reporter in ("opentelemetry", "SentryWebInstrumentor"):
        good = any("/books/" in name for name in spans)
        items: dict[str, Any] = {}
    else:
        until = time.monotonic() + 10
        items = _items(server, sink)
        while "event" not in items and contestant.reporter and time.monotonic() < until:
            time.sleep(0.1)
            items = _items(server, sink)
        good = is_reported(contestant, protocol, items)
    if not good:
        shown = {kind: count for kind, (count, _) in items.items()}
        raise RuntimeError(f"{contestant.peer}, {contestant.column}, {protocol}: has not reported: {shown or spans}")


def is_reported(contestant: Contestant, protocol: str, items: dict[str, Any]) -> bool:
    """Whether the ingest has had what this contestant should send, and nothing else."""
    if not contestant.reporter:
        return not items
    traced = {"errors only": set(), "sampled": {"transaction"}, "stream": {"span"}}[contestant.column]
    if items.keys() & {"event", "transaction", "span"} != {"event", *traced}:
        return False
    # Ours, and only ours, says by which protocol a request came
    ours = items["event"][1].get("tags", {}).get("protocol") == protocol
    return ours == (contestant.peer == OURS)
