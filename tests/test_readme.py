"""The README's first lines, run as they stand there, by a reader who has a DSN: a receiver on loopback."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sentry_web._options import AS_TEXT, PREFIX
from sentry_web.demo.ingest import Ingest
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


def first_lines(framework: str) -> str:
    """The snippet below its mark."""
    (code,) = re.findall(rf"<!-- first lines: {framework} -->\n```python\n(.*?)```", README.read_text(), re.DOTALL)
    return str(code)


@pytest.mark.parametrize("framework", USES)
def test_the_first_lines_report_a_failing_request_without_its_secrets(framework: str) -> None:
    assert 'dsn="…", traces_sample_rate=0.1' in first_lines(framework)
    with Ingest() as ingest:
        # The rate would make the transaction a matter of luck.
        code = first_lines(framework).replace(
            'dsn="…", traces_sample_rate=0.1', f'dsn="{ingest.dsn}", traces_sample_rate=1.0'
        )
        code += USES[framework] % {"secret": HALVES}
        command = [sys.executable, "-W", "ignore", "-c", code]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    sent, kinds = ingest.raw_bytes, {item.type for item in ingest.items}
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
