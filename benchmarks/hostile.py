"""What a stranger can make a request cost: ``python benchmarks/hostile.py``.

Each row is a shape of hostile input, at 16 KB and at 64 KB, in a request that fails and in one that is sampled, on both
protocols. The application reads the body and keeps it in a variable. Everything is done up to the envelope as bytes.
The figures are milliseconds of processor time beyond the bare application, the least of several runs.

A target is missed where ours costs more than 5 ms beyond sentry-sdk's own middleware at either size, or where four
times the input costs more than five times as much. The exit status is then 1.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import json
import logging
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import sentry_sdk
from cheap import applications as apps
from cheap import peers

SMALL, LARGE = 16 * 1024, 64 * 1024
#: Targets: milliseconds beyond sentry-sdk's, and growth for four times the input.
MOST_BEYOND, MOST_GROWTH = 5.0, 5.0
#: Growth is not looked at for less: it would be that of noise.
_NEGLIGIBLE = 3.0
#: How often a row is measured that misses a target; the least counts.
_ATTEMPTS = 3

Headers = tuple[tuple[str, str], ...]


class Hostile(NamedTuple):
    """A request."""

    headers: Headers = ()
    query: str = ""
    body: bytes = b""


def fill(part: str, size: int, separator: str = "") -> str:
    """Return numbered parts of about this size together; ``#`` in a part stands for its number."""
    return separator.join(part.replace("#", str(number)) for number in range(size // (len(part) + len(separator) + 2)))


def _header(name: str, part: str, separator: str = "", begin: str = "") -> Callable[[int], Hostile]:
    return lambda size: Hostile(headers=((name, begin + fill(part, size, separator)),))


def _query(part: str, separator: str = "&", begin: str = "") -> Callable[[int], Hostile]:
    return lambda size: Hostile(query=begin + fill(part, size, separator))


def _body(content_type: str, content: Callable[[int], str]) -> Callable[[int], Hostile]:
    # Less by a bit than what is looked at, 64 KiB
    return lambda size: Hostile((("content-type", content_type),), body=content(size - 100).encode())


def _parts(size: int) -> str:
    part = '--b\r\nContent-Disposition: form-data; name="token#"\r\n\r\nx1y2z3#\r\n'
    return fill(part, size) + "--b--\r\n"


def _headers(size: int) -> Hostile:
    return Hostile(tuple((f"x-token-{number}", f"a1b2c3d4{number}") for number in range(size // 28)))


def _everything(size: int) -> Hostile:
    third = size // 3
    headers = (("cookie", fill("c#=-%2b+_.%22\\x41a1b2c3", third, "; ")), ("content-type", "application/json"))
    return Hostile(
        headers, fill("token#=%2541%22a1b2", third, "&"), json.dumps({"token": "\\é\"'%&" * (third // 9)}).encode()
    )


_FORM = "application/x-www-form-urlencoded"
_A = "a" * 60

SHAPES: dict[str, Callable[[int], Hostile]] = {
    "cookies of escapes": _header("cookie", "c#=" + "-%2b+_." * 34, "; "),
    "cookies of punctuation": _header("cookie", "c#=" + "!#$%&'*+-./:<=>?@^_`|~" * 9 + "abc", "; "),
    "cookies, many": _header("cookie", "c#=a1b2c3d4#", "; "),
    "cookies, tiny": _header("cookie", "a#=", ";"),
    "cookies with a long prefix in common": _header("cookie", f"session#={_A}b{_A}#", "; "),
    "cookie, one, of a letter": _header("cookie", "a", begin="session="),
    "cookie, quoted, of backslashes": _header("cookie", "\\054", begin='session="x'),
    "authorization: parameters": _header("authorization", 'p#="x1y2z3#"', ", ", "Digest "),
    "authorization: base64": lambda size: Hostile(
        (("authorization", "Basic " + base64.b64encode(b"u:" + b"\\\x80%" * (size // 4)).decode()),)
    ),
    "x-forwarded-for": _header("x-forwarded-for", "81.2.69.#", ","),
    "forwarded": _header("forwarded", 'for="[2001:db8::#]";proto=https', ","),
    "forwarded, broken": _header("forwarded", 'for="\\', "="),
    "headers, many": _headers,
    "baggage": _header("baggage", "sentry-k#=%25%32%35", ","),
    "traceparent": _header("traceparent", "00-"),
    "subprotocols": _header("sec-websocket-protocol", "bearer, x1y2z3#", ", "),
    "referer of credentials": _header("referer", "//u:p1q2r3#@", "/", "https://shop.example/?next="),
    "referer of queries": _header("referer", "token#=a1b2c3#", "&", "https://shop.example/?"),
    "host": _header("host", "u:p@", begin="x"),
    "query of tokens": _query("token#=a1b2c3#"),
    "query of keys": _query("k#="),
    "query of nested percents": _query("%25", "", "token="),
    "query of alternating escapes": _query("%5Cu0026amp%3B%2525", "", "token="),
    "query of URLs": _query("next#=https%3A%2F%2Fu%3Ap%40x%2F%3Ftoken%3Da1b2c3#"),
    "query of JSON": _query("k#=%7B%22a%22:1%7D"),
    "referer of URLs": _header("referer", "n#=https%3A%2F%2Fx%2F%3Fa%3D1", "&", "https://shop.example/?"),
    "form of JSON": _body(_FORM, lambda size: fill('k#={"a":1}', size, "&")),
    "form of URLs": _body(_FORM, lambda size: fill("k#=//u:p@x/?a=1;b=2", size, "&")),
    "form of tokens": _body(_FORM, lambda size: fill("token#=a1b2c3#", size, "&")),
    "form of percents": _body(_FORM, lambda size: "password=" + "%C3%A9" * (size // 6)),
    "form of nothing": _body(_FORM, lambda size: "&=" * (size // 2)),
    "JSON, deep": _body("application/json", lambda size: '{"a":' * (size // 6) + "1" + "}" * (size // 6)),
    "JSON of secrets": _body("application/json", lambda size: "{" + fill('"token#":"a1b2c3#"', size, ",") + "}"),
    "JSON of keys": _body("application/json", lambda size: "{" + fill('"k#":1', size, ",") + "}"),
    "JSON of arrays": _body("application/json", lambda size: "[" + "[]," * (size // 3) + "0]"),
    "JSON, one secret of escapes": _body(
        "application/json", lambda size: json.dumps({"token": '\\"é%' * (size // 12)})
    ),
    "JSON, one secret of a letter": _body("application/json", lambda size: json.dumps({"token": "a" * size})),
    "JSON, secrets of prefixes": _body(
        "application/json", lambda size: json.dumps({"token": [f"{_A}b{_A}{n}" for n in range(size // 130)]})
    ),
    "JSON, secrets beyond ASCII": _body(
        "application/json", lambda size: json.dumps({"token": [f"é中{n}😀" for n in range(size // 30)]})
    ),
    "JSON, long secrets beyond ASCII": _body(
        "application/json",
        lambda size: json.dumps({"token": [f"{n}中é%+\\" * 400 for n in range(size // 5200)]}, ensure_ascii=False),
    ),
    "JSON, texts of references": _body(
        "application/json", lambda size: json.dumps({"token": "a1\\b2é", "x": ["&#65;" * 200] * (size // 1004)})
    ),
    "JSON, texts of nested escapes": _body(
        "application/json",
        lambda size: json.dumps({"token": "a1\\b2é", "x": "%2526amp;%26%2365;\\x26lt;" * (size // 32)}),
    ),
    "JSON of objects": _body("application/json", lambda size: json.dumps({"x": [{"a": 1}] * (size // 10)})),
    "JSON of words": _body("application/json", lambda size: json.dumps({"x": ["a"] * (size // 5)})),
    "JSON of pairs": _body("application/json", lambda size: json.dumps([{"name": "a", "value": "b"}] * (size // 30))),
    "JSON of paths": _body("application/json", lambda size: json.dumps({"x": ["/"] * (size // 5)})),
    "JSON of URLs": _body("application/json", lambda size: json.dumps({"x": ["//u:p@h/?k=v;j=1"] * (size // 20)})),
    "JSON of JSON": _body("application/json", lambda size: json.dumps({"x": ['{"a":1}'] * (size // 13)})),
    "multipart": _body("multipart/form-data; boundary=b", _parts),
    "text": _body("text/plain", lambda size: "\\x41%41&#65;" * (size // 12)),
    "text of dots": _body(
        "application/json", lambda size: json.dumps({"token": "a1b2c3", "x": ["a1b2c3..."] * (size // 14)})
    ),
    "headers, query and body together": _everything,
}


# --- applications ----------------------------------------------------------------------------------------------------


def wsgi_app(fails: bool) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        content = environ["wsgi.input"].read()
        text = content.decode("utf-8", "replace")
        query = environ["QUERY_STRING"]
        with contextlib.suppress(ValueError):
            parsed = json.loads(text)  # noqa: F841 - a variable of the frame that fails
        if fails:
            raise RuntimeError(f"out of {text[:3000]} {query[:3000]}")
        with sentry_sdk.start_span(op="db", name=query[:3000]):
            return apps.wsgi_page(environ, start_response)

    return app


def asgi_app(fails: bool) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        content = (await receive())["body"]
        text = content.decode("utf-8", "replace")
        query = scope["query_string"].decode("latin-1")
        with contextlib.suppress(ValueError):
            parsed = json.loads(text)  # noqa: F841 - a variable of the frame that fails
        if fails:
            raise RuntimeError(f"out of {text[:3000]} {query[:3000]}")
        with sentry_sdk.start_span(op="db", name=query[:3000]):
            await apps.asgi_page(scope, receive, send)

    return app


def ask_wsgi(app: Any, hostile: Hostile) -> None:
    environ = apps.environ(hostile.headers, QUERY_STRING=hostile.query, REQUEST_METHOD="POST")
    environ["CONTENT_TYPE"] = dict(hostile.headers).get("content-type", "")
    environ.update({"CONTENT_LENGTH": str(len(hostile.body)), "wsgi.input": io.BytesIO(hostile.body)})
    apps.ask_wsgi(app, environ)


def ask_asgi(app: Any, hostile: Hostile) -> None:
    scope = apps.scope(headers=hostile.headers, query_string=hostile.query.encode(), method="POST")
    scope["client"] = ("81.2.69.142", 50_000)

    async def receive() -> Any:
        return {"type": "http.request", "body": hostile.body}

    async def send(message: Any) -> None:
        pass

    coroutine = app(scope, receive, send)
    with contextlib.suppress(StopIteration):
        coroutine.send(None)


# --- measuring -------------------------------------------------------------------------------------------------------


def cost(ask: Callable[[Any, Hostile], None], app: Any, name: str, hostile: Hostile, runs: int) -> float:
    """Return the least milliseconds of processor time that a request takes, with its report as bytes."""
    least = float("inf")
    for _ in range(runs):
        begun = time.process_time()
        with contextlib.suppress(RuntimeError, RecursionError):
            ask(app, hostile)
        peers.wait_for_exports(name)
        least = min(least, time.process_time() - begun)
    return least * 1000


Costs = dict[str, dict[int, float]]


def measure(runs: int, wanted: str) -> Iterator[Row]:
    """Yield the rows of the table. One that misses a target is measured again, since other processes disturb it."""
    for shape, make in SHAPES.items():
        if not shape.startswith(wanted):
            continue
        for protocol, ask, build in (("wsgi", ask_wsgi, wsgi_app), ("asgi", ask_asgi, asgi_app)):
            for fails, column in ((True, "errors only"), (False, "sampled")):
                known = peers.peers(protocol, "sampled", written=True)
                costs: Costs = {}
                for _ in range(_ATTEMPTS):
                    with peers.configured(column, peers.Kept):
                        for name in filter(known.__contains__, (peers.BARE, *NAMES)):
                            app, least = known[name](build(fails)), costs.setdefault(name, {})
                            for size in (SMALL, LARGE):
                                taken = cost(ask, app, name, make(size), runs)
                                least[size] = min(taken, least.get(size, taken))
                    row = Row.of(f"{shape}, {protocol}, {'failing' if fails else 'sampled'}", costs)
                    if not row.verdict:
                        break
                yield row


class Row(NamedTuple):
    """Milliseconds beyond the bare application, by peer and size."""

    title: str
    added: dict[str, dict[int, float]]

    @property
    def growth(self) -> float:
        """How many times as much the larger input costs with ours."""
        ours = self.added[peers.OURS]
        return ours[LARGE] / max(ours[SMALL], _NEGLIGIBLE / MOST_GROWTH)

    @property
    def verdict(self) -> str:
        """Which targets are missed."""
        ours, theirs = self.added[peers.OURS], self.added[peers.SDK]
        is_much = any(ours[size] - theirs[size] > MOST_BEYOND for size in (SMALL, LARGE))
        return ", ".join(["too much"] * is_much + ["grows too fast"] * (self.growth > MOST_GROWTH))

    @classmethod
    def of(cls, title: str, costs: Costs) -> Row:
        """Return the row of what was measured."""
        bare = costs[peers.BARE]
        return cls(
            title,
            {name: {size: max(sizes[size] - bare[size], 0.0) for size in sizes} for name, sizes in costs.items()},
        )

    def cells(self) -> list[str]:
        """Return the figures, and the verdict, as texts."""
        known = [self.added.get(name) for name in NAMES]
        figures = [f"{sizes[size]:.2f}" if sizes else "" for sizes in known for size in (SMALL, LARGE)]
        return [*figures, f"{self.growth:.1f}", self.verdict]


NAMES = (peers.SDK, peers.OURS, peers.OTEL, peers.OURS_OTEL)
TITLES = (*(f"{name} {kilobytes} KB" for name in NAMES for kilobytes in (16, 64)), "growth", "")
WRITTEN = Path(__file__).with_name("hostile.md")


def as_markdown(rows: list[Row]) -> str:
    """Return the page with the table."""
    head = "# What hostile input costs\n\nMilliseconds of processor time beyond the bare application, as written by "
    head += "`python benchmarks/hostile.py --write`\n"
    head += f"(Python {platform.python_version()}, sentry-sdk {sentry_sdk.VERSION}).\n\n"
    lines = [f"| {' | '.join(cells)} |" for cells in (["", *TITLES], ["---"] * (len(TITLES) + 1))]
    lines += [f"| {' | '.join((row.title, *row.cells()))} |" for row in rows]
    return head + "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="of which the least time counts (default: 5)")
    parser.add_argument("--shape", default="", help="only the shapes whose name begins so")
    parser.add_argument("--write", action="store_true", help="write the table to hostile.md")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print(f"{'milliseconds beyond the bare application':<64}", *TITLES, sep="  ")
    rows: list[Row] = []
    for row in measure(arguments.runs, arguments.shape):
        rows.append(row)
        cells = [f"{cell:>{max(len(column), 6)}}" for cell, column in zip(row.cells(), TITLES, strict=True)]
        print(f"{row.title:<64}", *cells, sep="  ", flush=True)
    if arguments.write:
        WRITTEN.write_text(as_markdown(rows), "utf-8")
    missed = [f"{row.title}: {row.verdict}" for row in rows if row.verdict]
    if missed:
        print("\nMissed targets:", *missed, sep="\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
