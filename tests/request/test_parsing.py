"""``_request.parsing``: what a body is, whatever it is called."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._request import UploadedFile
from sentry_web._request.parsing import (
    MOST_BYTES,
    MOST_CONTAINERS,
    MOST_FIELDS,
    MOST_KEYS,
    MOST_VALUES,
    parse,
    parse_json,
)

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=frontier"
#: How JSON is called: by its names, by others, and not at all.
LABELS = ["application/json", "text/json", "application/problem+json", FORM, "text/plain; charset=UTF-8", "", ";;;="]


def multipart(*parts: tuple[str, str], end: str = "--frontier--\r\n", newline: str = "\r\n") -> bytes:
    """A body of parts, each given by its disposition's parameters and its content."""
    text = "".join(
        f"--frontier\r\nContent-Disposition: form-data; {parameters}\r\n\r\n{content}\r\n"
        for parameters, content in parts
    )
    return (text + end).replace("\r\n", newline).encode()


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, null]}', {"a": [1, None]}),
        (b" \r\n[1]\n", [1]),
        ('{"ü": "ß"}'.encode(), {"ü": "ß"}),
        ('{"ü": 1}'.encode("utf-8-sig"), {"ü": 1}),
        ('{"ü": 1}'.encode("utf-16"), {"ü": 1}),
        ('{"ü": 1}'.encode("utf-16-be"), {"ü": 1}),
        ('{"ü": 1}'.encode("utf-32"), {"ü": 1}),
        ('{"ü": 1}'.encode("latin-1"), {"ü": 1}),
        (b'{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),  # NDJSON
        (b'\x1e{"a": 1}\n\x1e{"a": 2}\n', [{"a": 1}, {"a": 2}]),  # RFC 7464
        (b'{"a": 1}{"a": 2}', [{"a": 1}, {"a": 2}]),
        (b'{"a": 1, "a": 2}', {"a": [1, 2]}),  # both are in the text
    ],
)
def test_json_is_understood_whatever_it_is_called(label: str, data: bytes, value: Any) -> None:
    for packed in (data, gzip.compress(data, mtime=0), zlib.compress(data)):
        parsed = parse(label, packed)
        assert (parsed.kind, parsed.value, parsed.too_large) == ("json", value, False)


@pytest.mark.parametrize("data", [b'"text"', b"12345678", b"null", b"true"])
def test_a_single_value_is_json_where_it_is_called_so(data: bytes) -> None:
    assert parse("text/plain", data).kind == "raw"
    assert parse("Application/JSON; charset=utf-8", data).kind == ("raw" if data == b"null" else "json")


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"a=1&b=x+y%26z", {"a": "1", "b": "x y&z"}),
        (b"a=1&a=2&a=", {"a": ["1", "2", ""]}),
        (b"a&b=1", {"a": "", "b": "1"}),
        (b"name=J%F6rg", {"name": "Jörg"}),  # latin-1 in a form that must be UTF-8 (WHATWG URL, 5.1)
        ("name=Jörg".encode("latin-1"), {"name": "Jörg"}),
        ("name=Jörg".encode(), {"name": "Jörg"}),
        (b"", {}),
        (b"&&=", {"": ""}),
        (b"user[address][0]=1", {"user[address][0]": "1"}),
    ],
)
def test_forms_are_understood(data: bytes, value: Any) -> None:
    parsed = parse(FORM + "; charset=utf-8", data)
    assert (parsed.kind, parsed.value) == ("form", value)


@pytest.mark.parametrize("label", ["", "text/plain", ";;;=", "application/octet-stream"])
def test_a_form_by_another_name_is_one(label: str) -> None:
    assert parse(label, b"user=maria&password=x+y").value == {"user": "maria", "password": "x y"}
    assert parse(label, b"a=1 and b").kind == "raw"


@pytest.mark.parametrize(
    "data",
    [
        b"hunter2-secret",
        b'{"password": "hunter2-secret"',
        b'{"password": "hunter2=secret"',
        b"<password>hunter2</password>=",
        b"x" * 101 + b"=1",
        b"https://me:hunter2@shop.example/?a=b",
    ],
)
def test_content_that_is_called_a_form_is_not_taken_for_names(data: bytes) -> None:
    assert parse(FORM, data).kind == "raw"


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
@pytest.mark.parametrize("label", [MULTIPART, "", FORM, "multipart/form-data"])
def test_multipart_is_understood_and_files_are_known_by_all_but_their_content(label: str, newline: str) -> None:
    data = multipart(
        ('name="title"', "Röd"),
        ('name="tag"', "a"),
        ('name="tag"', "b"),
        ('name="photo"; filename="me.png"\r\nContent-Type: image/png', "x" * 10_000),
        ('name="empty"; filename=""', ""),
        ("name=bare;\tfilename*=UTF-8''%C3%A4.txt", "y"),
        ('name="a\\"b"', "a --frontier"),
        ('name="blob"\r\nContent-Type: application/octet-stream', "z"),
        ('name="json"\r\nContent-Type: application/json', "{}"),
        newline=newline,
    )
    parsed = parse(label, data)
    assert parsed.kind == "multipart"
    assert {name: parsed.value[name] for name in ("title", "tag")} == {"title": "Röd", "tag": ["a", "b"]}
    assert parsed.value['a"b'] == "a --frontier"
    assert parsed.value["json"] == "{}"
    photo, bare, blob = (parsed.value[name] for name in ("photo", "bare", "blob"))
    assert (photo.filename, photo.content_type, photo.size, photo.beginning) == (
        "me.png",
        "image/png",
        10_000,
        b"x" * 65,
    )
    assert (bare.filename, blob.filename) == ("ä.txt", "")
    assert isinstance(parsed.value["empty"], UploadedFile)


def test_more_than_a_thousand_parts_are_understood() -> None:
    data = multipart(*((f'name="f{number}"', str(number)) for number in range(1_400)))
    assert len(parse(MULTIPART, data).value) == 1_400


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("text/plain", b"hello"),
        ("application/octet-stream", b"\x00"),
        ("application/json", b""),
        ("application/json", b'{"a": '),
        ("application/json", b"{'a': 1}"),
        ("application/json", b"\xff\xfe\xfa"),
        ("application/json", b'{"a": 1} and more'),
        ("multipart/form-data; boundary=other", multipart(('name="a"', "1"))),
        ("multipart/form-data", b"x"),
        (MULTIPART, multipart(('name="a"', "1"), end="")),
        (MULTIPART, multipart(('filename="a"', "1"))),
        (MULTIPART, multipart(('name="a"' + " " * 5_000, "1"))),
        (MULTIPART, b"--frontier\r\nno headers\r\n--frontier--"),
        (MULTIPART, b""),
        (MULTIPART, b"nonsense"),
        ("application/json", gzip.compress(b'{"a": "' + bytes(range(97, 123)) + b'"}', mtime=0)[:-20]),
        ("", b"x\x9cno zlib"),
        ("", b"--frontier\nno multipart"),
    ],
)
def test_what_is_neither_or_malformed_is_raw(content_type: str, data: bytes) -> None:
    parsed = parse(content_type, data)
    assert (parsed.kind, parsed.value, parsed.too_large) == ("raw", None, False)


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("application/json", json.dumps([1] * (MOST_VALUES + 2)).encode()),
        ("application/json", json.dumps(dict.fromkeys(map(str, range(MOST_KEYS + 1)))).encode()),
        ("application/json", json.dumps([[]] * MOST_CONTAINERS).encode()),
        ("application/json", json.dumps([{}] * (MOST_CONTAINERS // 2)).encode()),
        ("application/json", json.dumps(dict.fromkeys(f"{number:0100}" for number in range(170))).encode()),
        ("application/json", b"[" * 100_000 + b"]" * 100_000),
        ("", b'{"a": 1}\n' * (MOST_FIELDS + 1)),
        (FORM, b"a=1&" * (MOST_FIELDS + 1)),
        (FORM, urlencode([(f"f{number}", 1) for number in range(MOST_KEYS + 1)]).encode()),
        (MULTIPART, multipart(*[('name="a"', "1")] * (MOST_FIELDS + 1))),
        ("application/json", gzip.compress(b"[1]" + b" " * MOST_BYTES, mtime=0)),
        ("application/json", gzip.compress(b"[1]", mtime=0) * 2),
        ("application/json", zlib.compress(b"1" * 10**7)),
        ("application/json", b"\x28\xb5\x2f\xfd" + b"zstd"),
    ],
)
def test_what_is_beyond_a_bound_is_too_large(content_type: str, data: bytes) -> None:
    parsed = parse(content_type, data)
    assert (parsed.kind, parsed.value, parsed.too_large) == ("raw", None, True)


def test_what_is_within_the_bounds_is_understood() -> None:
    assert len(parse("", json.dumps([1] * MOST_VALUES).encode()).value) == MOST_VALUES
    assert len(parse("", json.dumps([[]] * (MOST_CONTAINERS - 1)).encode()).value) == MOST_CONTAINERS - 1
    assert len(parse("", json.dumps(dict.fromkeys(map(str, range(MOST_KEYS)))).encode()).value) == MOST_KEYS
    assert (
        len(parse(FORM, urlencode([(f"f{number}", 1) for number in range(MOST_FIELDS)]).encode()).value) == MOST_FIELDS
    )
    assert parse("", gzip.compress(b"[1]" + b" " * MOST_BYTES, mtime=0), 10**6).value == [1]


@pytest.mark.parametrize("data", [b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"[" * 10_000 + b"]" * 10_000])
def test_json_nested_ten_thousand_deep_is_parsed_or_raw_but_never_raises(data: bytes) -> None:
    assert parse("application/json", data).kind in ("raw", "json")


@given(st.text(max_size=60), st.binary(max_size=200))
def test_no_body_of_any_type_raises(content_type: str, data: bytes) -> None:
    for media_type in (content_type, "application/json", FORM, MULTIPART):
        for packed in (data, gzip.compress(data, mtime=0), b"--" + data, b"{" + data):
            assert parse(media_type, packed).kind in ("raw", "json", "form", "multipart")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(
    st.lists(st.dictionaries(st.text(max_size=3), values, max_size=3), min_size=2, max_size=4), st.sampled_from(LABELS)
)
def test_lines_of_json_are_the_objects_that_were_written(objects: list[Any], label: str) -> None:
    assert parse(label, "\n".join(map(json.dumps, objects)).encode()).value == objects


@given(values)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value


names = st.text("abc[]_-.", min_size=1, max_size=6)
texts = st.text(st.characters(codec="utf-8"), max_size=20).filter(lambda text: "--frontier" not in text)


@given(st.dictionaries(names, texts, min_size=1, max_size=4))
def test_fields_are_read_as_they_were_written(fields: dict[str, str]) -> None:
    assert parse(FORM, urlencode(fields).encode()).value == fields
    parts = [(f'name="{name}"', value.replace("\r", "").replace("\n", "")) for name, value in fields.items()]
    assert list(parse(MULTIPART, multipart(*parts)).value.values()) == [value for _, value in parts]
