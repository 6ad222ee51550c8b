"""Every framework with ``sentry_sdk.init(integrations=[WebIntegration()])`` and no middleware (``one_line.py``).

Each request carries secrets in its query, a cookie and two headers.
"""

from __future__ import annotations

from typing import Any

import pytest

from .scenarios import ERRORS
from .shops import SHOPS, need, printed

PASSES = ("default", "endpoint", "url", "stream")
SWITCHES = ("off", "on")
#: What the SDK's integrations name otherwise than the framework's own route, in either style.
INTEGRATIONS = [name for name, shop in SHOPS.items() if shop.integration]

each = pytest.mark.parametrize("name", SHOPS)
switched = pytest.mark.parametrize("switch", SWITCHES)
styled = pytest.mark.parametrize("label", PASSES)


def shown(name: str, switch: str) -> dict[str, Any]:
    """What was reported of one shop."""
    need(SHOPS[name])
    return printed("one_line.py", name, switch)


def answers(name: str, switch: str, label: str) -> dict[str, Any]:
    """What was reported in one pass."""
    passes: dict[str, Any] = shown(name, switch)["passes"]
    if label not in passes:
        pytest.skip("not with this sentry-sdk: no such mode")
    found: dict[str, Any] = passes[label]
    return found


@each
@switched
@styled
def test_one_transaction_and_one_error_a_request(name: str, switch: str, label: str) -> None:
    found = answers(name, switch, label)
    assert {path: len(answer["roots"]) for path, answer in found.items()} == dict.fromkeys(found, 1)
    assert {path: [error["cause"] for error in answer["errors"]] for path, answer in found.items()} == {
        path: [ERRORS[path][0]] if path in ERRORS else [] for path in found
    }
    assert all(error["in_trace"] for answer in found.values() for error in answer["errors"])


@each
@switched
@styled
def test_no_secret_leaves(name: str, switch: str, label: str) -> None:
    assert [path for path, answer in answers(name, switch, label).items() if answer["leaks"]] == []


@each
@switched
@styled
def test_no_span_is_ours(name: str, switch: str, label: str) -> None:
    assert [answer["spans"] for answer in answers(name, switch, label).values() if answer["spans"]] == []


@each
@pytest.mark.parametrize(
    ("switch", "label"), [*(("off", label) for label in PASSES), ("on", "endpoint"), ("on", "url")]
)
def test_the_name_is_as_with_a_middleware(name: str, switch: str, label: str) -> None:
    """Without an integration, and where the style is chosen also with one."""
    found, names = answers(name, switch, label), shown(name, switch)["names"]

    def expected(path: str) -> list[str]:
        if (name, label, path) == ("falcon_wsgi", "url", "/annex/shelves/2"):
            return ["/shelves/{number:int}", "route"]  # Falcon cannot know that SCRIPT_NAME is a dispatcher's, outside
        endpoint, url = names.get(path, (None, None))
        if label != "url" and endpoint is not None and endpoint != url:
            return [endpoint, "component"]
        return [url, "route"] if url is not None else [path, "url"]

    assert {path: answer["roots"] for path, answer in found.items()} == {path: [expected(path)] for path in found}
    origins = {origin for answer in found.values() for origin in answer["origins"]}
    assert switch == "on" or origins == {f"auto.http.sentry_web.{SHOPS[name].protocol}"}


@each
@switched
@styled
def test_errors_and_messages_have_the_name_of_their_transaction(name: str, switch: str, label: str) -> None:
    for path, answer in answers(name, switch, label).items():
        ((root, _),) = answer["roots"]
        assert [error["name"] for error in answer["errors"]] == [root] * (path in ERRORS)
        assert answer["messages"] == ([["tidied", root]] if path == "/later" else [])


@pytest.mark.parametrize("name", INTEGRATIONS)
@styled
def test_the_integration_changes_nothing_about_answers_and_outcomes(name: str, label: str) -> None:
    off, on = answers(name, "off", label), answers(name, "on", label)
    assert {path: [answer[key] for key in ("status", "raised", "statuses")] for path, answer in off.items()} == {
        path: [answer[key] for key in ("status", "raised", "statuses")] for path, answer in on.items()
    }


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_the_origin_is_the_integrations(name: str) -> None:
    # FastAPI's integration leaves the request to Starlette's; Falcon's is for WSGI only
    expected = {"fastapi": "auto.http.starlette", "falcon_asgi": "auto.http.sentry_web.asgi"}
    found = answers(name, "on", "default")
    framework = name.removesuffix("_wsgi").removesuffix("_asgi")
    assert {origin for answer in found.values() for origin in answer["origins"]} == {
        expected.get(name, f"auto.http.{framework}")
    }
