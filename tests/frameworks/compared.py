"""Runs one framework's application with ``sentry_sdk.init`` alone, and with ``WebIntegration``; prints both as JSON.

``python compared.py shop_flask`` sends each request of ``REQUESTS`` in each tracing mode, once with the SDK's
integrations as they are and once with ours added. A process of its own for each framework, as in ``probe``.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import io
import json
import logging
import sys
from typing import Any

import sentry_sdk
from alone import hide_other_frameworks
from compared_apps import BROKEN_IN, COMPARED, Compared, know_users
from probe import Answer, ask_asgi, ask_wsgi

from sentry_web import WebIntegration
from sentry_web.testing import RequestSpec
from sentry_web.testing.sdk import HAS_STREAMED_SPANS, HAS_TRANSACTIONS, STATIC, STREAM
from sentry_web.testing.transport import recording

TRACE = (
    ("sentry-trace", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"),
    ("baggage", "sentry-trace_id=0af7651916cd43dd8448eb211c80319c,sentry-release=caller,sentry-sample_rand=0.1"),
)
USUAL = (("User-Agent", "curl/8.0"), ("Accept", "*/*"), ("Cookie", "theme=dark; lang=en"), ("X-Shop", "north"))
BOUNDARY = "a-line-between"
PARTS = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="title"\r\n\r\nUlysses\r\n'
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="cover"; filename="cover.png"\r\n'
    f"Content-Type: image/png\r\n\r\npixels\r\n--{BOUNDARY}--\r\n"
).encode()


def post(kind: str, body: bytes) -> RequestSpec:
    """A request with a body."""
    headers = (("Host", "shop.example"), ("Content-Type", kind), ("Content-Length", str(len(body))), *USUAL)
    return RequestSpec("POST", "/book", headers=headers, body=(body,))


JSON = post("application/json", b'{"title": "Ulysses", "pages": [1, {"last": 730}], "price": null}')
FORM = post("application/x-www-form-urlencoded", b"title=Ulysses&page=7&page=8")
PAGE = RequestSpec(path="/book/7", query="page=2&lang=en", headers=USUAL)
#: Each request, and options of the SDK and of the integration.
REQUESTS: dict[str, tuple[RequestSpec, dict[str, Any], dict[str, Any]]] = {
    "page": (PAGE, {}, {}),
    "page with personal data": (PAGE, {"send_default_pii": True}, {}),
    "page in the other style": (PAGE, {}, {"transaction_style": "other"}),
    "page in a trace": (RequestSpec(path="/book/7", headers=(*USUAL, *TRACE)), {}, {}),
    "page without a header": (RequestSpec(path="/book/7", client=None), {"send_default_pii": True}, {}),
    "page below a root": (RequestSpec(path="/book/7", root_path="/annex"), {}, {}),
    "page behind a proxy": (
        RequestSpec(
            path="/book/7",
            client=("10.0.0.1", 4711),
            headers=(*USUAL, ("X-Forwarded-Host", "books.example"), ("X-Forwarded-For", "192.0.2.9")),
        ),
        {"send_default_pii": True},
        {},
    ),
    "unsampled page": (PAGE, {"traces_sample_rate": 0.0}, {}),
    "untraced page": (PAGE, {"traces_sample_rate": None}, {}),
    "head": (RequestSpec("HEAD", "/book/7", headers=USUAL), {}, {}),
    "options": (RequestSpec("OPTIONS", "/book/7", headers=USUAL), {}, {}),
    "json": (JSON, {}, {}),
    "json with personal data": (JSON, {"send_default_pii": True}, {}),
    "empty json": (post("application/json", b"{}"), {}, {}),
    "broken json": (post("application/json", b'{"title": '), {}, {}),
    "form": (FORM, {}, {}),
    "multipart": (post(f"multipart/form-data; boundary={BOUNDARY}", PARTS), {}, {}),
    "text": (post("text/plain", b"a review of a book"), {}, {}),
    "large json": (post("application/json", b'{"title": "%s"}' % (b"U" * 20_000)), {}, {}),
    "large json in full": (
        post("application/json", b'{"title": "%s"}' % (b"U" * 120_000)),
        {"max_request_body_size": "always"},
        {},
    ),
    "broken": (RequestSpec(path="/broken", query="page=2", headers=USUAL), {}, {}),
    "broken with personal data": (RequestSpec(path="/broken", headers=USUAL), {"send_default_pii": True}, {}),
    "handled": (RequestSpec(path="/handled", headers=USUAL), {}, {}),
    "unavailable": (RequestSpec(path="/unavailable", headers=USUAL), {}, {}),
    "unknown": (RequestSpec(path="/no/such/page", headers=USUAL), {}, {}),
}
MODES: dict[str, dict[str, Any]] = {
    **({"transactions": STATIC} if HAS_TRANSACTIONS else {}),
    **({"stream": STREAM} if HAS_STREAMED_SPANS else {}),
}
#: Litestar's integration reads a multipart body away, and the application waits for it as long as the client stays.
LEFT_OUT = {("litestar", "multipart")}
#: Keys of what differs in each run, or says where and by what it was sent.
NOISE = frozenset(
    (
        "asctime",
        "did",
        "duration",
        "end_timestamp",
        "environment",
        "event_id",
        "modules",
        "parent_span_id",
        "platform",
        "release",
        "sdk",
        "segment_id",
        "sentry.environment",
        "sentry.release",
        "sentry.sdk.integrations",
        "sentry.sdk.name",
        "sentry.sdk.version",
        "sentry.segment.id",
        "server.address",
        "server_name",
        "sid",
        "span_id",
        "start_timestamp",
        "started",
        "thread.id",
        "thread.name",
        "timestamp",
        "trace_id",
    )
)


def integrations_of(compared: Compared, options: dict[str, Any]) -> list[Any]:
    """The SDK's integrations for this framework."""
    given = dict(options)
    if given.pop("transaction_style", None) and compared.style is not None:
        given["transaction_style"] = compared.style
    found = []
    for name in compared.integration:
        module, _, kind = name.rpartition(".")
        integration = getattr(importlib.import_module(f"sentry_sdk.integrations.{module}"), kind)
        known = set(inspect.signature(integration).parameters)  # sentry-sdk 3 has one style
        found.append(integration(**{name: value for name, value in given.items() if name in known}))
    return found


def serve(compared: Compared, app: Any, request: RequestSpec) -> Answer:
    """Send the request."""
    if compared.protocol == "asgi":
        return asyncio.run(ask_asgi(app, request, lifespan=False))
    return ask_wsgi(app, request)


def run(compared: Compared, app: Any, name: str, mode: str, ours: bool) -> dict[str, Any]:
    """Send one request, and return what was reported."""
    request, options, style = REQUESTS[name]
    sampled: list[dict[str, Any]] = []

    def sampler(context: dict[str, Any]) -> float | None:
        transaction = context.get("transaction_context") or context.get("span_context") or {}
        sampled.append(
            {
                "keys": sorted(set(context) - {"request"}),
                "name": transaction.get("name"),
                "source": transaction.get("source")
                or (transaction.get("attributes") or {}).get("sentry.segment.name.source"),
                "parent_sampled": context.get("parent_sampled"),
                "type of scope": type(context.get("asgi_scope") or context.get("wsgi_environ")).__name__,
            }
        )
        return options.get("traces_sample_rate", 1.0)

    given: dict[str, Any] = {
        "default_integrations": True,
        "auto_enabling_integrations": False,
        **options,
        **MODES[mode],
    }
    if "traces_sample_rate" in options and options["traces_sample_rate"] is None:
        del given["traces_sample_rate"]
    else:
        given["traces_sampler"] = sampler
    integrations = [*integrations_of(compared, style), *([WebIntegration()] if ours else [])]
    logging.getLogger("shop").setLevel(logging.INFO)
    with recording(**given, integrations=integrations) as events:
        answer = serve(compared, app, request)
        after = sentry_sdk.get_isolation_scope()
        return {
            "answer": [answer.status, answer.raised],
            "sampling": sampled,
            "items": {label: flat(payload) for label, payload in labelled(events)},
            "threads": []
            if request.path != "/broken"
            else [BROKEN_IN[-1:] == threads_of(root) for root in events.roots],
            "left behind": sorted(after._tags),
        }


def threads_of(root: Any) -> list[int]:
    """The thread that a root span names."""
    found = root.attributes if root.kind == "span" else root.trace["data"]
    return [int(found["thread.id"])] if "thread.id" in found else []


def labelled(events: Any) -> list[tuple[str, Any]]:
    """The items in order, each with a label that is the same in both runs."""
    counts: dict[str, int] = {}
    found = []
    for item in events.all:
        if item.kind == "client_report":
            continue
        kind = item.kind
        if kind == "event":
            kind = "error" if item.exception else "message"
        elif kind == "span":
            kind = "segment" if item["is_segment"] else f"span {item['attributes'].get('sentry.op', {}).get('value')}"
        counts[kind] = counts.get(kind, 0) + 1
        found.append((f"{kind} {counts[kind]}", item.payload))
    return found


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """The leaves of a payload by their paths, without what differs in each run."""
    if isinstance(value, dict):
        if path.endswith("stacktrace"):
            frames = [
                frame for frame in value["frames"] if not str(frame.get("module")).startswith(("sentry_", "werkzeug"))
            ]
            return {f"{path}.functions": [frame["function"] for frame in frames][-3:]}
        leaves = {path: {}} if not value else {}
        for key, item in value.items():
            if key not in NOISE:
                leaves.update(flat(item, f"{path}.{key}" if path else key))
        return leaves
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        leaves = {f"{path}.length": len(value)}
        for index, item in enumerate(value):
            leaves.update(flat(item, f"{path}.{index}"))
        return leaves
    return {path: "a fraction" if isinstance(value, float) else value}


def main() -> None:
    name = sys.argv[1].removeprefix("shop_")
    hide_other_frameworks(name.split("_")[0])
    logging.raiseExceptions = False
    logging.lastResort = None
    compared = COMPARED[name]
    know_users()
    found: dict[str, Any] = {}
    with contextlib.redirect_stderr(io.StringIO()) if len(sys.argv) < 3 else contextlib.nullcontext():
        app = None
        for mode in MODES:
            for request in REQUESTS:
                if (name, request) in LEFT_OUT:
                    continue
                if app is None:
                    with recording(integrations=integrations_of(compared, {})):
                        app = compared.make()
                found.setdefault(mode, {})[request] = {
                    "plain": run(compared, app, request, mode, ours=False),
                    "ours": run(compared, app, request, mode, ours=True),
                }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
