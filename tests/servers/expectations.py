"""What every server should show in every scenario, and the other answers that were seen.

``EXPECTED`` holds for all servers, and is always allowed: a release that mends a fault turns nothing red. ``SEEN``
names the other answers of a server in a scenario, each with the releases where it was seen and the reason. Such an
answer is the server's own doing: the bare application is served alike, and the report is that of what was served.
"""

from __future__ import annotations

from typing import Any

from .processes import SERVERS, Server
from .roots import INTERNAL_ERROR, PERMISSION_DENIED

Facts = dict[str, Any]

UNHANDLED = "OutOfStockError 'none left', unhandled"
#: The framework's page of an error is as long as it is; the report has that length.
FAILURE = f"fails: {INTERNAL_ERROR}, 500, all bytes; {UNHANDLED}"


def _fine(answer: str, report: str) -> Facts:
    return {"answer": answer, "as bare": True, "report": report}


_ORDER = _fine("200 3 ordered", "order: ok, 200, 9 bytes")
_LEFT_UNFINISHED = f"breaks: {INTERNAL_ERROR}, 200, 6 bytes; OutOfStockError 'torn', unhandled"

#: The scenarios, and what should be found in each; ``workers`` also has the number of them (see ``allowed``).
EXPECTED: dict[str, Facts] = {
    "page": _fine("200 welcome", "home: ok, 200, 7 bytes"),
    "parametrised route": {
        **_fine("200 book 42", "book: ok, 200, 7 bytes"),
        "protocol": True,
        "url": "http://localhost/books/42?page=2",
    },
    "JSON POST": _ORDER,
    "chunked upload": _fine("200 3996 bytes", "upload: ok, 200, 10 bytes"),
    "streamed download": {
        **_fine("200 20 bytes", "stream: ok, 200, 20 bytes"),
        "lasts as long as the stream": True,
        "first byte before the last": True,
    },
    "break in mid-stream": _fine("200 6 bytes, broken off", _LEFT_UNFINISHED),
    "client leaves": {"report": "endless: cancelled, 200, client gone"},
    "slow client": {
        "sending": _ORDER,
        "reading": {**_fine("200 1048576 bytes", "big: ok, 200, 1048576 bytes"), "all of it": True},
    },
    "error": {
        **_fine("500", FAILURE),
        "mechanism": True,
        "frame": "fails",
        "secrets that left": [],
    },
    "HEAD": {"quiet": _fine("200 ", "nothing"), "failing": _fine("500 ", UNHANDLED)},
    "100-continue": {**_ORDER, "interim response": True},
    "keep-alive": {"answers": {"200 welcome"}, "connections": 1, "reports": {"home: ok, 200, 7 bytes"}},
    "HTTP/2": {
        "answers": ["HTTP/2 200", "HTTP/2 200", "HTTP/2 500"],
        "as bare": True,
        "reports": ["home: ok, 200, all bytes", "book: ok, 200, all bytes", FAILURE],
    },
    "websocket": {
        "server ends": {
            "heard": "HELLO, 1011 no more",
            "as bare": True,
            "report": f"talk: {INTERNAL_ERROR}, 101, 2 in, 1 out, closed by the server with 1011",
        },
        "client ends": {
            "heard": "HELLO, 4001 enough",
            "as bare": True,
            "report": "talk: ok, 101, 1 in, 1 out, closed by the client with 4001",
        },
        "denied": {
            "heard": "refused with 403",
            "as bare": True,
            "report": f"denied: {PERMISSION_DENIED}, 403, 0 in, 0 out, closed by the server with 1000",
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


class Seen:
    """Facts that were seen instead of the expected ones, with which releases, and why.

    Several alternatives where it is a race which of them comes.
    """

    def __init__(self, releases: str, reason: str, *alternatives: Facts) -> None:
        self.releases = releases
        self.reason = reason
        self.alternatives = alternatives

    def __str__(self) -> str:
        return f"{self.reason} (seen with {self.releases})"


def _chunks_unread(releases: str) -> Seen:
    server = releases.partition(" ")[0]
    reason = (
        f"{server} neither gives the length of a chunked body nor sets `wsgi.input_terminated`: Flask reads nothing"
    )
    return Seen(releases, reason, _fine("200 0 bytes", "upload: ok, 200, 7 bytes"))


def _no_handler(releases: str) -> Seen:
    server = releases.partition(" ")[0]
    reason = f"{server} has no handler for SIGTERM: it dies at once, and cuts off what it serves"
    return Seen(releases, reason, _CUT)


def _ends_as_if_whole(releases: str, reason: str) -> Seen:
    return Seen(releases, f"{reason}: the client cannot see the break", _fine("200 6 bytes", _LEFT_UNFINISHED))


_CUT = {"sent to the end": False, "report": "nothing"}
_UNREPORTED = {"report": "nothing"}
_ONE_EACH = {"connections": 10}
_MASTER_KILLS = Seen(
    "hypercorn 0.17–0.18",
    "hypercorn's master sends SIGTERM to the other workers when the first, an idle one, has ended",
    _CUT,
)
_NO_ATEXIT = "granian's workers leave without `atexit`: what is still unsent may be lost"
# Which of the two a client of daphne hears is a race, so the bare application's client may hear the other one.
_HEARD = ("HELLO, silence, 1000 ", "HELLO, 1011 ")


def _refused_code(heard: str, bare: str) -> Facts:
    report = f"talk: {INTERNAL_ERROR}, 101, 2 in, 1 out; Exception, unhandled"
    return {"server ends": {"heard": heard, "as bare": heard == bare or bare, "report": report}}


#: By server and scenario. Each entry stands alone: a release may show any of them, or none.
SEEN: dict[tuple[str, str], tuple[Seen, ...]] = {
    ("hypercorn (ASGI)", "websocket"): (
        Seen(
            "hypercorn 0.17–0.18",
            "hypercorn hands the application 1006 for whatever code the client closes with",
            {
                "client ends": {
                    **EXPECTED["websocket"]["client ends"],
                    "report": "talk: ok, 101, 1 in, 1 out, closed by the client with 1006",
                }
            },
        ),
    ),
    ("hypercorn (ASGI)", "lifespan fails"): (
        Seen(
            "hypercorn 0.17–0.18",
            "hypercorn raises an exception of its own out of `send`, with the application's in its message",
            {"errors": ["LifespanFailureError, unhandled"]},
        ),
    ),
    ("hypercorn (ASGI)", "graceful shutdown"): (_MASTER_KILLS,),
    ("hypercorn (WSGI)", "graceful shutdown"): (_MASTER_KILLS,),
    ("hypercorn (WSGI)", "chunked upload"): (_chunks_unread("hypercorn 0.17–0.18"),),
    ("hypercorn (WSGI)", "client leaves"): (
        Seen(
            "hypercorn 0.17–0.18",
            "hypercorn takes the whole response from a WSGI application, whether the client is still there or not",
            {"report": "endless: ok, 200, 16384000 bytes"},
        ),
    ),
    ("hypercorn (WSGI)", "HEAD"): (
        Seen(
            "hypercorn 0.18",
            "hypercorn sends no response head before the first part of a WSGI body, and HEAD has none: it answers 500",
            {"quiet": _fine("500 ", "nothing")},
        ),
    ),
    ("daphne", "break in mid-stream"): (
        Seen(
            "daphne 4.1–4.2",
            "daphne neither ends the response nor closes the connection",
            _fine("200 6 bytes, then silence", _LEFT_UNFINISHED),
        ),
    ),
    ("daphne", "websocket"): (
        Seen(
            "daphne 4.1–4.2 with autobahn 26",
            "autobahn, below daphne, lets a server close with 1000 or 3000 to 4999 only, and raises for any other code;"
            " daphne's own 1011, for the application that this takes down, is lost once a break in mid-stream has ended"
            " its checker",
            *(_refused_code(heard, bare) for heard in _HEARD for bare in _HEARD),
        ),
        Seen(
            "daphne 4.1–4.2 with autobahn 26",
            "autobahn confirms whatever code the client closes with by 1000",
            {"client ends": {**EXPECTED["websocket"]["client ends"], "heard": "HELLO, 1000 "}},
        ),
    ),
    ("daphne", "graceful shutdown"): (
        Seen(
            "daphne 4.1–4.2",
            "daphne cancels at SIGTERM what it serves, or ends at once where it meets an upgraded connection (KeyError)"
            " that its checker has not removed yet",
            _CUT,
            {**_CUT, "report": "held_stream: cancelled, 200, 2 bytes"},
        ),
    ),
    ("granian (ASGI)", "break in mid-stream"): (
        Seen(
            "granian 2.5–2.8.5",
            "granian neither ends an ASGI application's response nor closes the connection",
            _fine("200 6 bytes, then silence", _LEFT_UNFINISHED),
        ),
    ),
    ("granian (WSGI)", "graceful shutdown"): (Seen("granian 2.5–2.8", _NO_ATEXIT, _UNREPORTED),),
    ("granian (WSGI)", "chunked upload"): (_chunks_unread("granian 2.5–2.8.0"),),
    ("granian (WSGI)", "break in mid-stream"): (
        _ends_as_if_whole("granian 2.5–2.8.7", "granian ends the chunked response as if it were whole"),
    ),
    ("gunicorn, sync", "keep-alive"): (
        Seen("gunicorn 25–27", "gunicorn's sync workers close after each response", _ONE_EACH),
    ),
    ("uWSGI", "chunked upload"): (_chunks_unread("uWSGI 2.0.28–2.0.31"),),
    ("uWSGI", "break in mid-stream"): (
        _ends_as_if_whole("uWSGI 2.0.28–2.0.31", "uWSGI's http11-socket ends a body of unknown length by closing"),
    ),
    ("uWSGI", "100-continue"): (
        Seen("uWSGI 2.0.28–2.0.31", "uWSGI's http11-socket ignores Expect", {"interim response": False}),
    ),
    ("waitress", "graceful shutdown"): (_no_handler("waitress 3.0"),),
    ("cheroot", "graceful shutdown"): (_no_handler("cheroot 10–11"),),
    ("werkzeug", "keep-alive"): (Seen("werkzeug 3.1", "werkzeug's server closes after each response", _ONE_EACH),),
    ("werkzeug", "graceful shutdown"): (_no_handler("werkzeug 3.1"),),
    ("wsgiref", "chunked upload"): (_chunks_unread("wsgiref of Python 3.11"),),
    ("wsgiref", "break in mid-stream"): (
        _ends_as_if_whole(
            "wsgiref of Python 3.11", "wsgiref answers in HTTP/1.0, where a body ends with the connection"
        ),
    ),
    ("wsgiref", "100-continue"): (
        Seen("wsgiref of Python 3.11", "wsgiref speaks HTTP/1.0, which has no 100", {"interim response": False}),
    ),
    ("wsgiref", "keep-alive"): (Seen("wsgiref of Python 3.11", "wsgiref answers in HTTP/1.0 and closes", _ONE_EACH),),
    ("wsgiref", "graceful shutdown"): (_no_handler("wsgiref of Python 3.11"),),
}


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
    facts = EXPECTED[scenario]
    return {**facts, "processes": server.workers} if scenario == "workers" else facts


def allowed(server: Server, scenario: str) -> list[Facts]:
    """The facts that may be found: the expected ones first, then those with one or more of what was seen."""
    answers = [expected(server, scenario)]
    for seen in SEEN.get((server.name, scenario), ()):
        answers += [{**facts, **others} for others in seen.alternatives for facts in answers]
    return answers


def unlike(found: Facts, answers: list[Facts]) -> str:
    """What was found where it is not what the nearest answer has."""
    nearest = max(answers, key=lambda facts: sum(found.get(name) == value for name, value in facts.items()))
    return "; ".join(
        f"{name} is {found.get(name)!r} and not {value!r}"
        for name, value in nearest.items()
        if found.get(name) != value
    )


def not_shown(server: Server, scenario: str, found: Facts) -> list[Seen]:
    """What was seen of a server in a scenario but not this time: its release may have mended it."""
    return [
        seen
        for seen in SEEN.get((server.name, scenario), ())
        if not any(found.items() >= others.items() for others in seen.alternatives)
    ]


def misplaced() -> list[tuple[str, str]]:
    """Cells in ``SEEN`` that do not exist, or whose facts are the expected ones."""
    return [
        (name, scenario)
        for (name, scenario), each in SEEN.items()
        if name not in SERVERS
        or scenario not in EXPECTED
        or missing(SERVERS[name], scenario)
        or any(EXPECTED[scenario].items() >= others.items() for seen in each for others in seen.alternatives)
    ]
