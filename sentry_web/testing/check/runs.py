"""The code that is run for each property, as Python source: executed to find faults, and printed to show them.

It uses the names of ``sentry_web.testing``; the example's values (see ``cases``); ``wrap``, the middleware under test,
or ``app``, the application; and ``sdk``, options for sentry-sdk. Each text must be understandable by itself, in a
report about a reader's own middleware.
"""

from __future__ import annotations

TWO_RUNS = """
with recording(**sdk):
    bare = driver.run(script, request)
    wrapped = driver.run(script, request, wrap)
"""

# The server drops a key from its own dict and passes that on, so that own_scope is still meaningful.
_SPARSE = """
def forgetful(inner):
    def server({given}, *rest):
        {given}.pop(missing, None)
        return inner({given}, *rest)
    return server

server = Wrap({protocol}=forgetful)
with recording(**sdk):
    bare = driver.run(script, wrap=server)
    wrapped = driver.run(script, wrap=server.around(wrap))
"""
SPARSE = {
    "wsgi": _SPARSE.format(given="environ", protocol="wsgi"),
    "asgi": _SPARSE.format(given="scope", protocol="asgi"),
}

_REPORTED = """
with recording(**sdk) as events:
    driver.run(script, request, {wrap})
roots = events.roots
"""
REPORTED = _REPORTED.format(wrap="wrap")
REPORTED_TWICE = _REPORTED.format(wrap="wrap.around(wrap)")

_GENERATOR = """
def lazy(inner):
    def app(environ, start_response):
        yield from inner(environ, start_response)
    return app

between = Wrap(wsgi=lazy)
"""
REPORTED_AROUND_GENERATOR = _GENERATOR + _REPORTED.format(wrap="wrap.around(between).around(wrap)")

ITERATED = """
with recording(**sdk):
    straight = driver.run(script, wrap=wrap)
    peeked = driver.run(replace(script, peer=Peer(peeks=True)), wrap=wrap)
"""
ITERATED_IMPORTS = ("from dataclasses import replace",)

# Between the middleware and the application, as another middleware would be.
_WITHIN = {
    "wsgi": """
def layer(inner):
    def app(environ, start_response):
        {statement}
        return inner({argument}, start_response)
    return app

between = Wrap(wsgi=layer)
""",
    "asgi": """
def layer(inner):
    async def app(scope, receive, send):
        {statement}
        await inner({argument}, receive, send)
    return app

between = Wrap(asgi=layer)
""",
}
_GIVEN = {"wsgi": "environ", "asgi": "scope"}
_PASSED_ON = """
with recording(**sdk) as events:
    bare = driver.run(script, request, between)
    wrapped = driver.run(script, request, wrap.around(between))
roots = events.roots
"""

#: By what an application does with the environ or scope: the argument that it hands on, and the imports.
COPIES = {
    "copied": ("dict({given})", ()),
    "deep-copied": ("copy.deepcopy({given})", ("import copy",)),
    "pickled": ("pickle.loads(pickle.dumps({given}))", ("import pickle",)),
    "printed as JSON": ("json.dumps({given}, default=str) and {given}", ("import json",)),
    "rewritten": ("{{**{given}, {root!r}: '/mounted'}}", ()),
}
_ROOT = {"wsgi": "SCRIPT_NAME", "asgi": "root_path"}


def within(protocol: str, argument: str, statement: str = "") -> str:
    """Return the source of ``between``, a layer inside the middleware.

    Args:
        protocol: ``wsgi`` or ``asgi``.
        argument: What it passes on, with ``{given}`` for the environ or scope.
        statement: What it does before, likewise.
    """
    names = {"given": _GIVEN[protocol], "root": _ROOT[protocol]}
    source = _WITHIN[protocol].format(statement=statement.format(**names), argument=argument.format(**names))
    return "\n".join(line for line in source.split("\n") if line.strip() or not line)


def copied(protocol: str, argument: str) -> str:
    """Return the run in which an application passes on something made of the environ or scope."""
    return within(protocol, argument) + _PASSED_ON


def copied_between(protocol: str) -> str:
    """Return the run in which it is copied between two middlewares."""
    return within(protocol, COPIES["deep-copied"][0]) + _REPORTED.format(wrap="wrap.around(between).around(wrap)")


_RAISING = """
class Odd:
    def __getattr__(self, name):
        raise LookupError(name)
"""
_LEFT_BY_FRAMEWORKS = {
    "wsgi": "{given}['bottle.route'] = {given}['werkzeug.request'] = {given}['wsgiorg.routing_args'] = Odd()",
    "asgi": "{given}['route'] = {given}['endpoint'] = Odd()",
}


def odd_objects(protocol: str) -> str:
    """Return the run in which an application leaves objects, where frameworks do, that raise when they are read."""
    return _RAISING + within(protocol, "{given}", _LEFT_BY_FRAMEWORKS[protocol]) + _PASSED_ON


_TOUCH = """
untouchable = []

def touch(event, hint):
    request = event.get("request", {})
    texts = [request.get("url"), request.get("query_string"), *request.get("headers", {}).values()]
    untouchable.extend(text for text in texts if text is not None and not isinstance(text, str))
    return event
"""


def touched(protocol: str) -> str:
    """Return the run in which a processor of the application looks at the request of each event."""
    adding = "sentry_sdk.get_isolation_scope().add_event_processor(touch)"
    return _TOUCH + within(protocol, "{given}", adding) + _REPORTED.format(wrap="wrap.around(between)")


TOUCHED_IMPORTS = ("import sentry_sdk",)

SOCKET = """
with recording(**sdk) as events:
    driver.run_websocket(script, wrap=wrap)
roots = events.roots
"""

SIGNALLED = """
def layer(inner):
    def app(environ, start_response):
        raise signal
    return app

request = RequestSpec(headers=(("Connection", "Upgrade"), ("Upgrade", "websocket")))
with recording(**sdk) as events:
    driver.run(Script(), request, wrap.around(Wrap(wsgi=layer)))
roots = events.roots
"""

# asyncio runs the next request of a connection in the context in which the last one has paused or resumed reading.
KEPT = """
requests = [(first, RequestSpec("POST", path="/first", body=(b"body",))), (second, RequestSpec(path="/second"))]
with recording(**sdk) as events:
    driver.run_connection(requests, wrap, leak)
inherited = [event for event in events if {"first", "second"} <= set(event.tags)]
traces = [root.trace.get("trace_id") for root in events.roots]
"""

_KEPT_SPANS = """
seen = []
{layer}
parent = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
requests = [RequestSpec(path="/first", headers=(parent,)), RequestSpec(path="/second")]
driver.run_connection([(script, request) for request in requests], wrap.around(between), leak)
"""


def kept_spans(protocol: str) -> str:
    """Return the run in which an application looks at OpenTelemetry's current trace, which needs only its API."""
    looking = "seen.append(trace.get_current_span().get_span_context().trace_id)"
    return _KEPT_SPANS.format(layer=within(protocol, "{given}", looking))


KEPT_SPANS_IMPORTS = ("from opentelemetry import trace",)

TIMED = """
def when(time):
    return datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()

with recording(**sdk) as events:
    driver.run(script, wrap=wrap)
requests = [root for root in events.transactions if str(root.trace.get("op")).endswith(".server")]
seconds = [when(root["timestamp"]) - when(root["start_timestamp"]) for root in requests]
segments = [root for root in events.segments if str(root.attributes.get("sentry.op")).endswith(".server")]
seconds += [root["end_timestamp"] - root["start_timestamp"] for root in segments]
"""
TIMED_IMPORTS = ("from datetime import datetime",)

NAMED = """
with recording(**sdk) as events:
    driver.run(Script((StartResponse(),)), request, wrap)
    driver.run(Script((StartResponse(),)), other, wrap)
names = [root.name for root in events.roots]
"""

SECRETIVE = """
with recording(**sdk) as events:
    driver.run(script, request, wrap)
frames = str([event["exception"] for event in events.errors])
others = str([[value for key, value in event.payload.items() if key != "exception"] for event in events])
"""

INTERLEAVED = """
with recording(**sdk) as events:
    driver.run_interleaved([(first, RequestSpec(path="/first")), (second, RequestSpec(path="/second"))], wrap)
both_tags = [event for event in events if {"first", "second"} <= set(event.tags)]
strayed = [event for event in events.of(RequestSpec(path="/first")) if "second" in event.tags]
strayed += [event for event in events.of(RequestSpec(path="/second")) if "first" in event.tags]
"""

PARALLEL = """
def facts(driver):
    with recording(**sdk) as events:
        driver.run(script, request, wrap)
    reports = events.errors + events.roots
    requests = [report.get("request") or {} for report in reports]
    return {
        "errors": [error.exception for error in events.errors],
        "messages": [message.message for message in events.messages],
        "names": sorted({str(root.name) for root in events.roots}),
        "status": [root.status for root in events.roots],
        "tags": [{key: tag for key, tag in report.tags.items() if key != "protocol"} for report in events],
        "spans": sorted(str(child.name) for child in events.children),
        "url": [found.get("url") for found in requests],
        "query": [found.get("query_string") for found in requests],
        "headers": [{key.lower(): text for key, text in found.get("headers", {}).items()} for found in requests],
        "user": [(report.get("user") or {}).get("ip_address") for report in reports],
        "peer": [found.get("env", {}).get("REMOTE_ADDR") for found in requests],
    }

wsgi, asgi = facts(WSGI), facts(ASGI3)
"""

APPLICATION = """
with recording(**sdk):
    bare = driver.run_app(app, request)
    again = driver.run_app(app, request)
    wrapped = driver.run_app(app, request, Wrap.ours())
"""

PROTOCOL = """
with recording(**sdk):
    seen = driver.run_app(app, request)
"""
