"""Follow each quick start to the letter, in an environment of its own, and print the time to the first event.

``python tests/docs/newcomer.py [NAME …]`` does what the page says, from an empty folder: ``python -m venv``, the page's
commands word for word (with ``.`` for ``sentry-web``, as the page has it for a checkout), its file, its server, its
``curl``. Only the DSN is a receiver on loopback. It fails where no event arrives, or where the token leaves. No test:
it installs from the package index.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from sentry_web.demo.ingest import Ingest  # noqa: E402

QUICKSTART = ROOT / "docs" / "quickstart.md"
PORT, PATIENCE = 8000, 60.0  # the page's port; seconds until the server must answer
SECRET = b"very-secret"
BLOCK = re.compile(
    r"<!-- (?P<kind>run|view): (?P<name>.*?) -->\n```python\n(?P<code>.*?)```|```console\n(?P<lines>.*?)```", re.DOTALL
)


def sections() -> dict[str, list[tuple[str, list[str]]]]:
    """Return, for each quick start, its files as (kind, code), and the commands of each console block after them."""
    found: dict[str, list[tuple[str, list[str]]]] = {}
    name = ""
    for block in BLOCK.finditer(QUICKSTART.read_text("utf-8").partition("\n## Which form")[0]):
        if block["kind"]:
            name = block["name"]
            found.setdefault(name, []).append((block["kind"], [block["code"]]))
        elif name:
            found[name].append(("console", [line.removeprefix("$ ") for line in block["lines"].splitlines()]))
    return found


def run(command: str, folder: Path, environment: dict[str, str]) -> None:
    """Run a command of the page to its end."""
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"$ {command}\n{done.stdout}{done.stderr}")


def answers() -> bool:
    """Return whether something listens on the page's port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORT), 1):
        return True
    return False


def serve_and_ask(commands: list[str], folder: Path, environment: dict[str, str], ingest: Ingest) -> None:
    """Run the commands of a block: what installs, the server, until the end of the block, and the request to it."""
    with contextlib.ExitStack() as stack:
        for command in commands:
            if command.startswith(("python -m pip", "curl")):
                run(command, folder, environment)
            else:
                stack.enter_context(serving(command, folder, environment))
        ingest.wait_for(lambda: ingest.errors, 20)


@contextlib.contextmanager
def serving(command: str, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run a server while the block lasts."""
    server = subprocess.Popen(
        command, shell=True, cwd=folder, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE
        while not answers():
            if time.monotonic() > deadline or server.poll() is not None:
                sys.exit(f"$ {command}\nnothing listens on port {PORT}")
            time.sleep(0.05)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGINT)
        deadline = time.monotonic() + 10
        while answers() and time.monotonic() < deadline:
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def follow(name: str, parts: list[tuple[str, list[str]]], folder: Path) -> str:
    """Follow one quick start, and return what happened, in a line."""
    started = time.monotonic()
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "SENTRY", "VIRTUAL"))}
    environment = {**variables, "PATH": f"{folder / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}", "NO_PROXY": "*"}
    run(f"{sys.executable} -m venv venv", folder, environment)
    run(f"python -m pip install '{ROOT}'", folder, environment)
    with Ingest() as ingest:
        blocks = [commands for kind, commands in parts if kind == "console"]
        code = {kind: code for kind, (code, *_) in parts if kind != "console"}
        code["run"] = code["run"].replace('dsn="…"', f'dsn="{ingest.dsn}"')
        if name == "django":
            run("python -m pip install django && django-admin startproject shop .", folder, environment)
            settings = folder / "shop" / "settings.py"
            settings.write_text(settings.read_text("utf-8") + code["run"], encoding="utf-8")
            (folder / "shop" / "urls.py").write_text(code["view"], encoding="utf-8")
            curl = next(line for line in blocks[0] if line.startswith("curl"))
            blocks[1:] = [[*commands, curl] for commands in blocks[1:]]  # "and under ASGI by": the same request
        else:
            (folder / "shop.py").write_text(code["run"], encoding="utf-8")
        seconds = 0.0
        for commands in blocks:
            ingest.clear()
            serve_and_ask(commands, folder, environment, ingest)
            seconds = seconds or time.monotonic() - started
            (event,) = ingest.errors
            if SECRET in ingest.raw_bytes:
                sys.exit(f"{name}: the token has left")
        value = event["exception"]["values"][-1]["value"]
        return f"{name}: {seconds:.0f} s to the first event: {event['transaction']}, {value!r}"


def main() -> None:
    """Follow those that are named, or all."""
    for name, parts in sections().items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        folder = Path(tempfile.mkdtemp())
        try:
            print(follow(name, parts, folder), flush=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
