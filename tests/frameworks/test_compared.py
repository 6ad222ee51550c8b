"""What ``WebIntegration`` changes in reports of sentry-sdk's integrations: what the documentation lists, and no more.

Each application of ``compared_apps`` is asked for the same with ``sentry_sdk.init`` alone and with ours added
(``compared.py``), and all that was reported is compared, field by field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .compared_apps import COMPARED
from .shops import SHOPS, need, printed

PAGE = Path(__file__).parents[2] / "docs" / "migration.md"
MISSING = "(missing)"
#: Names that the SDK's integrations and middlewares give to what has no route.
PLACEHOLDERS = ("", "bottle request", "generic WSGI request", None)


class Difference(NamedTuple):
    """A difference that is meant.

    Attributes:
        row: What the page says of it: the beginning of a row's first cell.
        where: A regular expression of item and field.
        holds: Whether two values differ in this way.
    """

    row: str
    where: str
    holds: Callable[[Any, Any], bool] = lambda plain, ours: True


def added(plain: Any, ours: Any) -> bool:
    return bool(plain == MISSING)


def removed(plain: Any, ours: Any) -> bool:
    return bool(ours == MISSING)


def named(plain: Any, ours: Any) -> bool:
    """A path in the place of a name for everything, or of the whole URL; and the source of either."""
    if (plain, ours) in (("route", "url"), ("component", "url")):
        return True
    return (plain in PLACEHOLDERS or plain.startswith("http://")) and ours.startswith("/")


def mounted(plain: Any, ours: Any) -> bool:
    return bool(ours == f"/annex{plain}")


def as_many_and_more(plain: Any, ours: Any) -> bool:
    """Items in the same order, with more spans of one kind."""
    return set(plain) <= set(ours) and {item for item in ours if item not in plain} <= {
        f"span {kind} {number}" for kind in ("event.django", "function") for number in (3, 4, 5)
    }


NAME = r"(transaction|name|transaction_info\.source|attributes\.sentry\.segment\.name(\.source)?\.value)"
DIFFERENCES = (
    Difference("`generic WSGI request`", rf"sampling \d: (name|source)|.*: {NAME}", named),
    Difference("below a mount", rf".*: ({NAME}|attributes\.http\.route\.value)", mounted),
    Difference(
        "below a mount",
        r".*: (request\.url|attributes\.url\.(full|path)\.value)",
        lambda plain, ours: plain.replace("/annex/annex", "/annex") == ours,
    ),
    Difference("below a mount", r"segment 1: attributes\.url\.path\.value", mounted),
    Difference("Falcon's `transaction_style", rf".*: {NAME}", lambda plain, ours: plain in {"/book/7", "url"}),
    Difference("a 404 of Litestar", r"(items|samplings)", lambda plain, ours: not plain),
    Difference("Litestar: no name", rf".*: {NAME}", lambda plain, ours: plain.startswith("http://") or plain == "url"),
    Difference("Litestar: no name", r"segment 1: attributes\.http\.route\..*", added),
    Difference("the tag `asgi.type`", r".*: tags\.protocol|segment 1: attributes\.protocol\..*", added),
    Difference("the tag `asgi.type`", r".*: tags\.asgi\.type", removed),
    Difference("the tag `asgi.type`", r"segment 1: attributes\.network\.protocol\.name\..*"),
    Difference(
        "a transaction has no attributes",
        r"transaction 1: contexts\.trace\.data\.(client|http|network|server|url|user_agent|sentry_web)\..*",
        added,
    ),
    Difference(
        "a transaction has no attributes",
        r"segment 1: attributes\.(client|http|network|server|url|user_agent|sentry_web)\..*",
        added,
    ),
    Difference("ASGI: no `env`", r".*: request\.env\.SERVER_(NAME|PORT)", added),
    Difference("ASGI: no `env`", r".*: user\.ip_address", added),
    Difference("an empty query", r".*: (request\.query_string|user|tags)", removed),
    Difference(
        "Quart sends",
        r".*: (request\.headers\.Remote-Addr|attributes\.http\.request\.header\.remote-addr\.value)",
        lambda plain, ours: ours in ("[Filtered]", ["[Filtered]"]),
    ),
    Difference("Quart sends", r".*: request\.query_string"),
    Difference("Quart sends", r".*: (_meta\.)?request\.cookies\..*", added),
    Difference("Quart sends", r".*: (_meta\.)?request\.headers\.[cC]ookie\..*", added),
    Difference(
        "Quart sends",
        r"segment 1: attributes\.http\.request\.header\.cookie\.value",
        lambda plain, ours: (plain, ours) == (["[Filtered]"], ["theme=dark; lang=en"]),
    ),
    Difference("no body where", r"(message|error) 1: (_meta\.)?request\.data.*", added),
    Difference("no body where", r".*: request\.data\.a review of a book", removed),
    Difference("no body where", r"transaction 1: request\.data\.\[Filtered\]", added),
    Difference(
        "an exception before",
        r".*: (contexts\.response\.status_code|tags\.http\.status_code|attributes\.http\.response\.status_code\..*)",
        added,
    ),
    Difference(
        "an error event's trace", r"error 1: contexts\.trace\.(status|data\.http\.response\.status_code)", removed
    ),
    Difference("spans of the callables", r"(transaction 1: spans\.\d+\.description|span middleware.*: name)"),
    Difference("what Django does", "items", as_many_and_more),
    Difference("what Django does", r"transaction 1: spans\.length", lambda plain, ours: plain < ours),
    Difference("what Django does", r"transaction 1: spans\.[2-9]\..*", added),
    Difference(
        "`X-Forwarded-Host`",
        r".*: (request\.url|attributes\.(url\.full|server\.address)\.value)",
        lambda plain, ours: plain.replace("shop.example", "books.example") == ours,
    ),
    # Of the table of the middlewares
    Difference(
        "leftmost `X-Forwarded-For`", r".*: request\.env\.REMOTE_ADDR", lambda *pair: pair == ("10.0.0.1", "192.0.2.9")
    ),
    Difference("a 404 makes a streamed span an error", "segment 1: status", lambda *pair: pair == ("error", "ok")),
)


def differences(name: str) -> Iterator[tuple[str, Any, Any]]:
    """Where the reports of one application differ, and how."""
    for mode, requests in found_of(name).items():
        for request, both in requests.items():
            for where, plain, ours in compared(both["plain"], both["ours"]):
                yield f"{mode}, {request}, {where}", plain, ours


def compared(plain: Any, ours: Any) -> Iterator[tuple[str, Any, Any]]:
    """Where two reports differ, and how."""
    for key in ("answer", "left behind", "threads"):
        yield key, plain[key], ours[key]
    yield "samplings", len(plain["sampling"]), len(ours["sampling"])
    for number, (before, after) in enumerate(zip(plain["sampling"], ours["sampling"])):
        for key in before:
            yield f"sampling {number}: {key}", before[key], after[key]
    yield "items", in_order(plain["items"]), in_order(ours["items"])
    for label in plain["items"].keys() & ours["items"].keys():
        before, after = plain["items"][label], ours["items"][label]
        for path in before.keys() | after.keys():
            yield f"{label}: {path}", before.get(path, MISSING), after.get(path, MISSING)


def in_order(items: Any) -> list[str]:
    """The items, with those last that threads of the SDK send when they come to it."""
    by_threads = ("segment", "session", "span")
    return [item for item in items if not item.startswith(by_threads)] + sorted(
        item for item in items if item.startswith(by_threads)
    )


def found_of(name: str) -> Any:
    need(SHOPS[name])
    return printed("compared.py", name)


each = pytest.mark.parametrize("name", COMPARED)


@each
def test_what_differs_is_listed(name: str) -> None:
    unlisted = [
        f"{where}: {plain!r} -> {ours!r}"
        for where, plain, ours in differences(name)
        if plain != ours
        and not any(
            re.fullmatch(difference.where, where.split(", ", 2)[2]) and difference.holds(plain, ours)
            for difference in DIFFERENCES
        )
    ]
    assert unlisted == []


@each
def test_there_was_something_to_compare(name: str) -> None:
    for mode, requests in found_of(name).items():
        page = requests["page"]["plain"]["items"]
        assert page["message 1"]["breadcrumbs.values.0.message"] == "looked at a book"
        assert {"message 1", "sessions 1", "segment 1" if mode == "stream" else "transaction 1"} <= page.keys()
        assert requests["broken"]["plain"]["items"]["error 1"]["exception.values.length"] >= 1
        assert "message 1" in requests["json"]["plain"]["items"]


@each
def test_users_are_the_integrations(name: str) -> None:
    for requests in found_of(name).values():
        found = requests["broken with personal data"]
        known = [of_user(found[which]["items"]["error 1"]) for which in ("plain", "ours")]
        assert known[1] == {"user.ip_address": "192.0.2.7", **known[0]}
        assert name in ("falcon_wsgi", "bottle") or len(known[1]) > 1  # these integrations know no user


def of_user(event: Any) -> Any:
    """What an event says of the user."""
    return {path: value for path, value in event.items() if path.startswith("user.")}


def test_the_documentation_lists_them() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = [line[2:] for line in page.splitlines() if line.startswith("| ")]
    assert [each.row for each in DIFFERENCES if not any(row.startswith(each.row) for row in rows)] == []
