"""Runs one framework's shop with ``WebIntegration`` and no middleware, and prints what was reported, as JSON.

``python one_line.py shop_flask on`` is ``sentry_sdk.init`` with its defaults and the one line; ``off`` switches the
SDK's integration for the framework off. A process of its own for each, as in ``probe``.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import sys
from typing import Any

import sentry_sdk
from alone import hide_other_frameworks
from probe import ask, described, integrations_of, paths_of
from sentry_sdk.integrations.dedupe import DedupeIntegration

from sentry_web import WebIntegration
from sentry_web.testing import RequestSpec
from sentry_web.testing.sdk import HAS_STREAMED_SPANS
from sentry_web.testing.transport import recording

#: Defaults of ``sentry_sdk.init``, which ``recording`` switches off.
DEFAULTS: dict[str, Any] = {"default_integrations": True, "auto_enabling_integrations": True, "traces_sample_rate": 1.0}
#: Each way to run: options of ``WebIntegration``, and of the SDK.
PASSES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "default": ({}, {}),
    "endpoint": ({"transaction_style": "endpoint"}, {}),
    "url": ({"transaction_style": "url"}, {}),
    "stream": ({}, {"trace_lifecycle": "stream"}),
}
#: What a request has of secrets. Joined here, since the SDK sends the source lines around a frame.
SECRET = "1-terces-yrev"[::-1]
SECRETS = {
    "query": f"page=2&token={SECRET}",
    "headers": (
        ("Authorization", f"Bearer bearer-{SECRET}"),
        ("Cookie", f"theme=dark; sessionid=session-{SECRET}"),
        ("X-Api-Key", f"key-{SECRET}"),
    ),
}


def run(shop: Any, web: dict[str, Any], options: dict[str, Any], off: list[Any]) -> dict[str, Any]:
    """Ask for everything once."""
    found = {}
    app = None
    for path in paths_of(shop):
        init = {**DEFAULTS, **options, "integrations": [WebIntegration(**web)], "disabled_integrations": off}
        with recording(**init) as events:
            app = shop.make() if app is None else app
            answer = ask(shop, app, RequestSpec(path=path, **SECRETS))
            sent = events.all_bytes
            roots = events.transactions or events.segments
            found[path] = {
                "status": answer.status,
                "raised": answer.raised,
                **described(events),
                "leaks": SECRET.encode() in sent,
                "origins": [root.attributes.get("sentry.origin") or root.trace.get("origin") for root in roots],
                "statuses": [root.status for root in roots],
                "spans": [name for name in spans_of(events) if "sentry_web" in name],
            }
    return found


def spans_of(events: Any) -> list[str]:
    """The names of all spans below the root."""
    spans = [span.get("description") or "" for root in events.transactions for span in root["spans"]]
    return spans + [span["name"] for span in events.spans]


def main() -> None:
    name, switch = sys.argv[1:3]
    hide_other_frameworks(name.split("_")[1])
    logging.raiseExceptions = False
    logging.lastResort = None
    passes: dict[str, Any] = {}
    with contextlib.redirect_stderr(io.StringIO()) if len(sys.argv) < 4 else contextlib.nullcontext():
        for label, (web, options) in PASSES.items():
            if label == "stream" and not HAS_STREAMED_SPANS:
                continue
            with recording(integrations=[WebIntegration()]):  # the SDK is up before the framework is imported
                shop = importlib.import_module(name)
            off = []
            if switch == "off" and shop.INTEGRATION is not None:
                off = [type(each) for each in integrations_of(shop) if not isinstance(each, DedupeIntegration)]
            passes[label] = run(shop, web, options, off)
    assert sentry_sdk.get_client().get_integration(WebIntegration) is None
    json.dump({"names": shop.NAMES, "handled": getattr(shop, "HANDLED", ()), "passes": passes}, sys.stdout)


if __name__ == "__main__":
    main()
