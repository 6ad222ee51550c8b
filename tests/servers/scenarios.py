"""What is tried on every server. A scenario is a function of a site that returns facts; it asserts nothing.

What the facts should be stands in ``expectations``, once for all servers.
"""

from __future__ import annotations

import http.client
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from sentry_web.demo.ingest import Ingest

from .client import HOST, TIMEOUT, Answer, Conversation, chunked, request_bytes
from .processes import ARRIVAL, START, Site, describe_error, process_of, read_what_was_sent, wait_until
from .shop import BIG_CHUNK, BIG_CHUNKS, CHUNKS, ENOUGH, PAUSE

if TYPE_CHECKING:
    from collections.abc import Callable

Facts = dict[str, Any]
GRACE = 2.0  # seconds after SIGTERM in which a server has cut off what is on its way, or will not
SECRETS = ("s3cr3t-8f3a61c2d9", "s3cr3t-bearer", "s3cr3t-token", "203.0.113.7")


def compared(site: Site, trace: str, ask: Callable[[str | None], Answer]) -> tuple[Facts, Answer]:
    """Ask the wrapped shop and the bare one the same; ``as bare`` is the bare one's answer where that is another."""
    answer, bare = ask(trace), ask(None)
    return {"answer": str(answer), "as bare": answer.is_like(bare) or str(bare), "report": site.report(trace)}, answer


def of_its_length(report: str, body: bytes) -> str:
    """A report with the length of the body that came replaced by words, since frameworks word their own pages."""
    return report.replace(f", {len(body)} bytes", ", all bytes")


def simple(site: Site, method: str, target: str, body: bytes | None = None, **headers: str) -> Facts:
    """One request of the ordinary kind."""
    trace = site.new_trace()
    return compared(site, trace, lambda trace: site.fetch(trace, method, target, body, **headers))[0]


def page(site: Site) -> Facts:
    """GET / ."""
    return simple(site, "GET", "/")


def route(site: Site) -> Facts:
    """A route with a parameter has one name; the URL is the client's."""
    trace = site.new_trace()
    facts, _ = compared(site, trace, lambda trace: site.fetch(trace, "GET", "/books/42?page=2"))
    (root,) = site.roots(trace)
    return {**facts, "protocol": root.protocol == site.server.interface, "url": root.url}


def post(site: Site) -> Facts:
    """A JSON body is read by the application."""
    return simple(site, "POST", "/orders", b'{"count": 3}', Content_Type="application/json")


def upload(site: Site) -> Facts:
    """A chunked request body (RFC 9112, 7.1), in pieces, its length unknown."""

    def ask(trace: str | None) -> Answer:
        headers = site.headers(trace, {"Transfer-Encoding": "chunked"})
        with Conversation(site.port) as conversation:
            conversation.send(request_bytes("POST", "/upload", headers), chunked([b"x" * 999] * 4), pause=0.01)
            return conversation.answer()

    return compared(site, site.new_trace(), ask)[0]


def stream(site: Site) -> Facts:
    """A streamed download; its root span lasts as long as it does."""
    trace = site.new_trace()
    facts, _ = compared(site, trace, lambda trace: site.fetch(trace, "GET", "/stream"))
    (root,) = site.roots(trace)
    first = root.data.get("sentry_web.time_to_first_byte", 0)
    return {
        **facts,
        "lasts as long as the stream": root.seconds >= CHUNKS * PAUSE,
        "first byte before the last": PAUSE <= first < root.seconds,
    }


def break_off(site: Site) -> Facts:
    """The application fails in mid-stream; the status had gone out already."""
    patience = site.server.patience("break in mid-stream")

    def ask(trace: str | None) -> Answer:
        with Conversation(site.port) as conversation:
            conversation.send(request_bytes("GET", "/breaks", site.headers(trace)))
            return conversation.answer(patience=patience)

    return compared(site, site.new_trace(1, 1), ask)[0]


def leave(site: Site) -> Facts:
    """The client resets the connection in mid-stream."""
    trace = site.new_trace()
    with Conversation(site.port) as conversation:
        conversation.send(request_bytes("GET", "/endless", site.headers(trace)))
        conversation.receive_until(lambda received: len(received) > 1000)
        conversation.reset()
    return {"report": site.report(trace)}


def slow(site: Site) -> Facts:
    """A client that sends and reads in small pieces."""

    def send_slowly(trace: str | None) -> Answer:
        whole = request_bytes(
            "POST", "/orders", site.headers(trace, {"Content-Type": "application/json"}), b'{"count":3}'
        )
        pieces = [whole[:20], whole[20:-5], whole[-5:-2], whole[-2:]]
        with Conversation(site.port) as conversation:
            conversation.send(*pieces, pause=0.02)
            return conversation.answer()

    def read_slowly(trace: str | None) -> Answer:
        with Conversation(site.port, receive_buffer=4096) as conversation:
            conversation.send(request_bytes("GET", "/big", site.headers(trace)))
            return conversation.answer(pace=0.001, size=16384)

    sending, _ = compared(site, site.new_trace(), send_slowly)
    reading, answer = compared(site, site.new_trace(), read_slowly)
    return {
        "sending": sending,
        "reading": {**reading, "all of it": answer.body == BIG_CHUNK * BIG_CHUNKS},
    }


def error(site: Site) -> Facts:
    """An exception before the response: one error event, with its frame, without the request's secrets."""
    trace = site.new_trace(1, 1)
    secret = {
        "Cookie": "basket=s3cr3t-8f3a61c2d9",
        "Authorization": "Bearer s3cr3t-bearer",
        "X_Forwarded_For": SECRETS[3],
    }
    facts, answer = compared(site, trace, lambda trace: site.fetch(trace, "GET", "/fails?token=s3cr3t-token", **secret))
    (event,) = site.errors(trace)
    exception = event["exception"]["values"][-1]
    frame = exception["stacktrace"]["frames"][-1]["function"]
    return {
        **facts,
        "answer": str(answer.status),
        "report": of_its_length(facts["report"], answer.body),
        "mechanism": exception["mechanism"]["type"] == site.server.interface,
        "frame": frame,
        "secrets that left": [secret for secret in SECRETS if secret.encode() in site.ingest.raw_bytes],
    }


def head(site: Site) -> Facts:
    """HEAD makes no root span; an error in it is reported all the same, in the caller's trace."""
    quiet, _ = compared(site, site.new_trace(0, 0), lambda trace: site.fetch(trace, "HEAD", "/"))
    failing, _ = compared(site, site.new_trace(0, 1), lambda trace: site.fetch(trace, "HEAD", "/fails"))
    return {"quiet": quiet, "failing": failing}


def expect(site: Site) -> Facts:
    """The client waits for ``100 Continue`` before it sends its body, though not for ever (RFC 9110, 10.1.1)."""
    patience = site.server.patience("100-continue")

    def ask(trace: str | None) -> Answer:
        headers = {"Content-Type": "application/json", "Content-Length": "11", "Expect": "100-continue"}
        with Conversation(site.port) as conversation:
            conversation.send(request_bytes("POST", "/orders", site.headers(trace, headers)))
            conversation.receive_until(lambda received: b"\r\n\r\n" in received, patience)
            conversation.send(b'{"count":3}')
            return conversation.answer()

    facts, answer = compared(site, site.new_trace(), ask)
    return {**facts, "interim response": answer.continued}


def keep_alive(site: Site) -> Facts:
    """Ten requests, on one connection where the server keeps it open; ten root spans in ten traces."""
    traces = [site.new_trace() for _ in range(10)]
    connections, answers = 1, set()
    connection = http.client.HTTPConnection(HOST, site.port, timeout=TIMEOUT)
    try:
        for number, trace in enumerate(traces):
            connection.request("GET", "/", headers=site.headers(trace))
            response = connection.getresponse()
            answers.add(f"{response.status} {response.read().decode()}")
            if response.will_close and number < 9:
                connections += 1  # http.client opens a new one by itself
    finally:
        connection.close()
    return {"answers": answers, "connections": connections, "reports": {site.report(trace) for trace in traces}}


def http2(site: Site) -> Facts:
    """HTTP/2 with prior knowledge (RFC 9113, 3.3), three requests on one connection."""
    import httpx

    def ask(trace: str | None, target: str) -> tuple[str, bytes]:
        answer = client.get(f"http://{HOST}:{site.port}{target}", headers=site.headers(trace))
        return f"{answer.http_version} {answer.status_code}", answer.content

    traces = [site.new_trace(), site.new_trace(), site.new_trace(1, 1)]
    targets = ["/", "/books/42", "/fails"]
    with httpx.Client(http1=False, http2=True, trust_env=False, timeout=TIMEOUT) as client:
        answers = [ask(*pair) for pair in zip(traces, targets)]
        bare = [ask(None, target) for target in targets]
    return {
        "answers": [status for status, _ in answers],
        "as bare": answers == bare or bare,
        "reports": [of_its_length(site.report(trace), body) for trace, (_, body) in zip(traces, answers)],
    }


def websocket(site: Site) -> Facts:
    """A conversation that the server ends, one that the client ends, and one that is denied."""
    from websockets.exceptions import ConnectionClosed, InvalidStatus
    from websockets.sync.client import connect

    patience = site.server.patience("websocket")

    def talk(trace: str | None, path: str, *said: str, close: int | None = None) -> str:
        heard: list[str] = []
        options: Any = {"proxy": None, "additional_headers": site.headers(trace), "open_timeout": TIMEOUT}
        try:
            with connect(f"ws://{HOST}:{site.port}{path}", **options) as socket:
                try:
                    for text in said:
                        socket.send(text)
                        heard.append(str(socket.recv(patience)))
                    if close is not None:
                        socket.close(close, "enough")
                except ConnectionClosed:
                    pass
                except TimeoutError:
                    heard.append("silence")
            heard.append(f"{socket.close_code} {socket.close_reason}")
        except InvalidStatus as refusal:
            heard.append(f"refused with {refusal.response.status_code}")
        return ", ".join(heard)

    facts: Facts = {}
    for title, arguments, close in (
        ("server ends", ("/talk", "hello", "bye"), None),
        ("client ends", ("/talk", "hello"), 4001),
        ("denied", ("/denied",), None),
    ):
        trace = site.new_trace()
        heard = talk(trace, *arguments, close=close)
        bare = talk(None, *arguments, close=close)
        facts[title] = {"heard": heard, "as bare": heard == bare or bare, "report": site.report(trace)}
    return facts


def file(site: Site) -> Facts:
    """A file: WSGI's ``wsgi.file_wrapper``, so that the operating system may send it; ASGI's FileResponse."""
    trace = site.new_trace()
    facts, answer = compared(site, trace, lambda trace: site.fetch(trace, "GET", "/file"))
    return {**facts, "all of it": answer.body == bytes(range(256)) * 1024}


def workers(site: Site) -> Facts:
    """Requests at once until every process has served one; each is reported once, whichever it was."""
    seen: set[bytes] = set()
    reports: set[str] = set()

    def ask(trace: str) -> None:
        answer = site.fetch(trace, "GET", "/pid")
        seen.add(answer.body)

    deadline = time.monotonic() + ARRIVAL
    with ThreadPoolExecutor(4) as visitors:
        while len(seen) < site.server.workers and time.monotonic() < deadline:
            batch = [site.new_trace() for _ in range(4)]
            list(visitors.map(ask, batch))
            reports |= {site.report(trace).partition(",")[0] for trace in batch}
    return {"processes": len(seen), "reports": reports}


def lifespan(site: Site) -> Facts:
    """The application refuses to start: the server ends as it does with the bare one, and the error is reported."""
    others = threading.enumerate()
    with Ingest() as ingest:
        environment = {"SHOP_LIFESPAN": "fails"}
        wrapped_process = process_of(site.server, site.folder, ingest.dsn, 1, **environment)
        bare_process = process_of(site.server, site.folder, ingest.dsn, 1, SHOP_BARE="1", **environment)
        with wrapped_process as wrapped, bare_process as bare:
            wait_until(lambda: None not in (wrapped.status, bare.status), START)
            outcome = {"ends": wrapped.status is not None, "as bare": wrapped.status == bare.status}
        read_what_was_sent(ingest, others)
        return {**outcome, "errors": [describe_error(event) for event in ingest.errors]}


def shutdown(site: Site) -> Facts:
    """SIGTERM while a response is on its way: it is sent to its end, and reported before the process is gone.

    The response cannot end before the server has had time to cut it off, however busy the machine.
    """
    trace = site.new_trace()
    with Conversation(site.port) as conversation:
        conversation.send(request_bytes("GET", "/held-stream", site.headers(trace)))
        conversation.receive_until(lambda received: b"\n0\n" in received)
        site.process.terminate()
        conversation.receive_until(lambda received: False, GRACE)  # sooner where it is cut off
        (site.folder / ENOUGH).touch()
        answer = conversation.answer()
    ended = site.process.ended()
    # What was still unsent the SDK sends at the end of the process: what is not there now will not come.
    read_what_was_sent(site.ingest)
    report = site.report(trace, patience=0)
    return {"sent to the end": answer.whole and b"9" in answer.body, "ends": ended, "report": report}


SCENARIOS: dict[str, Callable[[Site], Facts]] = {
    "page": page,
    "parametrised route": route,
    "JSON POST": post,
    "chunked upload": upload,
    "streamed download": stream,
    "break in mid-stream": break_off,
    "client leaves": leave,
    "slow client": slow,
    "error": error,
    "HEAD": head,
    "100-continue": expect,
    "keep-alive": keep_alive,
    "HTTP/2": http2,
    "websocket": websocket,
    "file": file,
    "workers": workers,
    "lifespan fails": lifespan,
    "graceful shutdown": shutdown,
}
