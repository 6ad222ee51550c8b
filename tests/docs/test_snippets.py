"""The Python in README and documentation compiles, and what is marked as runnable is run, with a receiver as its DSN.

A block is marked by the comment above it: ``<!-- run: NAME -->`` is a file; ``<!-- first lines: NAME -->`` is completed
by the view that the reader has.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from sentry_web.demo.ingest import Ingest
from sentry_web.testing.sdk import HAS_TRANSACTIONS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
QUICKSTART = ROOT / "docs" / "quickstart.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
VISITOR = Path(__file__).with_name("visitor.py")
SECRET = "very-secret"
#: What the README leaves to the reader: a view that fails.
VIEWS = {
    "Flask": """
@app.get("/books/<int:number>")
def find_book(number):
    token = flask.request.args["token"]
    raise LookupError(f"no book {number} for {token}")
""",
    "FastAPI": """
@app.get("/books/{number}")
def find_book(number: int, token: str):
    raise LookupError(f"no book {number} for {token}")
""",
}
#: The name of the transaction and of the error, as sentry-sdk's integrations have it where there is one.
NAMES = {
    "flask": "find_book",
    "django": "/books/{number}",
    "fastapi": "/books/{number}",
    "starlette": "/books/{number:int}",
    "quart": "find_book",
    "litestar": "shop.find_book",
    "falcon": "/books/{number:int}",
    "falcon.asgi": "shop.Book.on_get",
    "bottle": "shop.find_book",
    "pyramid": "book",
    "blacksheep": "/books/{number}",
    "wsgi": "/books/7",
    "asgi": "/books/7",
}
#: The routes by which the integrations of sentry-sdk 3 name a request, where those of 2.x name it by its view.
ROUTES = {
    "flask": "/books/<int:number>",
    "quart": "/books/<int:number>",
    "bottle": "/books/<number:int>",
    "pyramid": "/books/{number}",
}


def blocks(page: Path) -> list[str]:
    """Return the blocks of Python on a page."""
    found = re.findall(r"^( *)```python\n(.*?)^ *```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(code) for _, code in found]


def marked(page: Path, mark: str) -> str:
    """Return the block below a mark."""
    (code,) = re.findall(rf"<!-- {re.escape(mark)} -->\n```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    return str(code)


def runnable(page: Path = QUICKSTART) -> list[str]:
    """Return what is marked as runnable on a page."""
    return re.findall(r"^<!-- run: (.*?) -->$", page.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_python_compiles(page: Path) -> None:
    for code in blocks(page):
        compile(code, page.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def with_dsn(code: str, ingest: Ingest) -> str:
    """Return a snippet with a DSN in the place of its ellipsis, in which every request is traced."""
    assert 'dsn="…"' in code
    return code.replace('dsn="…"', f'dsn="{ingest.dsn}"').replace("traces_sample_rate=0.1", "traces_sample_rate=1.0")


def visit(folder: Path, module: str, attribute: str) -> None:
    """Ask an application in a folder for the page that fails."""
    command = [sys.executable, "-W", "ignore", str(VISITOR), module, attribute, f"token={SECRET}&page=2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def assert_reported(ingest: Ingest, name: str | None = None) -> None:
    """One error and one transaction or segment, with the request and without its secret."""
    items: list[Any] = [item for item in ingest.items if item.type in ("event", "transaction", "span")]
    assert (
        sorted(item.type for item in items if item.type != "span") == ["event", "transaction"][: 1 + HAS_TRANSACTIONS]
    )
    sent = ingest.raw_bytes
    assert b"no book 7 for [Filtered]" in sent
    assert b"token=[Filtered]&page=2" in sent
    assert SECRET.encode() not in sent
    (event,) = [item.payload for item in items if item.type == "event"]
    if name is not None:
        assert event["transaction"] == name


@pytest.mark.parametrize("framework", VIEWS)
def test_the_first_lines_of_the_readme(framework: str, tmp_path: Path) -> None:
    with Ingest() as ingest:
        code = with_dsn(marked(README, f"first lines: {framework}"), ingest)
        (tmp_path / "shop.py").write_text(code + VIEWS[framework], encoding="utf-8")
        visit(tmp_path, "shop", "app")
    assert_reported(ingest)


@pytest.mark.parametrize("framework", [name for name in runnable() if name != "django"])
def test_a_quick_start(framework: str, tmp_path: Path) -> None:
    with Ingest() as ingest:
        (tmp_path / "shop.py").write_text(with_dsn(marked(QUICKSTART, f"run: {framework}"), ingest), encoding="utf-8")
        visit(tmp_path, "shop", "app")
    assert_reported(ingest, NAMES[framework] if HAS_TRANSACTIONS else ROUTES.get(framework, NAMES[framework]))


@pytest.mark.parametrize("protocol", ["wsgi", "asgi"])
def test_the_quick_start_of_django(protocol: str, tmp_path: Path) -> None:
    """In a project as ``startproject`` makes it."""
    command = [sys.executable, "-m", "django", "startproject", "shop", "."]
    subprocess.run(command, cwd=tmp_path, timeout=60, check=True)
    settings = tmp_path / "shop" / "settings.py"
    with Ingest() as ingest:
        added = with_dsn(marked(QUICKSTART, "run: django"), ingest)
        settings.write_text(settings.read_text("utf-8") + added, encoding="utf-8")
        (tmp_path / "shop" / "urls.py").write_text(marked(QUICKSTART, "view: django"), encoding="utf-8")
        settings.write_text(settings.read_text("utf-8").replace("ALLOWED_HOSTS = []", 'ALLOWED_HOSTS = ["*"]'))
        visit(tmp_path, f"shop.{protocol}", "application")
    assert_reported(ingest, NAMES["django"])


def test_every_quick_start_is_run() -> None:
    assert set(runnable()) == set(NAMES)


@pytest.mark.parametrize(
    ("page", "name"),
    [(page, name) for page in PAGES if page != QUICKSTART for name in runnable(page)],
    ids=lambda value: getattr(value, "stem", value),
)
def test_what_other_pages_show_runs(page: Path, name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", marked(page, f"run: {name}")]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr


def test_the_outside_lines_work() -> None:
    (code,) = [code for code in blocks(README) if code.startswith("from sentry_web import SentryAsgi")]
    names: dict[str, Any] = {"application": lambda *args: []}
    exec(code, names)
    assert type(names["application"]).__name__ == "SentryAsgiMiddleware"
