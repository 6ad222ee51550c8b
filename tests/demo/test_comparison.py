from __future__ import annotations

import pytest

from sentry_web.demo.comparison import ABSENT, IGNORED, Difference, differences


def test_every_ignored_field_has_a_reason():
    assert all(IGNORED.values())


@pytest.mark.parametrize("path", sorted(IGNORED), ids=".".join)
def test_ignored_fields_do_not_count(path):
    def document(value: str) -> dict:
        for key in reversed(path):
            value = [value] if key == "*" else {key: value}
        return value

    assert differences(document("a"), document("b")) == []


def test_other_fields_count():
    wsgi = {"transaction": "a", "tags": {"x": 1}, "spans": [{"op": "db"}]}
    asgi = {"transaction": "b", "tags": {"x": 1}, "extra": {}}
    assert differences(wsgi, asgi, "3. ") == [
        Difference("3. extra", ABSENT, "{}"),
        Difference("3. spans.0.op", "'db'", ABSENT),
        Difference("3. transaction", "'a'", "'b'"),
    ]


def test_a_longer_path_is_not_ignored():
    assert differences({"timestamp": {"a": 1}}, {"timestamp": {"a": 2}}) == []
    assert len(differences({"extra": {"timestamp": 1}}, {"extra": {"timestamp": 2}})) == 1


def test_names_of_headers_are_compared_without_case():
    assert differences({"request": {"headers": {"Host": "a"}}}, {"request": {"headers": {"host": "a"}}}) == []
    assert len(differences({"tags": {"Host": "a"}}, {"tags": {"host": "a"}})) == 2


def test_only_the_applications_own_frames_count():
    shop = {"function": "book", "in_app": True}
    wsgi = {"frames": [{"function": "werkzeug", "in_app": False}, {"function": "flask"}, shop]}
    asgi = {"frames": [{"function": "uvicorn", "in_app": False}, shop]}
    assert differences(wsgi, asgi) == []
    assert len(differences(wsgi, {"frames": [{**shop, "function": "shelf"}]})) == 1


def test_only_exceptions_with_a_frame_of_the_application_count():
    own = {"type": "KeyError", "stacktrace": {"frames": [{"function": "book", "in_app": True}]}}
    group = {"type": "ExceptionGroup", "stacktrace": {"frames": [{"function": "anyio"}]}}
    bare = {"type": "ValueError"}
    assert differences({"values": [own]}, {"values": [group, bare, own]}) == []
    # Where none has one, all count.
    assert differences({"values": [bare]}, {"values": [{"type": "OSError"}]}) == [
        Difference("values.0.type", "'ValueError'", "'OSError'")
    ]


def test_documents_may_be_values():
    assert differences([1], [1]) == []
    assert differences(1, 2, "number") == [Difference("number", "1", "2")]
