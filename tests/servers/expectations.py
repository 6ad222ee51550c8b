"""What every server should show in every scenario: one table, and what truly differs, each with its reason.

``EXPECTED`` holds for all. ``DIFFERENCES`` names a server, a scenario, the facts that are other ones there, and why.
Each of them is the server's own: ``as bare`` stays true, the bare application is served alike.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .processes import SERVERS, Server

Facts = dict[str, Any]

# The fronts are two frameworks: where their answers differ, the application differs and not the server.
JSON = {"wsgi": "12 bytes", "asgi": "11 bytes"}  # Flask ends JSON with a newline
FAILURE = {"wsgi": "500 265 bytes", "asgi": "500 Internal Server Error"}
FAILURE_SIZE = {"wsgi": "265 bytes", "asgi": "21 bytes"}


class OneOf:
    """Equal to any of some values, where it is a race which of them comes."""

    def __init__(self, *values: Any) -> None:
        self._values = values

    def __eq__(self, other: object) -> bool:
        return other in self._values

    def __hash__(self) -> int:
        return hash(self._values)

    def __repr__(self) -> str:
        return " or ".join(map(repr, self._values))


def _fine(answer: str, report: str) -> Facts:
    return {"answer": answer, "as bare": True, "report": report}


def _base(interface: str) -> dict[str, Facts]:
    unhandled = "OutOfStockError 'none left', unhandled"
    failure = f"fails: internal_error, 500, {FAILURE_SIZE[interface]}; {unhandled}"
    order = _fine('200 {"count":3}', f"order: ok, 200, {JSON[interface]}")
    return {
        "page": _fine("200 welcome", "home: ok, 200, 7 bytes"),
        "parametrised route": {
            **_fine("200 book 42", "book: ok, 200, 7 bytes"),
            "protocol": True,
            "url": "http://localhost/books/42?page=2",
        },
        "JSON POST": order,
        "chunked upload": _fine("200 3996 bytes", "upload: ok, 200, 10 bytes"),
        "streamed download": {
            **_fine("200 20 bytes", "stream: ok, 200, 20 bytes"),
            "lasts as long as the stream": True,
            "first byte before the last": True,
        },
        "break in mid-stream": _fine(
            "200 6 bytes, broken off", "breaks: internal_error, 200, 6 bytes; OutOfStockError 'torn', unhandled"
        ),
        "client leaves": {"report": "endless: cancelled, 200, client gone"},
        "slow client": {
            "sending": order,
            "reading": {**_fine("200 1048576 bytes", "big: ok, 200, 1048576 bytes"), "all of it": True},
        },
        "error": {
            **_fine(FAILURE[interface], failure),
            "mechanism": True,
            "frame": "fails",
            "secrets that left": [],
        },
        "HEAD": {"quiet": _fine("200 ", "nothing"), "failing": _fine("500 ", unhandled)},
        "100-continue": {**order, "told to continue": True},
        "keep-alive": {"answers": {"200 welcome"}, "connections": 1, "reports": {"home: ok, 200, 7 bytes"}},
        "HTTP/2": {
            "answers": ["HTTP/2 200, 7 bytes", "HTTP/2 200, 7 bytes", f"HTTP/2 500, {FAILURE_SIZE[interface]}"],
            "as bare": True,
            "reports": ["home: ok, 200, 7 bytes", "book: ok, 200, 7 bytes", failure],
        },
        "websocket": {
            "server ends": {
                "heard": "HELLO, 1011 no more",
                "as bare": True,
                "report": "talk: internal_error, 101, 2 in, 1 out, closed by the server with 1011",
            },
            "client ends": {
                "heard": "HELLO, 4001 enough",
                "as bare": True,
                "report": "talk: ok, 101, 1 in, 1 out, closed by the client with 4001",
            },
            "denied": {
                "heard": "refused with 403",
                "as bare": True,
                "report": "denied: permission_denied, 403, 0 in, 0 out, closed by the server with 1000",
            },
        },
        "file": {**_fine("200 262144 bytes", "file: ok, 200, 262144 bytes"), "all of it": True},
        "workers": {"reports": {"pid: ok"}},
        "lifespan fails": {"ends": True, "as bare": True, "errors": ["OutOfStockError 'no shelves', unhandled"]},
        "graceful shutdown": {
            "sent to the end": True,
            "ends": True,
            "report": "held_stream: ok, 200, 20 bytes",
        },
    }


EXPECTED = {interface: _base(interface) for interface in ("wsgi", "asgi")}


class Difference(NamedTuple):
    """Facts that are other ones with a server, and why."""

    reason: str
    facts: Facts


def _differs(reason: str, **facts: Any) -> Difference:
    return Difference(reason, {name.replace("_", " "): value for name, value in facts.items()})


_UNREAD = _differs(
    "{} neither tells the length of a chunked body nor sets `wsgi.input_terminated`, so that Flask takes it for empty",
    **_fine("200 0 bytes", "upload: ok, 200, 7 bytes"),
)
_CUT = {"sent to the end": False, "report": "nothing"}
_CONNECTIONS = {"connections": 10}
_CLOSE_DELIMITED = _fine("200 6 bytes", EXPECTED["wsgi"]["break in mid-stream"]["report"])
_RAISES_ANEW = (
    "uvicorn raises SIGTERM anew once all is served, and dies without `atexit`: what is still unsent may be lost"
)
_NO_HANDLER = "{} has no handler for SIGTERM: it dies at once, and with it what is on its way"
_MASTER_KILLS = "hypercorn's master sends SIGTERM to the other workers when the first, an idle one, has ended"


DIFFERENCES: dict[tuple[str, str], Difference] = {
    ("hypercorn (ASGI)", "websocket"): _differs(
        "hypercorn hands the application 1006 for whatever code the client closes with",
        **{
            "client ends": {
                **EXPECTED["asgi"]["websocket"]["client ends"],
                "report": "talk: ok, 101, 1 in, 1 out, closed by the client with 1006",
            }
        },
    ),
    ("hypercorn (ASGI)", "lifespan fails"): _differs(
        "hypercorn raises an exception of its own out of `send`, with the application's in its message",
        errors=['LifespanFailureError "Lifespan failure in startup. \'Traceback (most recent call last):", unhandled'],
    ),
    ("hypercorn (ASGI)", "graceful shutdown"): Difference(_MASTER_KILLS, _CUT),
    ("hypercorn (WSGI)", "graceful shutdown"): Difference(_MASTER_KILLS, _CUT),
    ("hypercorn (WSGI)", "chunked upload"): Difference(_UNREAD.reason.format("hypercorn"), _UNREAD.facts),
    ("hypercorn (WSGI)", "client leaves"): _differs(
        "hypercorn takes the whole response from a WSGI application, whether the client is still there or not",
        report="endless: ok, 200, 16384000 bytes",
    ),
    ("hypercorn (WSGI)", "HEAD"): _differs(
        "hypercorn sends no response head before the first part of a WSGI body, and HEAD has none: it answers 500",
        quiet=_fine("500 ", "nothing"),
    ),
    ("daphne", "break in mid-stream"): _differs(
        "daphne neither ends the response nor closes the connection",
        answer="200 6 bytes, then silence",
    ),
    ("daphne", "websocket"): _differs(
        "autobahn, below daphne, lets a server close with 1000 or 3000 to 4999 only, and confirms any code with 1000;"
        " daphne's own 1011, for the application that this takes down, is lost once a break in mid-stream was its"
        " checker's end",
        **{
            "server ends": {
                "heard": OneOf("HELLO, silence, 1000 ", "HELLO, 1011 "),
                "as bare": True,
                "report": "talk: internal_error, 101, 2 in, 1 out;"
                " Exception 'invalid close code 1011 (must be 1000 or from [3000, 4999])', unhandled",
            },
            "client ends": {**EXPECTED["asgi"]["websocket"]["client ends"], "heard": "HELLO, 1000 "},
        },
    ),
    ("daphne", "graceful shutdown"): _differs(
        "daphne cancels at SIGTERM what is on its way, or ends at once where it meets an upgraded connection (KeyError)"
        " that its checker has not removed yet",
        **{**_CUT, "report": OneOf("nothing", "held_stream: cancelled, 200, 2 bytes")},
    ),
    ("granian (ASGI)", "lifespan fails"): _differs(
        "granian's workers are forked by multiprocessing and leave without `atexit`: what is still unsent may be lost",
        errors=OneOf([], EXPECTED["asgi"]["lifespan fails"]["errors"]),
    ),
    ("granian (WSGI)", "break in mid-stream"): _differs(
        "granian ends the chunked response as if it were whole: the client cannot tell", **_CLOSE_DELIMITED
    ),
    ("gunicorn, sync", "keep-alive"): Difference("sync workers close after each response", _CONNECTIONS),
    ("uWSGI", "chunked upload"): Difference(_UNREAD.reason.format("uWSGI"), _UNREAD.facts),
    ("uWSGI", "break in mid-stream"): _differs(
        "uWSGI's http11-socket ends a body of unknown length by closing: the client cannot tell", **_CLOSE_DELIMITED
    ),
    ("uWSGI", "100-continue"): _differs("uWSGI's http11-socket ignores Expect", **{"told to continue": False}),
    ("waitress", "graceful shutdown"): Difference(_NO_HANDLER.format("waitress"), _CUT),
    ("cheroot", "graceful shutdown"): Difference(_NO_HANDLER.format("cheroot"), _CUT),
    ("werkzeug", "keep-alive"): Difference("werkzeug's server closes after each response", _CONNECTIONS),
    ("werkzeug", "graceful shutdown"): Difference(_NO_HANDLER.format("werkzeug's server"), _CUT),
    ("wsgiref", "chunked upload"): Difference(_UNREAD.reason.format("wsgiref"), _UNREAD.facts),
    ("wsgiref", "break in mid-stream"): _differs(
        "wsgiref answers in HTTP/1.0, where a body ends with the connection: the client cannot tell", **_CLOSE_DELIMITED
    ),
    ("wsgiref", "100-continue"): _differs("wsgiref speaks HTTP/1.0, which has no 100", **{"told to continue": False}),
    ("wsgiref", "keep-alive"): Difference("wsgiref answers in HTTP/1.0 and closes", _CONNECTIONS),
    ("wsgiref", "graceful shutdown"): Difference(_NO_HANDLER.format("wsgiref"), _CUT),
}
_UNSENT = {
    "granian (ASGI)": DIFFERENCES["granian (ASGI)", "lifespan fails"].reason,
    "granian (WSGI)": DIFFERENCES["granian (ASGI)", "lifespan fails"].reason,
    "uvicorn, uvloop + httptools": _RAISES_ANEW,
    "uvicorn, asyncio + h11": _RAISES_ANEW,
    "gunicorn, uvicorn worker": _RAISES_ANEW,
}
for _name, _reason in _UNSENT.items():
    DIFFERENCES[_name, "graceful shutdown"] = _differs(
        _reason, report=OneOf("nothing", EXPECTED["wsgi"]["graceful shutdown"]["report"])
    )


#: The feature that a scenario needs, and what is said of a server that has it not.
NEEDS = {
    "HTTP/2": ("http2", "has no HTTP/2 without TLS"),
    "websocket": ("websocket", "WSGI has no websockets"),
    "lifespan fails": ("lifespan", "has no lifespan"),
}


def missing(server: Server, scenario: str) -> str | None:
    """Why a server has no such scenario; ``None`` where it has."""
    if scenario == "workers":
        return "one process" if server.workers == 1 else None
    feature, reason = NEEDS.get(scenario, ("", ""))
    return reason if feature and feature not in server.features else None


def expected(server: Server, scenario: str) -> Facts:
    """The facts that should be found."""
    facts = EXPECTED[server.interface][scenario]
    if scenario == "workers":
        facts = {**facts, "processes": server.workers}
    difference = DIFFERENCES.get((server.name, scenario))
    return facts if difference is None else {**facts, **difference.facts}


def unknown_differences() -> list[tuple[str, str]]:
    """Differences that name no cell, or that do not differ."""
    return [
        (name, scenario)
        for (name, scenario), difference in DIFFERENCES.items()
        if name not in SERVERS
        or scenario not in EXPECTED["asgi"]
        or missing(SERVERS[name], scenario)
        or all(EXPECTED[SERVERS[name].interface][scenario].get(key) is value for key, value in difference.facts.items())
    ]
