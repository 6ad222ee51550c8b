"""What the properties of this folder have in common: the modes of the SDK, the drivers, the wraps, the odd things.

A property takes drivers and modes as values and never asks which one it has. What is of use to other packages belongs
to ``sentry_web.testing``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from sentry_web.testing import BRIDGE_BOTH, DRIVERS, WSGI_VALIDATED, Driver, Events, Protocol, Wrap, recording
from sentry_web.testing.drivers import asgi, wsgi
from sentry_web.testing.sdk import HAS_STREAMED_SPANS, HAS_TRANSACTIONS
from sentry_web.testing.transport import isolated

#: Options of ``sentry_sdk.init``; ``None``: no client at all.
Mode = dict[str, Any] | None

_TRACED = {"traces_sample_rate": 1.0, "release": "shop@1"}

MODES: dict[str, Mode] = {
    "sampled": _TRACED,
    "errors only": {"release": "shop@1"},
    "no client": None,
}
if HAS_STREAMED_SPANS and HAS_TRANSACTIONS:
    MODES["stream"] = {**_TRACED, "trace_lifecycle": "stream"}

#: Those in which the scopes of a request wait for their first touch, and its root span with them, where no trace is
#: continued.
WAITING: dict[str, Mode] = {
    "errors only, no sessions": {"release": ""},
    "left out": {"release": "", "traces_sample_rate": 0.0},
    "sampled, no sessions": {"release": "", "traces_sample_rate": 1.0},
}
if HAS_STREAMED_SPANS and HAS_TRANSACTIONS:
    WAITING["stream, untouched"] = {**_TRACED, "trace_lifecycle": "stream"}
MODES.update(WAITING)

#: The modes in which requests are traced.
TRACED = tuple(mode for mode in ("sampled", "sampled, no sessions", "stream") if mode in MODES)

#: Every driver there is: the four protocols' ways, the bridge wrapped on both sides, and the validated WSGI server.
ALL_DRIVERS: tuple[Driver, ...] = (*DRIVERS, BRIDGE_BOTH)
VALIDATED: tuple[Driver, ...] = (*ALL_DRIVERS, WSGI_VALIDATED)
#: Those that call an application of ours without asgiref between.
ASGI_DRIVERS: tuple[asgi.AsgiDriver, ...] = tuple(
    driver
    for driver in DRIVERS
    if isinstance(driver, asgi.AsgiDriver) and driver.protocol in (Protocol.ASGI2, Protocol.ASGI3)
)

ONCE = Wrap.ours()
TWICE = ONCE.around(ONCE)
#: All options that both protocols have and that make more of our code run.
ALL_SHARED_OPTIONS: dict[str, Any] = {
    "capture_body": "always",
    "capture_response_headers": ["."],
    "failed_request_status_codes": range(500, 600),
    "trusted_proxies": "*",
    "route_resolver": lambda request: None,
    "on_request": lambda recording, request: recording.set_attribute("seen", request.url),
    "on_response": lambda recording, request, response: recording.set_attribute("size", response.body_size),
}
EVERYTHING_SHARED = Wrap.ours(**ALL_SHARED_OPTIONS)
#: With the spans of messages, which WSGI does not have.
EVERYTHING = Wrap.ours(**ALL_SHARED_OPTIONS, record_send_receive=True)
WRAPS: dict[str, Wrap] = {"once": ONCE, "twice": TWICE, "everything": EVERYTHING}


def modes() -> st.SearchStrategy[str]:
    """The name of a mode."""
    return st.sampled_from(sorted(MODES, key=list(MODES).index))


def wraps() -> st.SearchStrategy[str]:
    """The name of a wrap."""
    return st.sampled_from(list(WRAPS))


def shared(drivers: Sequence[Any]) -> Any:
    """Settings for a property over these drivers: the many examples of the nightly profile are shared by them all."""
    most = settings().max_examples
    return settings(max_examples=max(min(most, 200), -(-most // len(drivers))))


@contextmanager
def sdk(mode: str, **options: Any) -> Iterator[Events]:
    """The SDK in this mode; what it would have sent. Options are those of ``sentry_sdk.init``, beside the mode's."""
    chosen = MODES[mode]
    if chosen is None:
        with isolated():
            yield Events(list)
    else:
        with recording(**{**chosen, **options}) as events:
            yield events


@contextmanager
def altered(change: Any) -> Iterator[None]:
    """Let ``change`` loose on each scope or environ that a driver makes inside the block."""

    def patch(module: Any, name: str) -> None:
        make = getattr(module, name)

        def made(*args: Any) -> Any:
            mapping = make(*args)
            change(mapping)
            return mapping

        setattr(module, name, made)
        stack.callback(setattr, module, name, make)

    with contextlib.ExitStack() as stack:
        patch(asgi, "make_scope")
        patch(wsgi, "make_environ")
        yield
