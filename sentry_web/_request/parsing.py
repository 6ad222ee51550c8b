"""A body, parsed by what it is, not only by what it is called: JSON, forms, multipart, also compressed.

``curl -d`` calls JSON a form, AWS SNS calls it ``text/plain``, and many clients call it nothing at all. All parsing is
linear in the size of the body, and bounded: a body beyond a bound is reported as too large to be searched.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from .percent import unquote_to_bytes
from .request import BEGINNING, Parsed, UploadedFile

#: Maximum number of values in a body.
MOST_VALUES = 20_000
#: Maximum number of arrays in it; an object counts as two.
MOST_CONTAINERS = 5_000
#: Maximum number of fields of a form, of parts of multipart, and of lines of NDJSON.
MOST_FIELDS = 1_500
#: Maximum number of different keys in a body, and of the characters of all of them.
MOST_KEYS, MOST_KEY_CHARACTERS = 1_500, 16 * 1024
#: Fewer keys, none of them longer than a name, are within both.
_FEW_KEYS = 150
#: Maximum size of a body once it is decompressed, unless the caller allows more.
MOST_BYTES = 64 * 1024

_JSON_TYPES = frozenset(("application/json", "text/json", "application/x-json", "application/x-ndjson"))
#: Bytes with which JSON begins: an object, an array, a record separator (RFC 7464), or a mark or zero of UTF-16 or -32.
_JSON_BEGINS = frozenset(b"{[\x1e\xef\xfe\xff\x00")
_BLANKS = re.compile("[ \t\r\n,\x1e\ufeff]*")
_FORM = "application/x-www-form-urlencoded"
#: The beginning of a form that is called something else; and what no form contains, since it is encoded.
_FORM_BEGINS = re.compile(rb"[\w.\-%+\[\]]{1,64}=")
_NOT_IN_FORMS = re.compile(rb"[\s<>{}\"\x00-\x1f]")
#: What no name contains, but content that is taken for a form does.
_NOT_IN_NAMES = re.compile(r"[{}<>\"\\\x00-\x1f\x7f]|://")
_LONGEST_NAME = 100
#: RFC 2183, 2: a parameter of a disposition. Each alternative starts on a different character.
_PARAMETER = re.compile(r';\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]*))')
#: Maximum size of the headers of a part.
_LONGEST_HEAD = 4 * 1024
_ZSTD = b"\x28\xb5\x2f\xfd"


class TooLargeError(ValueError):
    """A body is beyond a bound, so that it cannot be searched for secrets."""


def parse(content_type: str, data: bytes, most_bytes: int = MOST_BYTES) -> Parsed:
    """Return a parsed body; kind ``"raw"`` for one that is neither JSON nor a form, or malformed.

    Args:
        content_type: The value of its header, which may be wrong or missing.
        data: The body.
        most_bytes: Maximum size of the body once it is decompressed.
    """
    from werkzeug.http import parse_options_header

    media_type, parameters = parse_options_header(content_type)
    try:
        return _parse(media_type.lower(), parameters, _decompress(data, most_bytes))
    except (TooLargeError, RecursionError):  # the second: nested too deep
        return Parsed("raw", too_large=True)
    except ValueError:  # malformed
        return Parsed("raw")


def _parse(media_type: str, parameters: dict[str, str], data: bytes) -> Parsed:
    is_json = media_type in _JSON_TYPES or media_type.endswith("+json")
    first = data.lstrip(b" \t\r\n")[:1]
    if is_json or (first and first[0] in _JSON_BEGINS):
        try:
            value = parse_json(_text_of_json(data))
        except TooLargeError:
            raise
        except ValueError:
            value = None
        if isinstance(value, (dict, list)) or (is_json and value is not None):
            return Parsed("json", value)
    is_multipart = media_type == "multipart/form-data"
    boundary = (parameters.get("boundary") if is_multipart else None) or _boundary_of(data)
    if boundary or is_multipart:
        return Parsed("multipart", _multipart(data, boundary.encode("latin-1", "replace")))
    if media_type == _FORM or (_FORM_BEGINS.match(data) and not _NOT_IN_FORMS.search(data)):
        return Parsed("form", _form(data))
    raise ValueError("neither JSON nor a form")


def _decompress(data: bytes, most_bytes: int) -> bytes:
    """Return the content of gzip and zlib ("deflate"; RFC 9110, 8.4.1), and anything else as it is."""
    if data.startswith(_ZSTD):
        raise TooLargeError("zstd is not decompressed")
    is_gzip = data[:2] == b"\x1f\x8b"
    if not is_gzip and not (len(data) > 2 and data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0):
        return data
    decompressor = zlib.decompressobj(47)  # either header
    try:
        content = decompressor.decompress(data, most_bytes + 1)
    except zlib.error:
        return data
    if len(content) > most_bytes or decompressor.unconsumed_tail or decompressor.unused_data:
        raise TooLargeError("more than is searched")
    return content


def _text_of_json(data: bytes) -> str:
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        return data.decode("latin-1")


def parse_json(text: str) -> Any:
    """Return a JSON text, or several as a list: one to a line, or one behind the other (RFC 7464).

    Raises:
        TooLargeError: It has too many values or keys.
        ValueError: It is malformed.
        RecursionError: It is nested too deep.
    """
    if text.count(",") + text.count(":") > MOST_VALUES:
        raise TooLargeError("too many values")
    if text.count("[") + 2 * text.count("{") > MOST_CONTAINERS:
        raise TooLargeError("too many containers")
    keys: set[str] = set()
    decoder = _decoder if text.count(":") <= _FEW_KEYS else _decoder_that_collects(keys)
    values, position, end = [], 0, len(text)
    while (position := _end_of_blanks(text, position)) < end:
        value, position = decoder.raw_decode(text, position)
        values.append(value)
        if len(values) > 1 and not isinstance(value, (dict, list)):
            raise ValueError("not a sequence of objects")
        if len(values) > MOST_FIELDS:
            raise TooLargeError("too many lines")
    if not values:
        raise ValueError("empty")
    _check_number(keys)
    return values[0] if len(values) == 1 else values


def _end_of_blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return position if match is None else match.end()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; the values of a repeated key in a list, since all of them are in the body's text."""
    known = dict(pairs)
    return known if len(known) == len(pairs) else _fields(pairs)


_decoder = json.JSONDecoder(object_pairs_hook=_object)


def _decoder_that_collects(keys: set[str]) -> json.JSONDecoder:
    """Return a decoder that adds the keys of all objects to a set."""

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        known = _object(pairs)
        keys.update(known)
        return known

    return json.JSONDecoder(object_pairs_hook=collect)


def _check_number(keys: set[str]) -> None:
    if len(keys) > MOST_KEYS or sum(map(len, keys)) > MOST_KEY_CHARACTERS:
        raise TooLargeError("too many keys")


def _form(data: bytes) -> dict[str, Any]:
    """Return the fields of a form. It must be UTF-8 (WHATWG URL, 5.1), but old pages send latin-1."""
    if b"=" not in data and data:
        raise ValueError("a form without a value")
    if data.count(b"&") > MOST_FIELDS:
        raise TooLargeError("too many fields")
    decode = _unquote if b"%" in data or b"+" in data else _decode
    pairs = [
        (decode(name), decode(value)) for part in data.split(b"&") if part for name, _, value in [part.partition(b"=")]
    ]
    if any(len(name) > _LONGEST_NAME or _NOT_IN_NAMES.search(name) for name, _ in pairs):
        raise ValueError("names that are none: it is something else")
    return _fields(pairs)


def _unquote(value: bytes) -> str:
    return _decode(unquote_to_bytes(value.replace(b"+", b" ")))


def _decode(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _boundary_of(data: bytes) -> str:
    """Return the boundary with which a body begins, if it is multipart, whatever it is called; else nothing."""
    if not data.startswith(b"--"):
        return ""
    line, _, rest = data[: 4 * 1024].partition(b"\n")
    return line[2:].strip().decode("latin-1") if b"content-disposition" in rest.lower() else ""


def _multipart(data: bytes, boundary: bytes) -> dict[str, Any]:
    """Return fields and files of multipart/form-data (RFC 7578).

    Raises:
        TooLargeError: It has too many parts or names.
        ValueError: It is truncated or malformed.
    """
    newline = b"\r\n" if b"\r\n" in data[: 4 * 1024] else b"\n"
    _, *parts = (newline + data).split(newline + b"--" + boundary, MOST_FIELDS + 2) if boundary else [b""]
    if len(parts) > MOST_FIELDS:
        raise TooLargeError("too many parts")
    if not parts or not parts.pop().startswith(b"--"):
        raise ValueError("truncated")
    return _fields(_field(part.lstrip(b" \t"), newline) for part in parts)


def _field(part: bytes, newline: bytes) -> tuple[str, Any]:
    head, separator, content = part.partition(newline * 2)
    if not separator or not head.startswith(newline) or len(head) > _LONGEST_HEAD:
        raise ValueError("a part without headers, or with too many")
    headers = dict(_headers(_decode(head)))
    parameters = dict(_parameters(headers.get("content-disposition", "")))
    if "name" not in parameters:
        raise ValueError("a part without a name")
    name, filename, kind = parameters["name"], parameters.get("filename"), headers.get("content-type", "")
    if filename is None and (not kind or kind.lower().startswith(("text/", "application/json"))):
        return name, _decode(content)
    return name, UploadedFile(filename or "", kind.partition(";")[0].strip(), len(content), content[: BEGINNING + 1])


def _headers(head: str) -> Iterator[tuple[str, str]]:
    for line in head.split("\n"):
        name, _, value = line.partition(":")
        yield name.strip().lower(), value.strip()


def _parameters(disposition: str) -> Iterator[tuple[str, str]]:
    """Yield the parameters of a disposition; ``filename*`` (RFC 8187) as ``filename``."""
    for key, quoted, plain in _PARAMETER.findall(disposition):
        value = re.sub(r"\\(.)", r"\1", quoted) if "\\" in quoted else quoted or plain
        if key.endswith("*"):
            value = _decode(unquote_to_bytes(value.rpartition("'")[2].encode()))
        yield key.lower().rstrip("*"), value


def _fields(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return values by name; those of a repeated one in a list."""
    fields: dict[str, list[Any]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    _check_number(set(fields))
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}
