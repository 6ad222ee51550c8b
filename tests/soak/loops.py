"""Very many requests at once on each event loop, half of them cancelled wherever they happen to be.

Each request sets a tag and a user of its own, waits some times, and sends a message. No message may carry another's; a
request that is left alone is answered as without us; no context and no task is left over. ``asyncio``, its debug mode,
``uvloop`` and ``trio`` are tried, and for WSGI threads, some of which outlive their request.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sentry_sdk
import trio
import uvloop

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.testing import RequestSpec, recording
from sentry_web.testing.drivers import make_environ, make_scope

from .report import Row, row, size

PART = "loops"
AT_ONCE = 50
PAUSES = 4  # in each request


def path_of(number: int) -> str:
    return f"/orders/{number}"


def begin(number: int) -> None:
    sentry_sdk.set_user({"id": str(number)})
    sentry_sdk.set_tag("number", str(number))


class Seen:
    """What has been answered, and what was reported by whom.

    Args:
        one: The row that is filled.
    """

    def __init__(self, one: Row) -> None:
        self.one = one
        self.answered: set[int] = set()

    def judge(self, events: Any, wanted: set[int]) -> None:
        """Every message carries the tag, user and URL of its request; every request that was left alone has ended."""
        for number in wanted:
            self.one.note(number in self.answered, f"{number} was not answered")
        mixed = [
            event
            for event in events.messages
            if {str(event.message), event["tags"].get("number"), event["user"].get("id")} != {str(event.message)}
            or not event["request"]["url"].endswith(path_of(int(event.message)))
        ]
        self.one.failures += [f"mixed up: {event['tags']}, {event['request']['url']}" for event in mixed[:5]]
        self.one.worst = f"{len(mixed)} of {len(events.messages)} messages mixed up"


@contextmanager
def judged(one: Row, wanted: Callable[[], set[int]]) -> Iterator[Seen]:
    """Record, and judge at the end."""
    seen = Seen(one)
    with recording(traces_sample_rate=1.0, send_default_pii=True) as events:
        before = contextvars.copy_context()
        yield seen
        seen.judge(events, wanted())
        after = contextvars.copy_context()
        left = [var.name for var in after if after[var] not in (None, False, before.get(var))]
        if left:
            one.failures.append(f"left in the context: {left}")


def asgi_application(seen: Seen, sleep: Callable[[float], Awaitable[None]]) -> Any:
    """Return an application that waits, and says whom it serves."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        number = int(scope["path"].rpartition("/")[2])
        begin(number)
        await receive()
        for _ in range(PAUSES):
            await sleep(random.random() / 500)
        sentry_sdk.capture_message(str(number))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await sleep(random.random() / 500)
        await send({"type": "http.response.body", "body": b"%d" % number})
        seen.answered.add(number)

    return app


async def receive() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Any) -> None: ...


def by_asyncio(title: str, run: Callable[[Any], Any]) -> Row:
    """Cancel every second request from outside, at a moment of chance."""
    count = size(400, 6000, 50_000)
    with row(PART, f"a storm of cancellations, {title}") as one, judged(one, lambda: set(range(0, count, 2))) as seen:
        app = SentryAsgiMiddleware(asgi_application(seen, asyncio.sleep))

        async def serve(number: int, free: asyncio.Semaphore) -> None:
            async with free:
                request = asyncio.create_task(app(make_scope(RequestSpec(path=path_of(number))), receive, send))
                if number % 2:
                    await asyncio.sleep(random.random() / 300)
                    request.cancel()
                await asyncio.gather(request, return_exceptions=number % 2 == 1)

        async def main() -> None:
            asyncio.get_running_loop().slow_callback_duration = (
                60.0  # the debug mode's log lines would be the machine's
            )
            free = asyncio.Semaphore(AT_ONCE)
            await asyncio.gather(*(serve(number, free) for number in range(count)))
            left = len(asyncio.all_tasks()) - 1
            if left:
                one.failures.append(f"{left} tasks are left")

        run(main())
    return one


def by_trio() -> Row:
    """The same with trio's cancel scopes."""
    count = size(400, 6000, 50_000)
    with row(PART, "a storm of cancellations, trio") as one, judged(one, lambda: set(range(0, count, 2))) as seen:
        app = SentryAsgiMiddleware(asgi_application(seen, trio.sleep))

        async def serve(number: int, free: Any) -> None:
            async with free:
                seconds = random.random() / 300 if number % 2 else 60
                with trio.move_on_after(seconds):
                    await app(make_scope(RequestSpec(path=path_of(number))), receive, send)

        async def main() -> None:
            free = trio.Semaphore(AT_ONCE)
            async with trio.open_nursery() as nursery:
                for number in range(count):
                    nursery.start_soon(serve, number, free)

        trio.run(main)
    return one


def by_threads() -> Row:
    """WSGI in threads; each request leaves a thread behind, which reports when the request is over."""
    count = size(400, 6000, 50_000)
    with row(PART, "threads that outlive their request") as one, judged(one, lambda: set(range(count))) as seen:
        numbers, late = iter(range(count)), []
        lock = threading.Lock()

        def wsgi(environ: Any, start_response: Any) -> Any:
            number = int(environ["PATH_INFO"].rpartition("/")[2])
            begin(number)
            over = threading.Event()
            context = contextvars.copy_context()
            thread = threading.Thread(
                target=lambda: (over.wait(10), context.run(sentry_sdk.capture_message, str(number)))
            )
            thread.start()
            late.append(thread)
            start_response("200 OK", [])
            yield b"%d" % number
            seen.answered.add(number)
            threading.Timer(0.001, over.set).start()

        app = SentryWsgiMiddleware(wsgi)

        def serve() -> None:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                response = app(make_environ(RequestSpec(path=path_of(number))), lambda *args: None)
                list(response)
                response.close()

        workers = [threading.Thread(target=serve) for _ in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for thread in late:
            thread.join()
    return one


def with_uvloop(main: Any) -> None:
    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(main)
    finally:
        loop.close()


def run() -> list[Row]:
    """Every loop."""
    rows = [
        by_asyncio("asyncio", asyncio.run),
        by_asyncio("asyncio in debug mode", lambda main: asyncio.run(main, debug=True)),
    ]
    return [*rows, by_asyncio("uvloop", with_uvloop), by_trio(), by_threads()]
