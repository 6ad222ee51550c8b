"""The demo in a real user interface, which shows what both applications report for one visit each.

The reports are sent by sentry-sdk's own means, a DSN or its ``spotlight`` option; nothing is compared here. Only the
streamed spans that Spotlight does not show are sent to it once more, as transactions.
"""

from __future__ import annotations

import contextlib
import signal
import tempfile
import threading
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import sentry_sdk

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.cli import servers
from sentry_web.demo import asgi_front, show, transactions, viewers, visitor, wsgi_front
from sentry_web.demo.ingest import Ingest
from sentry_web.demo.viewers import MissingToolError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["MissingToolError", "make_visits", "present", "show_in_spotlight"]


def present(viewer: str, port: int, console: Console, *, stream: bool = False, browse: bool = False) -> None:
    """Start a viewer, report to it, print its address, and wait for Ctrl-C or SIGTERM.

    Args:
        viewer: ``"bugsink"`` or ``"spotlight"``.
        port: The port of the viewer.
        console: The console for messages.
        stream: Whether to use sentry-sdk's ``trace_lifecycle="stream"``; sentry-sdk 3 has nothing else.
        browse: Whether to open the user's browser there.
    """
    # SIGTERM is handled like Ctrl-C, since the viewer would not be stopped otherwise.
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt), tempfile.TemporaryDirectory() as folder:
            _present_in(viewer, port, console, Path(folder), stream=stream, browse=browse)
    finally:
        signal.signal(signal.SIGTERM, previous)


def _present_in(viewer: str, port: int, console: Console, folder: Path, *, stream: bool, browse: bool) -> None:
    with contextlib.ExitStack() as stack:
        with console.status(f"{viewer.capitalize()} starts; this takes some seconds."):  # shown on a terminal only
            running: viewers.Bugsink | viewers.Spotlight
            if viewer == "bugsink":
                running = bugsink = stack.enter_context(viewers.bugsink(folder, port))
                make_visits(dsn=bugsink.dsn, stream=stream)
            else:
                running = spotlight = stack.enter_context(viewers.spotlight(folder, port))
                show_in_spotlight(spotlight, stream=stream)
        shown = "errors" if viewer == "bugsink" else "errors and traces"
        console.print(
            f"{viewer.capitalize()} shows the bookshop's {shown} at {running.url}, until Ctrl-C.", soft_wrap=True
        )
        if viewer == "bugsink":
            console.print(f"Log in as {viewers.LOGIN} with the password {viewers.PASSWORD}.", soft_wrap=True)
        if browse:
            webbrowser.open(running.url)
        threading.Event().wait()


def show_in_spotlight(spotlight: viewers.Spotlight, *, stream: bool = False) -> None:
    """Visit both applications, and have Spotlight show everything that they report."""
    with Ingest() as ingest:
        tour = make_visits(ingest.dsn, spotlight=spotlight.stream, stream=stream)
        # The spans that the applications continue: without them, each would be the orphan of a parent that nobody sent.
        transactions.post(spotlight.stream, [transactions.of_visitor(*made) for made in tour.made])
        transactions.post(spotlight.stream, transactions.as_transactions(ingest.spans))


class Tour(NamedTuple):
    """The visits to both applications.

    Attributes:
        answers: The answers, in the order of the requests.
        made: Each visit, with its last answer, the time of its first request and that of its last answer, in seconds
            since the epoch.
    """

    answers: list[visitor.Answer]
    made: list[tuple[visitor.Visit, visitor.Answer, float, float]]


def make_visits(dsn: str = "", *, spotlight: str | None = None, stream: bool = False) -> Tour:
    """Visit both applications, which report to the DSN and to Spotlight."""
    options = {} if spotlight is None else {"spotlight": spotlight}
    with show.quiet_servers(), show.sentry_initialised(dsn, stream=stream, **options):
        wsgi_app = SentryWsgiMiddleware(wsgi_front.create_app())
        asgi_app = SentryAsgiMiddleware(asgi_front.create_app())
        with servers.serving(wsgi_app, "wsgi") as wsgi_port, servers.serving(asgi_app, "asgi") as asgi_port:
            tour = Tour([], [])
            for visit in visitor.VISITS:
                start = time.time()
                tour.answers.extend(visitor.make(visit, port) for port in (wsgi_port, asgi_port))
                tour.made.append((visit, tour.answers[-1], start, time.time()))
            start = time.time()
            tour.answers.append(visitor.converse(visitor.CONVERSATION, asgi_port))
            tour.made.append((visitor.CONVERSATION, tour.answers[-1], start, time.time()))
        sentry_sdk.flush(timeout=5.0)
    return tour
