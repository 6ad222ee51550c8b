from __future__ import annotations

from sentry_web.cli.readings import SpanReading, read_error, read_segment, read_transaction

REQUEST = {
    "method": "POST",
    "url": "http://bookshop.example/orders",
    "query_string": "a=1&token=%5BFiltered%5D&pin=[Filtered]",
    "headers": {"Authorization": "[Filtered]", "Host": "bookshop.example"},
    "cookies": {"session": "[Filtered]", "theme": "dark"},
    "data": {"password": "[Filtered]", "book": 2},
}
FILTERED = ("?pin", "?token", "authorization", "body.password", "cookie session")


def test_a_transaction():
    reading = read_transaction(
        {
            "transaction": "shop.order",
            "transaction_info": {"source": "component"},
            "tags": {"protocol": "wsgi"},
            "start_timestamp": "2026-11-21T10:00:00.250000Z",
            "timestamp": "2026-11-21T10:00:01.500000Z",
            "contexts": {
                "trace": {
                    "op": "http.server",
                    "status": "ok",
                    "trace_id": "t",
                    "data": {"http.response.status_code": 201},
                }
            },
            "request": REQUEST,
            "spans": [{"op": "db", "description": "SELECT", "start_timestamp": 1.0, "timestamp": 3.5}, {}],
        }
    )
    assert reading.kind == "transaction"
    assert (reading.name, reading.source, reading.op, reading.protocol) == (
        "shop.order",
        "component",
        "http.server",
        "wsgi",
    )
    assert (reading.method, reading.path, reading.status, reading.status_code) == ("POST", "/orders", "ok", 201)
    assert reading.seconds == 1.25
    assert reading.filtered == FILTERED
    assert reading.spans == (SpanReading("db", "SELECT", 2.5), SpanReading("", "", None))
    assert reading.trace_id == "t"


def test_the_status_code_of_the_response_context():
    assert read_transaction({"contexts": {"response": {"status_code": 404}}}).status_code == 404


def test_a_segment():
    def attribute(value: object) -> dict:
        return {"type": "string", "value": value}

    reading = read_segment(
        {
            "name": "shop.order",
            "status": "error",
            "trace_id": "t",
            "start_timestamp": 1.0,
            "end_timestamp": 1.5,
            "attributes": {
                "sentry.op": attribute("http.server"),
                "sentry.segment.name.source": attribute("component"),
                "http.request.method": attribute("POST"),
                "http.response.status_code": attribute(500),
                "url.path": attribute("/orders"),
                "url.query": attribute("token=[Filtered]"),
            },
        },
        [{"name": "SELECT", "attributes": {"sentry.op": attribute("db")}}],
    )
    assert (reading.kind, reading.name, reading.source) == ("segment", "shop.order", "component")
    assert reading.op == "http.server"
    assert (reading.method, reading.path, reading.status, reading.status_code) == ("POST", "/orders", "error", 500)
    assert reading.seconds == 0.5
    assert reading.filtered == ("url.query",)
    assert reading.spans == (SpanReading("db", "SELECT", None),)


def test_an_error():
    frames = [
        {"filename": "front.py", "lineno": 5, "function": "page", "in_app": True, "context_line": "    order(1)"},
        {"filename": "shop.py", "lineno": 1, "function": "order", "in_app": True},
        {"filename": "json.py", "lineno": 2, "function": "loads", "in_app": False},
    ]
    reading = read_error(
        {
            "exception": {
                "values": [
                    {"type": "KeyError", "value": "'a'"},
                    {"type": "ValueError", "value": "b", "stacktrace": {"frames": frames}},
                ]
            },
            "transaction": "shop.order",
            "request": REQUEST,
            "contexts": {"trace": {"trace_id": "t"}},
        }
    )
    assert (reading.type, reading.value, reading.frame) == ("ValueError", "b", "shop.py:1 order")
    assert reading.frames == (("shop.py:1 order", ""), ("front.py:5 page", "order(1)"))
    assert (reading.name, reading.method, reading.path) == ("shop.order", "POST", "/orders")
    assert (reading.filtered, reading.trace_id) == (FILTERED, "t")


def test_the_innermost_frame_where_none_is_the_applications():
    stacktrace = {"frames": [{"function": "a"}, {"function": "b"}]}
    assert read_error({"exception": {"values": [{"stacktrace": stacktrace}]}}).frame == "?:? b"


def test_of_a_deep_stack_the_innermost_frames_are_shown():
    frames = [{"filename": "a.py", "lineno": number, "function": "f", "in_app": True} for number in range(9)]
    reading = read_error({"exception": {"values": [{"stacktrace": {"frames": frames}}]}})
    assert [frame.place for frame in reading.frames] == [f"a.py:{number} f" for number in (8, 7, 6, 5, 4)]


def test_messages():
    reading = read_error({"level": "warning", "logentry": {"message": "low on paper"}})
    assert (reading.type, reading.value, reading.frame) == ("warning", "low on paper", "")
    assert read_error({"level": "info", "message": "hello"}).value == "hello"


def test_what_is_missing_is_empty():
    assert read_transaction({"request": {"data": "not a mapping"}}).filtered == ()
    assert read_transaction({}).seconds is None
    assert read_segment({}, []).status_code is None
    assert read_error({}).value == ""
