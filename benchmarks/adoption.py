"""What a request costs where one line in ``sentry_sdk.init`` takes the place of a middleware, in instructions.

``python benchmarks/adoption.py`` serves a request as production has them (``cheap/production.py``) by Flask and by
Starlette: with an explicit middleware around the application, and with ``WebIntegration`` alone; sentry-sdk's own
integration for the framework off and on. It prints the second divided by the first, and fails where that is more than
1.03. What is counted is said in ``count.py``. With sentry-sdk 3, whose own part is smaller, one cell is 1.04.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
from cheap import peers, production
from count import asker, cost, deterministic
from sentry_sdk.integrations.flask import FlaskIntegration
from sentry_sdk.integrations.starlette import StarletteIntegration
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import sentry_web
from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware, WebIntegration

PACKAGE = str(Path(sentry_web.__file__).parent)
MOST = 1.03
WORK = production.ROWS["real"]


def flask_app(streamed: bool) -> Any:
    """Return a shop of Flask's."""
    do = production._worker(WORK, streamed)  # noqa: SLF001
    app = flask.Flask("shop")

    @app.route("/", defaults={"path": ""})
    @app.route("/<path:path>")
    def page(path: str) -> str:
        do()
        return "hello"

    return app


def starlette_app(streamed: bool) -> Any:
    """Return a shop of Starlette's."""
    do = production._worker(WORK, streamed)  # noqa: SLF001

    async def page(request: Any) -> Any:
        do()
        return PlainTextResponse("hello")

    return Starlette(routes=[Route("/{path:path}", page)])


FRAMEWORKS: dict[str, tuple[str, Callable[[bool], Any], Any, Any]] = {
    "Flask": ("wsgi", flask_app, SentryWsgiMiddleware, FlaskIntegration),
    "Starlette": ("asgi", starlette_app, SentryAsgiMiddleware, StarletteIntegration),
}


def count() -> dict[tuple[str, bool, str], list[int]]:
    """Return the instructions by framework, whether its integration is on, and column: explicit, one line."""
    counts: dict[tuple[str, bool, str], list[int]] = {}
    for by_line in (False, True):  # in this order: what the line patches stays patched
        for name, (protocol, make, middleware, integration) in FRAMEWORKS.items():
            for on in (False, True):
                for column in production.COLUMNS:
                    integrations = [*([integration()] if on else []), *([WebIntegration()] if by_line else [])]
                    options = {**production.OPTIONS, **column.options, "integrations": integrations}
                    with peers.client(options, peers.Kept) as known:
                        if not known:
                            continue
                        app = make(column.streamed)
                        found = cost(asker(protocol, app if by_line else middleware(app)), PACKAGE)
                        counts.setdefault((name, on, column.title), []).append(found["all"])
    return counts


def main() -> None:
    with peers.client({**production.OPTIONS, "integrations": [FlaskIntegration(), StarletteIntegration()]}):
        pass  # sentry-sdk's integrations patch their frameworks once a process: before anything is counted
    with deterministic():
        counts = count()
    titles = [column.title for column in production.COLUMNS if ("Flask", True, column.title) in counts]
    print("| one line / explicit |", " | ".join(titles), "|")
    print("| --- |", " | ".join("---" for _ in titles), "|")
    too_much = []
    for name in FRAMEWORKS:
        for on in (False, True):
            cells = []
            for title in titles:
                explicit, line = counts[name, on, title]
                cells.append(f"{line / explicit:.3f} ({line} / {explicit})")
                if line > MOST * explicit:
                    too_much.append(f"{name}, integration {'on' if on else 'off'}, {title}")
            print(f"| {name}, integration {'on' if on else 'off'} |", " | ".join(cells), "|")
    if too_much:
        sys.exit(f"more than {MOST} of the explicit middleware: {'; '.join(too_much)}")


if __name__ == "__main__":
    main()
