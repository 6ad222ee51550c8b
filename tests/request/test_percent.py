"""``_request.percent``: the results are those of ``urllib.parse``."""

from __future__ import annotations

from urllib import parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._request import percent

#: Escapes, broken ones, what quoted-printable gives a meaning, and characters of several bytes.
PARTS = [
    *"%=+ \r\n\t_aF09é中😀\ud800\x00\x80",
    "%25",
    "%C3%A9",
    "%e4%b8",
    "%f0%9f%98%80",
    "%3D",
    "%0",
    "%zz",
    "=41",
    "=\n",
]
texts = st.one_of(st.text(), st.lists(st.sampled_from(PARTS), max_size=20).map("".join))
contents = st.one_of(st.binary(), texts.map(lambda text: text.encode("utf-8", "surrogatepass")))


@given(text=texts)
def test_texts_are_decoded_as_by_the_standard_library(text: str) -> None:
    assert percent.unquote(text) == parse.unquote(text)
    assert percent.unquote_plus(text) == parse.unquote_plus(text)


@given(content=contents)
def test_bytes_are_decoded_as_by_the_standard_library(content: bytes) -> None:
    assert percent.unquote_to_bytes(content) == parse.unquote_to_bytes(content)


@pytest.mark.parametrize("text", ["=", "==", "=\r\n", "a=%41", "%", "%%41", "%4", "%E2%82é%AC", "\ud800%41", "a.%2E\n"])
def test_what_quoted_printable_would_read_in_another_way(text: str) -> None:
    assert percent.unquote(text) == parse.unquote(text)
