"""`sentry-web` as its users meet it: real processes and real HTTP; in-process only what prints and ends."""

from __future__ import annotations

import contextlib
import http.client
import importlib
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from sentry_web import cli
from sentry_web.cli import commands
from sentry_web.demo import show, visitor
from sentry_web.demo.comparison import Difference
from sentry_web.demo.ingest import Ingest
from sentry_web.testing.sdk import HAS_STREAMED_SPANS, HAS_TRANSACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# sentry-sdk imports every framework that it has an integration for: two seconds of each process.
SLOW = ("blacksheep", "bottle", "django", "falcon", "fastapi", "litestar", "logfire", "pyramid", "quart")
COMMAND = [
    sys.executable,
    "-c",
    f"import sys; sys.modules.update(dict.fromkeys({SLOW})); from sentry_web.cli import main; main()",
]
DECORATION = re.compile("[\x1b\u2500-\u257f]")  # escape sequences and box drawing

APPS = """
def wsgi(environ, start_response):
    if environ["PATH_INFO"] == "/boom":
        raise RuntimeError("no paper left")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]

async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    if scope["path"] == "/boom":
        raise RuntimeError("no paper left")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})

def make():
    return wsgi

def secretive(*arguments):
    return wsgi(*arguments)

async def refusing(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no paper left"})
"""


@pytest.fixture
def directory(tmp_path) -> Path:
    (tmp_path / "shop.py").write_text(APPS)
    return tmp_path


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SENTRY_")}
    # Pyramid, which sentry-sdk looks for, warns with an old setuptools, on the stderr that is compared
    kept["PYTHONWARNINGS"] = "ignore:pkg_resources is deprecated"
    return {**kept, "NO_PROXY": "127.0.0.1", **changes}


def ended(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


class Running:
    """A `run` that serves: what it has printed so far, and a client for it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._arrival = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            with self._arrival:
                self.lines.append(line.rstrip("\n"))
                self._arrival.notify_all()

    def wait_for(self, pattern: str) -> re.Match[str]:
        with self._arrival:
            found = self._arrival.wait_for(lambda: re.search(pattern, "\n".join(self.lines)), timeout=30)
        assert found, "\n".join(self.lines)
        return found

    def get(self, path: str) -> tuple[int, bytes]:
        port = int(self.wait_for(r"on http://127\.0\.0\.1:(\d+)")[1])
        # The address is printed when the socket is bound; the server accepts later, on a busy machine much later.
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                connection.request("GET", path)
                response = connection.getresponse()
                return response.status, response.read()
            except ConnectionRefusedError:
                threading.Event().wait(0.05)
            finally:
                connection.close()
        raise AssertionError("\n".join(self.lines))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(timeout=20)
        self._reader.join()
        return status


@contextlib.contextmanager
def running(directory: Path, *arguments: str, **changes: str) -> Iterator[Running]:
    with subprocess.Popen(
        [*COMMAND, "run", "--port", "0", *arguments],
        cwd=directory,
        env=environment(PYTHONWARNINGS="error::ResourceWarning", **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    ) as process:
        server = Running(process)
        try:
            yield server
        finally:
            # with its workers, which would hold the pipe open for ever
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            server._reader.join()


@pytest.mark.parametrize("mode", [(), ("--stream",)], ids=["default", "stream"])
@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_run_prints_requests_and_errors(directory, interface, mode):
    if mode and not HAS_STREAMED_SPANS:
        pytest.skip("not with this sentry-sdk: no trace_lifecycle")
    with running(directory, f"shop:{interface}", *mode) as server:
        assert server.get("/books?token=t0k3n") == (200, b"hello")
        assert server.get("/boom")[0] == 500
        server.wait_for(f"Serving shop:{interface} \\({interface.upper()}\\)")
        server.wait_for("No DSN is given: errors and traces are printed here and sent nowhere")
        kind = "segment     " if mode or not HAS_TRANSACTIONS else "transaction "
        server.wait_for(rf"(?s)http\.server GET /books\n  {kind} /books \(url\)\n  status       200 ok")
        server.wait_for(r"error RuntimeError: no paper left\n  in           shop\.py:\d+ " + interface)
        server.wait_for(rf"(?s)GET /boom\n  {kind} /boom \(url\)\n  status       500 (internal_)?error")
        assert server.stop() == 0
    assert "t0k3n" not in "\n".join(server.lines)


@pytest.mark.parametrize(
    ("interface", "options"),
    [("wsgi", ("--server", "werkzeug")), ("asgi", ("--server", "uvicorn")), ("asgi", ("--workers", "2"))],
    ids=["werkzeug", "uvicorn", "workers"],
)
def test_run_under_a_server_that_is_asked_for(directory, interface, options):
    with running(directory, f"shop:{interface}", *options) as server:
        assert server.get("/books?token=t0k3n") == (200, b"hello")
        assert server.get("/boom")[0] == 500
        server.wait_for(f"Serving shop:{interface} \\({interface.upper()}\\) with (uvicorn|werkzeug) on ")
        server.wait_for(r"(?s)http\.server GET /books\n  (transaction|segment)  +/books \(url\)\n  status       200 ok")
        server.wait_for(r"error RuntimeError: no paper left\n  in           shop\.py:\d+ " + interface)
        server.stop()
    text = "\n".join(server.lines)
    assert "t0k3n" not in text
    assert text.count("error RuntimeError: no paper left") == 1


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_run_with_reload_serves_what_the_file_says_now(directory, interface):
    with running(directory, f"shop:{interface}", "--reload") as server:
        assert server.get("/") == (200, b"hello")
        # The reloader compares times of whole seconds with some file systems; until it looks, the old one answers.
        for attempt in range(200):
            changed = APPS.replace("hello", "salut")
            if attempt % 20 == 0:
                (directory / "shop.py").write_text(changed + f"# {attempt}\n")
            threading.Event().wait(0.1)
            with contextlib.suppress(OSError, http.client.HTTPException):
                if server.get("/") == (200, b"salut"):
                    break
        else:
            pytest.fail("\n".join(server.lines))
        server.stop()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shop:wsgi", "--server", "uvicorn"], "uvicorn serves ASGI, and this is WSGI."),
        (["shop:asgi", "--server", "waitress"], "waitress serves WSGI, and this is ASGI."),
        (["shop:wsgi", "--workers", "2"], "werkzeug serves in threads of one process: .*"),
        (["shop:asgi", "--workers", "2", "--reload"], "--reload is for one worker."),
    ],
)
def test_run_under_a_server_that_cannot_do_it_says_so_in_one_line(directory, arguments, message):
    process = ended(directory, "run", "--port", "0", *arguments)
    assert re.fullmatch(f"Error: {message}\n", process.stderr)
    assert (process.stdout, process.returncode) == ("", 2)


@pytest.mark.parametrize(("viewer", "tool"), [("bugsink", "bugsink-manage"), ("spotlight", "spotlight")])
def test_demo_says_how_to_install_the_user_interface_that_is_missing(tmp_path, monkeypatch, viewer, tool):
    monkeypatch.setenv("PATH", str(tmp_path))
    process = ended(tmp_path, "demo", f"--{viewer}")
    assert process.returncode == 2
    found = re.fullmatch(r'Error: \w+ was not found \("(.+)" is not on the PATH\)\. Install it: (.+)\n', process.stderr)
    assert found, process.stderr
    assert found[1] == tool
    assert re.match(r"(pipx|npm) install .*" + viewer, found[2])


@pytest.mark.parametrize("by", ["option", "environment"])
def test_run_sends_to_a_dsn(directory, by):
    with Ingest() as ingest:
        options = ("--dsn", ingest.dsn) if by == "option" else ()
        variables = {} if by == "option" else {"SENTRY_DSN": ingest.dsn}
        arguments = ("shop:wsgi", "--environment", "test", "--release", "shop@1", *options)
        with running(directory, *arguments, **variables) as server:
            server.wait_for(r"Errors and traces are sent to 127\.0\.0\.1\.")
            server.get("/boom")
            assert server.stop() == 0
        (event,) = ingest.wait_for(lambda: ingest.errors)
        assert (event["environment"], event["release"]) == ("test", "shop@1")
        assert ingest.wait_for(lambda: ingest.transactions or ingest.spans)
    assert "error RuntimeError" not in "\n".join(server.lines)


def test_run_with_pii(directory):
    with running(directory, "shop:asgi", "--send-default-pii") as server:
        server.get("/books")
        server.wait_for("GET /books")
        assert server.stop() == 0


def test_run_waits_for_the_next_change_where_one_cannot_be_loaded(directory):
    with running(directory, "shop:wsgi", "--reload") as server:
        assert server.get("/") == (200, b"hello")
        for text, answer in (
            ("app = (", (500, b"The application could not be loaded: see the terminal.\n")),
            (APPS, 0),
        ):
            wanted = answer or (200, b"hello")
            for attempt in range(200):  # see above
                if attempt % 20 == 0:
                    (directory / "shop.py").write_text(f"{text}\n# {attempt}\n")
                threading.Event().wait(0.1)
                with contextlib.suppress(OSError, http.client.HTTPException):
                    if server.get("/") == wanted:
                        break
            else:
                pytest.fail("\n".join(server.lines))
        server.stop()


def test_run_of_a_module_in_another_directory_with_variables_from_a_file(directory):
    (directory / "src").mkdir()
    (directory / "src" / "elsewhere.py").write_text(
        "import os\nfrom flask import Flask\napp = Flask('elsewhere')\napp.get('/')(lambda: os.environ['GREETING'])\n"
    )
    (directory / "settings.env").write_text("GREETING='bonjour'\nSENTRY_ENVIRONMENT=staging\nSENTRY_RELEASE=ignored\n")
    with Ingest() as ingest:
        with (directory / "settings.env").open("a") as file:
            file.write(f"SENTRY_DSN={ingest.dsn}\n")
        arguments = ("elsewhere", "--app-dir", "src", "--env-file", "settings.env")
        with running(directory, *arguments, SENTRY_RELEASE="shop@2") as server:
            assert server.get("/") == (200, b"bonjour")
            assert server.stop() == 0
        ingest.wait_for(lambda: ingest.transactions or ingest.spans)
        sent = ingest.raw_bytes
    assert b"staging" in sent
    assert b"shop@2" in sent


def test_the_package_can_be_run(directory):
    assert importlib.import_module("sentry_web.__main__").main is cli.main
    command = [sys.executable, "-m", "sentry_web", "--help"]
    process = subprocess.run(command, cwd=directory, env=environment(), capture_output=True, text=True, check=True)
    assert process.stdout.startswith("Usage: python -m sentry_web ")


def test_run_says_what_an_env_file_needs(directory, monkeypatch):
    (directory / "settings.env").touch()
    monkeypatch.setitem(sys.modules, "dotenv", None)
    result = CliRunner().invoke(cli.main, ["run", "shop", "--env-file", str(directory / "settings.env")])
    assert result.exit_code == 2
    assert 'Error: "python-dotenv" is not installed; the extra brings it' in result.output


def test_run_of_a_factory_and_a_chosen_interface(directory):
    with running(directory, "shop:make", "--factory", "--interface", "wsgi") as server:
        assert server.get("/") == (200, b"hello")
        assert server.stop() == 0


#: A module with settings of its own: a DSN as the documentation has it, or one where nobody listens, or none.
OWN = """
import sentry_sdk
sentry_sdk.init({dsn} environment="own", traces_sample_rate=1.0)
from shop import wsgi
"""


@pytest.mark.parametrize(
    "dsn", ['dsn="…",', 'dsn="http://public@127.0.0.1:9/1",', ""], ids=["placeholder", "dead", "none"]
)
def test_run_prints_what_a_module_reports_that_initialises_sentry_itself(directory, dsn):
    (directory / "own.py").write_text(OWN.format(dsn=dsn), encoding="utf-8")
    with running(directory, "own:wsgi") as server:
        server.wait_for("own:wsgi initialises Sentry itself: its settings count. No DSN is given: .* sent nowhere")
        assert server.get("/") == (200, b"hello")
        server.wait_for("GET /")
        server.get("/boom")
        server.wait_for("error RuntimeError")
        assert server.stop() == 0


STYLED = """
import flask
from sentry_web import SentryWsgiMiddleware, instrument_wsgi
app = flask.Flask(__name__)
app.get("/books/<number>")(lambda number: number)
styled = SentryWsgiMiddleware(app, transaction_style="url")
both = instrument_wsgi(styled)
traced = instrument_wsgi(app)
"""


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("styled", "/books/<number>"),
        ("both", "/books/<number>"),
        # The integration of sentry-sdk 3 names by the route, whatever the style
        ("traced", "<lambda>" if HAS_TRANSACTIONS else "/books/<number>"),
    ],
)
def test_run_leaves_the_options_of_a_middleware_alone(directory, name, named):
    (directory / "styled.py").write_text(STYLED)
    with running(directory, f"styled:{name}") as server:
        server.get("/books/7")
        server.wait_for(rf"(transaction|segment) +{re.escape(named)}")
        assert server.stop() == 0


def test_run_sends_what_a_module_reports_that_initialises_sentry_itself(directory):
    (directory / "own.py").write_text(OWN.format(dsn=""))
    with Ingest() as ingest:
        with running(directory, "own:wsgi", "--dsn", ingest.dsn) as server:
            server.wait_for(r"own:wsgi initialises Sentry itself: .* are sent to 127\.0\.0\.1\.")
            server.get("/boom")
            assert server.stop() == 0
        (event,) = ingest.wait_for(lambda: ingest.errors)
    assert event["environment"] == "own"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere:app"], r'Module "nowhere" was not found \(looked for in .* too\)\.'),
        (["shop:door"], 'Module "shop" has no attribute "door".'),
        (["shop:APPS", "--factory"], 'Module "shop" has no attribute "APPS".'),
        (["shop:__name__"], '"shop:__name__" is not callable: it is of type str.'),
        (["shop:secretive"], "It does not show whether this is WSGI or ASGI: choose with --interface."),
        (["shop:wsgi", "--dsn", "nonsense"], '"nonsense" is not a DSN: .*'),
    ],
)
def test_run_of_a_wrong_target_says_so_in_one_line(directory, arguments, message):
    process = ended(directory, "run", *arguments)
    assert re.fullmatch(f"Error: {message}\n", process.stderr)
    assert (process.stdout, process.returncode) == ("", 2)


def test_run_shows_the_traceback_of_a_broken_module_from_its_own_first_line(directory):
    (directory / "broken.py").write_text("def f():\n    return 1 / 0\nf()\n")
    process = ended(directory, "run", "broken:app")
    assert process.returncode == 1
    lines = process.stderr.splitlines()
    assert lines[:2] == ['Error: "broken:app" could not be loaded.', "Traceback (most recent call last):"]
    assert re.fullmatch(r'  File ".*broken\.py", line 3, in <module>', lines[2])
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "sentry_web" not in process.stderr
    assert "importlib" not in process.stderr


def test_run_shows_a_syntax_error(directory):
    (directory / "broken.py").write_text("app = (\n")
    process = ended(directory, "run", "broken:app")
    assert process.returncode == 1
    assert 'broken.py", line 1' in process.stderr
    assert "sentry_web" not in process.stderr


def test_run_on_a_port_that_is_taken(directory):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = ended(directory, "run", "shop:wsgi", "--port", str(port))
    assert process.stderr == f"Error: Cannot listen on 127.0.0.1 port {port}: Address already in use.\n"
    assert process.returncode == 1


def test_run_of_an_application_that_refuses_to_start(directory):
    process = ended(directory, "run", "shop:refusing", "--port", "0")
    assert "no paper left" in process.stderr
    assert process.returncode == 3


def test_demo_in_any_directory(tmp_path):
    process = ended(tmp_path, "demo", "--details")
    assert process.stderr == ""
    assert process.returncode == 0
    lines = process.stdout.splitlines()
    assert lines[-1] == "The same: WSGI and ASGI reported 7 requests alike, in every field that is compared."
    frame = r"sentry_web/demo/shop\.py:\d+ average_rating"
    assert re.search(rf"(?m)^  frame +{frame} +{frame}$", process.stdout)
    assert "sentry_web.demo.shop.show_book (component)" in process.stdout
    assert not DECORATION.search(process.stdout)
    assert list(tmp_path.iterdir()) == []


def result(*differences: Difference) -> show.Result:
    """A small result, so that printing is tested without servers."""
    answer = visitor.Answer(200, 5, broke_off=False)
    broken = visitor.Answer(200, 2, broke_off=True)
    trace = {"transaction": "shop.order", "contexts": {"trace": {"status": "ok"}}, "request": {"data": {}}}
    error = {"exception": {"values": [{"type": "KeyError", "value": "\x1b[31m"}]}}
    wsgi = show.Side(answer, trace, [], [error])
    visits = [visitor.Visit(1, "an order", "POST", "/orders?a=1", b"{}"), visitor.CONVERSATION]
    rows = [show.Row(visits[0], wsgi, show.Side(broken)), show.Row(visits[1], None, wsgi)]
    return show.Result(rows, {"wsgi": {"exited": 2, "crashed": 1}, "asgi": {}}, list(differences), ["cookie"])


@pytest.fixture
def demo(monkeypatch):
    """`demo` with a given result; calls back as the real one does."""

    def prepare(prepared: show.Result) -> CliRunner:
        def run(*, stream: bool, step) -> show.Result:
            step(f"streaming: {stream}")
            return prepared

        monkeypatch.setattr(show, "run", run)
        return CliRunner()

    return prepare


def test_demo_without_differences(demo):
    outcome = demo(result()).invoke(cli.main, ["demo", "--details"])
    assert outcome.exit_code == 0
    assert "planted secrets that were sent: cookie" in outcome.output
    assert "sessions by WSGI: 1 crashed, 2 exited" in outcome.output
    assert "sessions by ASGI: none" in outcome.output
    assert re.search(r"(?m)^1\. an order: POST /orders$", outcome.output)
    assert re.search(r"answer +200, 5 bytes +200, 2 bytes, then it broke off", outcome.output)
    assert re.search(r"name +shop\.order \(\) +\(none arrived\)", outcome.output)
    assert re.search(r"left out +cookies +cookies, body", outcome.output)
    assert not DECORATION.search(outcome.output)


def test_demo_at_a_glance(demo):
    outcome = demo(result()).invoke(cli.main, ["demo"])
    lines = outcome.output.splitlines()
    assert lines[0].split() == ["request", "name", "status", "WSGI", "ASGI", "error"]
    assert lines[1].split() == ["1", "POST", "/orders", "order", "/", "(none", "arrived)", "ok", "/", "KeyError", "/"]
    assert lines[2].split() == ["8", "GET", "/assistant", "order", "ok", "KeyError"]
    assert lines[3] == "WSGI, ASGI: milliseconds. --details shows all that was reported of each request."
    assert lines[-1] == "The same: WSGI and ASGI reported 1 requests alike, in every field that is compared."
    assert not DECORATION.search(outcome.output)


def test_demo_with_differences(demo):
    differing = Difference("1. GET /: trace: status", "'ok'", "'\x1b'")
    outcome = demo(result(differing)).invoke(cli.main, ["demo", "--stream"])
    assert outcome.exit_code == 1
    assert outcome.output.splitlines()[-2:] == [
        r"different: 1. GET /: trace: status: WSGI 'ok', ASGI '\x1b'",
        "Not the same: WSGI and ASGI differ in 1 field(s) of 1 requests.",
    ]


def test_demo_as_json(demo):
    outcome = demo(result(Difference("a", "b", "c"))).invoke(cli.main, ["demo", "--json"])
    assert outcome.exit_code == 1
    document = json.loads(outcome.output)
    assert document["same"] is False
    assert document["differences"] == [{"field": "a", "wsgi": "b", "asgi": "c"}]
    assert document["requests"][0]["wsgi"]["name"] == "shop.order ()"
    assert document["requests"][1]["wsgi"] is None
    assert document["sessions"]["wsgi"] == {"exited": 2, "crashed": 1}


def test_demo_on_a_terminal(demo, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    outcome = demo(result()).invoke(cli.main, ["demo", "--details"], color=True)
    assert outcome.exit_code == 0
    assert DECORATION.search(outcome.output)


@pytest.mark.parametrize("arguments", [["--help"], ["demo", "--help"], ["run", "-h"]])
def test_help(arguments):
    outcome = CliRunner().invoke(cli.main, arguments)
    assert outcome.exit_code == 0
    assert outcome.output.startswith("Usage: ")


def test_the_summaries_of_the_commands_are_whole_on_a_narrow_terminal():
    outcome = CliRunner(env={"COLUMNS": "60"}).invoke(cli.main, ["--help"], terminal_width=60)
    listed = outcome.output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == ["check", "demo", "exec", "run"]
    assert all(line.endswith(".") and not line.endswith("...") for line in listed), outcome.output


@pytest.mark.parametrize(("command", "extras"), [("run", "cli"), ("check", "cli,testing")])
def test_without_the_extra_it_says_what_to_install(monkeypatch, command, extras):
    monkeypatch.setitem(sys.modules, "click", None)
    monkeypatch.setattr(sys, "argv", ["sentry-web", command])
    with pytest.raises(SystemExit) as caught:
        importlib.reload(commands)
    assert str(caught.value) == (
        f'sentry-web: "click" is not installed; an extra brings it: pip install "sentry-web[{extras}]"'
    )
