"""The README's first lines, run as they stand there, by a reader who has a DSN: a receiver on loopback."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sentry_sdk.envelope import Envelope

from sentry_web._options import AS_TEXT, PREFIX
from sentry_web.testing.sdk import HAS_TRANSACTIONS

README = Path(__file__).parent.parent / "README.md"
SECRET = "1-terces-yrev"[::-1]
#: The same as code: newer Pythons know the source of `python -c`, which is sent with the frames.
HALVES = f"{SECRET[:6]!r} {SECRET[6:]!r}"
#: What the README leaves to the reader: a view that fails, and a request to it.
USES = {
    "Flask": """
@app.get("/broken")
def broken():
    raise LookupError("broken")

app.test_client().get("/broken", query_string={"token": %(secret)s, "page": "2"}, headers={"X-Api-Key": %(secret)s})
sentry_sdk.flush()
""",
    "FastAPI": """
@app.get("/broken")
def broken():
    raise LookupError("broken")

import asyncio
import httpx

async def ask():
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://localhost"
    ) as client:
        await client.get("/broken", params={"token": %(secret)s, "page": "2"}, headers={"X-Api-Key": %(secret)s})

asyncio.run(ask())
sentry_sdk.flush()
""",
}


class Receiver(ThreadingHTTPServer):
    """Takes envelopes as Sentry does."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        received = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *args: Any) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def dsn(self) -> str:
        return f"http://key@127.0.0.1:{self.server_port}/1"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def first_lines(framework: str) -> str:
    """The snippet below its mark."""
    (code,) = re.findall(rf"<!-- first lines: {framework} -->\n```python\n(.*?)```", README.read_text(), re.DOTALL)
    return str(code)


@pytest.mark.parametrize("framework", USES)
def test_the_first_lines_report_a_failing_request_without_its_secrets(framework: str, receiver: Receiver) -> None:
    assert 'dsn="…", traces_sample_rate=0.1' in first_lines(framework)
    # The rate would make the transaction a matter of luck; compressed bodies could not be searched.
    compression = '_experiments={"transport_compression_level": 0}'
    code = first_lines(framework).replace(
        'dsn="…", traces_sample_rate=0.1', f'dsn="{receiver.dsn}", traces_sample_rate=1.0, {compression}'
    )
    code += USES[framework] % {"secret": HALVES}
    command = [sys.executable, "-W", "ignore", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    sent = b"\n".join(receiver.bodies)
    kinds = {item.type for body in receiver.bodies for item in Envelope.deserialize(body).items}
    assert kinds & {"event", "transaction", "span"} == {"event", "transaction" if HAS_TRANSACTIONS else "span"}
    assert b"LookupError" in sent
    assert b"token=[Filtered]&page=2" in sent
    assert SECRET.encode() not in sent


def test_the_outside_lines_work() -> None:
    (code,) = re.findall(r"```python\n(from sentry_web import SentryAsgi.*?)```", README.read_text(), re.DOTALL)[:1]
    names: dict[str, Any] = {"application": lambda *args: []}
    exec(code, names)
    assert type(names["application"]).__name__ == "SentryAsgiMiddleware"


BEGIN, END = "<!-- environment -->\n", "<!-- /environment -->\n"


def environment_table() -> str:
    """The table of environment variables, from the options."""
    rows = [f"| `{PREFIX}{name.upper()}` | {form} |\n" for name, (form, _) in AS_TEXT.items()]
    return "| variable | value |\n|---|---|\n" + "".join(rows)


def test_the_table_of_environment_variables_is_that_of_the_options() -> None:
    assert BEGIN + environment_table() + END in README.read_text(encoding="utf-8")


if __name__ == "__main__":  # writes it
    text = README.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    README.write_text(head + BEGIN + environment_table() + END + rest.partition(END)[2], encoding="utf-8")
