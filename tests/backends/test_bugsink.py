"""Bugsink, a Sentry that runs anywhere: the errors of both protocols arrive in it and look right when read back.

It checks each event strictly against Sentry's own schema, and asks sentry-sdk by a rate-limit header to send it no
transactions. Neither may disturb the application.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sentry_sdk

from sentry_web import SentryWsgiMiddleware
from sentry_web.demo import presentation, viewers, visitor
from sentry_web.testing import WSGI, RequestSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 20.0  # seconds until an event must be digested
START = 60.0  # seconds until a server must listen; sentry-sdk imports every framework first


@pytest.fixture(scope="module")
def bugsink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[viewers.Bugsink]:
    """Bugsink on SQLite, on loopback, while this module runs."""
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(viewers.bugsink(tmp_path_factory.mktemp("bugsink")))
        except viewers.MissingToolError as missing:
            pytest.skip(str(missing))
        yield running


class Api:
    """Bugsink's own API, to read back what it took."""

    def __init__(self, url: str, token: str) -> None:
        self._url = f"{url}/api/canonical/0"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str) -> Any:
        with self._opener.open(urllib.request.Request(self._url + path, headers=self._headers), timeout=10) as response:
            return json.load(response)

    def events(self, project: int, count: int) -> list[Any]:
        """All events of a project, once there are so many."""
        deadline = time.monotonic() + PATIENCE
        while True:
            issues = self.get(f"/issues/?project={project}")["results"]
            rows = [row for issue in issues for row in self.get(f"/events/?issue={issue['id']}")["results"]]
            if len(rows) >= count or time.monotonic() > deadline:
                return [self.get(f"/events/{row['id']}/")["data"] for row in rows]
            time.sleep(0.1)


def facts(event: Any) -> dict[str, Any]:
    """What a person looks at first."""
    exception = event["exception"]["values"][-1]
    return {
        "title": f"{exception['type']}: {exception['value']}",
        "handled": exception["mechanism"]["handled"],
        "transaction": event["transaction"],
        "frame": exception["stacktrace"]["frames"][-1]["function"],
        "method": event["request"]["method"],
        "url": event["request"]["url"],
        "release": event.get("release"),
        "trace": event["contexts"]["trace"]["trace_id"],
    }


def test_the_errors_of_both_protocols_arrive_alike_and_the_visitor_notices_nothing(bugsink: viewers.Bugsink) -> None:
    answers = presentation.make_visits(dsn=bugsink.dsn).answers
    assert len(answers) == 2 * len(visitor.VISITS) + 1
    assert [answer.status for answer in answers[:-1:2]] == [answer.status for answer in answers[1:-1:2]]
    events = Api(bugsink.url, bugsink.token).events(bugsink.project, 4)
    by_protocol: dict[str, list[Any]] = {"wsgi": [], "asgi": []}
    for event in events:
        by_protocol[event["exception"]["values"][-1]["mechanism"]["type"]].append(event)
    wsgi, asgi = (sorted(map(facts, found), key=lambda fact: fact["title"]) for found in by_protocol.values())
    assert wsgi == asgi
    titles = [(fact["title"], fact["transaction"].rpartition(".")[2], fact["frame"]) for fact in wsgi]
    assert titles == [
        ("KeyError: 'total'", "export_invoices", "export_invoices"),
        ("ZeroDivisionError: division by zero", "average_rating", "average_rating"),
    ]
    assert wsgi[1]["url"] == "http://bookshop.example/books/3/rating"
    assert not [secret for secret in visitor.SECRETS.values() if secret in json.dumps(events)]


# --- The README's first lines ----------------------------------------------------------------------------------------

README = Path(__file__).parents[2] / "README.md"
#: The views that the README leaves to the reader, and a server for each framework.
SHOPS = {
    "Flask": (
        """
@app.get("/books/<int:number>")
def find_book(number):
    token = flask.request.args["token"]
    raise LookupError(f"no book {number} for {token}")
""",
        ["-m", "flask", "--app", "first_shop", "run", "--port"],
    ),
    "FastAPI": (
        """
@app.get("/books/{number}")
def find_book(number: int, token: str):
    raise LookupError(f"no book {number} for {token}")
""",
        ["-m", "uvicorn", "first_shop:app", "--port"],
    ),
}
TOKEN = "very-secret-1"


@pytest.mark.parametrize("framework", SHOPS)
def test_a_failing_request_to_the_first_lines_of_the_readme(
    bugsink: viewers.Bugsink, framework: str, tmp_path: Path, record_property: Any
) -> None:
    lines = re.search(rf"<!-- first lines: {framework} -->\n```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert lines
    view, server = SHOPS[framework]
    (tmp_path / "first_shop.py").write_text(lines[1].replace('dsn="…"', f'dsn="{bugsink.dsn}"') + view)
    api = Api(bugsink.url, bugsink.token)
    before = api.events(bugsink.project, 0)
    with serving([*server, str(port := free_port())], tmp_path):
        assert status_of(f"http://127.0.0.1:{port}/books/7?token={TOKEN}&page=2") == 500
        events = [event for event in api.events(bugsink.project, len(before) + 1) if event not in before]
    record_property("arrived", json.dumps(events))
    (event,) = events
    assert {**facts(event), "release": None, "trace": None} == {
        "title": "LookupError: no book 7 for [Filtered]",
        "handled": False,
        "transaction": {"Flask": "find_book", "FastAPI": "/books/{number}"}[framework],
        "frame": "find_book",
        "method": "GET",
        "url": f"http://127.0.0.1:{port}/books/7",
        "release": None,
        "trace": None,
    }
    assert event["request"]["query_string"] == "token=[Filtered]&page=2"
    assert TOKEN not in json.dumps(events)


@contextlib.contextmanager
def serving(command: list[str], folder: Path) -> Iterator[None]:
    """Run a server, in a folder, as long as the block lasts."""
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    process = subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        process.kill()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def status_of(url: str) -> int:
    """Ask until the server listens."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START
    while True:
        try:
            with opener.open(url, timeout=10) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


# --- What it limits, and how it is shown -----------------------------------------------------------------------------


def test_its_rate_limit_for_transactions_disturbs_nothing(bugsink: viewers.Bugsink, record_property: Any) -> None:
    def shop(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/fails":
            raise LookupError("the shelf is empty")
        start_response("200 OK", [("Content-Length", "5")])
        return [b"hello"]

    before = len(Api(bugsink.url, bugsink.token).events(bugsink.project, 0))
    sentry_sdk.init(dsn=bugsink.dsn, traces_sample_rate=1.0, http_proxy="", default_integrations=False)
    try:
        transport: Any = sentry_sdk.get_client().transport
        application = SentryWsgiMiddleware(shop)
        assert WSGI.run_app(application, RequestSpec(path="/")).body == b"hello"
        sentry_sdk.flush(5)
        # Bugsink has done so up to now; a release that takes transactions leaves nothing to be disturbed by.
        record_property("transactions limited", "transaction" in transport._disabled_until)
        assert WSGI.run_app(application, RequestSpec(path="/")).body == b"hello"
        WSGI.run_app(application, RequestSpec(path="/fails"))
        sentry_sdk.flush(5)
    finally:
        sentry_sdk.get_client().close(timeout=2.0)
        sentry_sdk.get_global_scope().set_client(None)
    titles = [facts(event)["title"] for event in Api(bugsink.url, bugsink.token).events(bugsink.project, before + 1)]
    assert "LookupError: the shelf is empty" in titles


def test_the_demo_shows_its_errors_there_until_it_is_stopped(bugsink: viewers.Bugsink) -> None:
    command = [sys.executable, "-c", "from sentry_web.cli import main; main()", "demo", "--bugsink"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            url = re.fullmatch(
                r"Bugsink shows the bookshop's errors at (http://127\.0\.0\.1:\d+), until Ctrl-C\.\n", line
            )
            assert url, line
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(url[1], timeout=10) as page:  # the login
                assert page.status == 200
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
    with pytest.raises(OSError, match="refused"):
        opener.open(url[1], timeout=5)
