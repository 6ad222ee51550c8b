"""The cost of what clients choose: no expression of the package, and no search, takes more than linear work.

Counted, not timed. The expressions are parsed, and searched for what makes a backtracking matcher slow; redaction and
the collecting of secrets are counted in lines of Python, and in the characters that are searched, at two sizes of the
same hostile input.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest

import sentry_web
from sentry_web._privacy import redactor
from sentry_web._privacy.policy import Policy
from sentry_web._privacy.redactor import Redactor
from sentry_web._privacy.secrets import Secrets
from sentry_web._request.body import Body
from sentry_web._request.forwarding import Forwarding
from sentry_web._request.scope import ScopeRequest

from .breaking import NOT_WITH_THIS_SDK

if sys.version_info >= (3, 11):
    from re import _constants as sre  # type: ignore[attr-defined]
    from re import _parser as parser  # type: ignore[attr-defined]
else:
    import sre_constants as sre
    import sre_parse as parser

#: Packages whose texts come from clients.
PACKAGES = ("_privacy", "_request", "_naming", "_sentry", "_otel", "_core")
ALPHABET = [chr(code) for code in range(256)]


# --- expressions -----------------------------------------------------------------------------------------------------


def patterns() -> dict[str, re.Pattern[Any]]:
    """Return every compiled expression of the package: module attributes, and what cached functions return."""
    found: dict[str, re.Pattern[Any]] = {}
    for info in pkgutil.walk_packages(sentry_web.__path__, "sentry_web."):
        if info.name.split(".")[1] not in PACKAGES or info.name in NOT_WITH_THIS_SDK:
            continue
        for name, value in vars(importlib.import_module(info.name)).items():
            for number, pattern in enumerate(_patterns_in(value, info.name)):
                found[f"{info.name.removeprefix('sentry_web.')}.{name}[{number}]"] = pattern
    return found


def _patterns_in(value: Any, module: str) -> Iterator[re.Pattern[Any]]:
    owner = getattr(value, "__self__", None)
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(owner, re.Pattern):  # a bound method, such as ``search``
        yield owner
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _patterns_in(item, module)
    elif hasattr(value, "cache_clear") and getattr(value, "__module__", "") == module:
        wrapped = value.__wrapped__
        if wrapped.__code__.co_argcount == 0 and "Pattern" in str(wrapped.__annotations__.get("return", "")):
            yield value()


PATTERNS = {
    name: pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    for name, pattern in patterns().items()
}


def first_of(node: Any) -> tuple[set[str], bool]:
    """Return the characters with which a sequence of items may begin, and whether it may be empty."""
    characters: set[str] = set()
    for item in node:
        begins, empty = first_of_item(item)
        characters |= begins
        if not empty:
            return characters, False
    return characters, True


def first_of_item(item: Any) -> tuple[set[str], bool]:
    kind, value = item
    if kind in (sre.LITERAL, sre.NOT_LITERAL, sre.IN, sre.ANY):
        return set(filter(re.compile(_as_class(item), re.DOTALL).match, ALPHABET)), False
    if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        begins, empty = first_of(value[2])
        return begins, empty or value[0] == 0
    if kind is sre.SUBPATTERN:
        return first_of(value[3])
    if kind is sre.BRANCH:
        all_of = [first_of(branch) for branch in value[1]]
        return set().union(*(begins for begins, _ in all_of)), any(empty for _, empty in all_of)
    if kind in (sre.AT, sre.ASSERT, sre.ASSERT_NOT):
        return set(), True
    raise AssertionError(f"unknown item of an expression: {kind}")


_CATEGORIES = {
    sre.CATEGORY_DIGIT: r"\d",
    sre.CATEGORY_NOT_DIGIT: r"\D",
    sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_WORD: r"\W",
}


def _as_class(item: Any) -> str:
    kind, value = item
    if kind is sre.ANY:
        return "."
    if kind is sre.LITERAL:
        return re.escape(chr(value))
    if kind is sre.NOT_LITERAL:
        return f"[^{re.escape(chr(value))}]"
    parts = []
    for part, detail in value:
        if part is sre.NEGATE:
            parts.append("^")
        elif part is sre.RANGE:
            parts.append(f"{re.escape(chr(detail[0]))}-{re.escape(chr(detail[1]))}")
        else:
            parts.append(_CATEGORIES[detail] if part is sre.CATEGORY else re.escape(chr(detail)))
    return f"[{''.join(parts)}]"


def faults(node: Any, following: set[str], repeated: bool = False) -> list[str]:
    """Return why a matcher that backtracks may try a part of a text in more than one way.

    An unbounded repeat is harmless if each of its rounds begins with another character than what may follow it, so that
    there is one place only at which it can end, and if nothing within it may take the same characters twice.
    """
    found: list[str] = []
    items = list(node)
    for index, item in enumerate(items):
        kind, value = item
        after, empty = first_of(items[index + 1 :])
        after |= following if empty else set()
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            begins, _ = first_of(value[2])
            many = value[1] is sre.MAXREPEAT or value[1] > 200
            single = len(value[2]) == 1 and value[2][0][0] in (sre.LITERAL, sre.NOT_LITERAL, sre.IN, sre.ANY)
            if many and begins & after:
                found.append(f"{'.' if single else '()'}* overlaps with what follows: {sorted(begins & after)[:5]}")
            found += faults(value[2], after | (begins if value[1] != 1 else set()), repeated or many)
        elif kind is sre.SUBPATTERN:
            found += faults(value[3], after, repeated)
        elif kind is sre.BRANCH:
            taken: set[str] = set()
            for branch in value[1]:
                begins, empty = first_of(branch)
                begins |= after if empty else set()
                if repeated and begins & taken:
                    found.append(f"alternatives of a repeat overlap: {sorted(begins & taken)[:5]}")
                taken |= begins
                found += faults(branch, after, repeated)
    return found


#: The expressions with such a repeat, by a part of each, and why they take linear time all the same.
LINEAR = {
    "&(?:amp;)*": "what follows is optional",
    "%(?:(?:25)*": "one round that is given back is what follows",
    r"(?<=//)[^/?#\s]*@": "a repeat ends before the next one can begin",
    "PRIVATE KEY-----": "a look ahead tells the two apart",
    r"""\s*([^\s=;,"]+)\s*=""": "what follows is optional",
}


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_no_expression_can_match_a_part_in_two_ways(name: str) -> None:
    if any(part in PATTERNS[name] for part in LINEAR):
        return
    assert faults(parser.parse(PATTERNS[name]), set()) == []


def test_the_list_of_exceptions_is_up_to_date() -> None:
    """Each is an expression of the package that the analysis does not prove."""
    for part in LINEAR:
        (pattern,) = {pattern for pattern in PATTERNS.values() if part in pattern}
        assert faults(parser.parse(pattern), set()), part


@pytest.mark.parametrize("pattern", [r"(a+)+b", r"a*a*b", r"(?:a|ab)*b*c", r"\s*(.*)x", r"(\w+\s*)*:"])
def test_slow_expressions_are_recognised(pattern: str) -> None:
    assert faults(parser.parse(pattern), set())


# --- redaction and collecting, in lines ------------------------------------------------------------------------------


def lines(function: Callable[[], Any]) -> int:
    """Count the lines of Python that a call runs."""
    count = 0

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(former)
    return count


def searched(function: Callable[[], Any]) -> int:
    """Count the characters that a call searches for values: those of a text once for each value."""
    count = 0

    def counting(search: Callable[[Collection[str], str], Any]) -> Callable[[Collection[str], str], Any]:
        def counted(values: Collection[str], whole: str) -> Any:
            nonlocal count
            count += len(values) * len(whole)
            return search(values, whole)

        return counted

    with pytest.MonkeyPatch.context() as patch:
        for search in (redactor._occurs, redactor._occurring):
            patch.setattr(redactor, search.__name__, counting(search))
        function()
    return count


POLICY = Policy.plain(False, Forwarding(None))


def request_of(*headers: tuple[str, str], query: str = "", body: tuple[str, bytes] | None = None) -> ScopeRequest:
    """A request; ``body`` is given as a media type and content."""
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    if body is not None:
        pairs.append((b"content-type", body[0].encode()))
    request = ScopeRequest({"type": "http", "path": "/", "query_string": query.encode(), "headers": pairs})
    if body is not None:
        request.body = Body(10_000)
        request.body.feed(body[1])
    return request


def _body(content: Any) -> dict[str, Any]:
    return {"body": ("application/json", json.dumps(content).encode())}


REQUESTS: dict[str, Callable[[int], tuple[tuple[tuple[str, str], ...], dict[str, Any]]]] = {
    "cookies": lambda n: ((("Cookie", "; ".join(f"c{i}=-%2b+_.\\x41a1b2c3d{i}" for i in range(n))),), {}),
    "one cookie of escapes": lambda n: ((("Cookie", "session=" + "%25%2b\\x41" * n),), {}),
    "parameters": lambda n: ((("Authorization", "Digest " + ", ".join(f'p{i}="a1b2c3"' for i in range(n))),), {}),
    "addresses": lambda n: ((("X-Forwarded-For", ", ".join(f"81.2.69.{i}" for i in range(n))),), {}),
    "forwarded": lambda n: ((("Forwarded", ",".join(f'for="81.2.69.{i}"' for i in range(n))),), {}),
    "protocols": lambda n: ((("Sec-WebSocket-Protocol", ", ".join(f"a1b2c3d4{i}" for i in range(n))),), {}),
    "referer": lambda n: ((("Referer", "https://x/?" + "&".join(f"token{i}=a1b2c3" for i in range(n))),), {}),
    "query": lambda n: ((), {"query": "&".join(f"token{i}=a1b2%2541c3{i}" for i in range(n))}),
    "URLs in a query": lambda n: ((), {"query": "&".join(f"u{i}=//a:b1c2d3@x?token=a1b2c3" for i in range(n))}),
    "JSON": lambda n: ((), _body({f"token{i}": f"a1b2\\c3{i}" for i in range(n)})),
    "deep JSON": lambda n: ((), {"body": ("application/json", ('{"a":' * n + "1" + "}" * n).encode())}),
    "one secret of a letter": lambda n: ((), _body({"token": "a" * 20 * n})),
    "prefixes in common": lambda n: ((), _body({"token": ["a" * 60 + str(i) for i in range(n)]})),
    "beyond ASCII": lambda n: ((), _body({"token": [f"é中{i}😀x" for i in range(n)]})),
    "JSON in JSON": lambda n: ((), _body([f'{{"token": "a1b2c3d{i}"}}' for i in range(n)])),
    "URLs in JSON": lambda n: ((), _body([f"//u:a1b2c3d{i}@x/?token=a1b2c3d{i}" for i in range(n)])),
    "JSON in a query": lambda n: ((), {"query": "&".join(f"u{i}=%7B%22a%22:[{i}]%7D" for i in range(n))}),
    "pairs": lambda n: ((), _body([{"name": f"token{i}", "value": f"a1b2c3d{i}"} for i in range(n)])),
    "backslashes": lambda n: ((), _body({"token": "\\" * 20 * n})),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_collecting_and_searching_take_linear_work(name: str) -> None:
    def work(number: int) -> tuple[int, int]:
        headers, values = REQUESTS[name](number)
        request = request_of(*headers, **values)
        texts = [request.query, *(value for _, value in request.headers), values.get("body", ("", b""))[1]]
        sent = {"vars": [repr(texts), *texts], "tags": {"a": json.dumps([str(text) for text in texts])}}

        def redact() -> None:
            Redactor.of(Secrets(request, POLICY), repr).redact(sent)

        redact()  # fills caches
        return lines(redact), searched(redact)

    for number in (100, 300):  # below the bounds, and beyond them
        steps, characters = work(number)
        more_steps, more_characters = work(4 * number)
        assert more_steps <= 5 * steps + 500
        assert more_characters <= 5 * characters + 100_000
