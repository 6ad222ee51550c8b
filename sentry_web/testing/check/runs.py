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
        "spans": [[span["description"] for span in root.get("spans", ())] for root in events.roots],
        "streamed": sorted(span.name for span in events.spans),
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
