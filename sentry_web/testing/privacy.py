"""A search for secrets of a request that would leave the process through an application (``check --privacy``).

The application is actually called, once for each path and each place of ``places``, as it is deployed: with its own SDK
settings and integrations, and without a middleware that it does not have. Everything that would be sent is kept in
memory, without a server or a network.
"""

from __future__ import annotations

import secrets as randomness
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sentry_sdk

from sentry_web.testing.check.subject import subject_of
from sentry_web.testing.drivers import Driver, Wrap
from sentry_web.testing.events import Events
from sentry_web.testing.places import PROMISED, Place, traces_of
from sentry_web.testing.request import RequestSpec
from sentry_web.testing.transport import recording

#: Options of the application's own ``sentry_sdk.init`` that affect what is sent.
_SETTINGS = (
    "attach_stacktrace",
    "before_send",
    "before_send_transaction",
    "include_local_variables",
    "include_source_context",
    "max_request_body_size",
    "max_value_length",
    "trace_lifecycle",
)


class ProbeError(Exception):
    """Reported in each request from a frame that holds the request's scope or environ, as the worst case."""


@dataclass(frozen=True)
class Leak:
    """A secret that would leave the process.

    Attributes:
        place: The place of the secret in the request.
        path: The requested path.
        where: The place in the sent data, such as ``event: exception.values.0.value``.
    """

    place: str
    path: str
    where: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """The result of a search for leaks.

    Attributes:
        subject: The application.
        settings: The relevant options of its ``sentry_sdk.init`` that differ from the SDK's defaults.
        places: The places of the planted secrets.
        paths: The requested paths.
        leaks: The leaks, in the order of the places.
        requests: The number of requests.
        tested: What was tested: the integrations of the SDK, and whether our middleware was added.
        untried: The places that were not tried, because the report was interrupted.
    """

    subject: str
    settings: Mapping[str, Any]
    places: tuple[str, ...]
    paths: tuple[str, ...]
    leaks: tuple[Leak, ...]
    requests: int
    tested: str = ""
    untried: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no leak was found."""
        return not self.leaks

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.settings.items()) or "the SDK's own"
        tested = f", {self.tested}" if self.tested else ""
        lines = [f"Privacy of {self.subject}{tested}", f"Settings: {shown}", f"Paths: {', '.join(self.paths)}", ""]
        width = max(map(len, self.places), default=0)
        for place in self.places:
            found = [leak for leak in self.leaks if leak.place == place]
            lines.append(f"{place:{width}}  {'LEAVES' if found else 'stays'}")
            lines += [f"{'':{width}}    {leak.path}: {where}" for leak in found for where in leak.where]
        if self.untried:
            lines += ["", f"Interrupted: not tried: {', '.join(self.untried)}."]
        count = len({leak.place for leak in self.leaks})
        return "\n".join([*lines, "", f"{count} of {len(self.places)} leave; {self.requests} requests were made."])

    def as_dict(self) -> dict[str, Any]:
        """Return the report in JSON's types."""
        return {
            "subject": self.subject,
            "tested": self.tested,
            "ok": self.ok,
            "settings": {name: repr(value) for name, value in self.settings.items()},
            "places": list(self.places),
            "paths": list(self.paths),
            "leaks": [{"place": leak.place, "path": leak.path, "where": list(leak.where)} for leak in self.leaks],
            "requests": self.requests,
            "untried": list(self.untried),
        }


def privacy_report(
    app: Any,
    *,
    paths: Iterable[str] = (),
    sdk: Mapping[str, Any] | None = None,
    name: str | None = None,
    wrap: bool | None = None,
    stop: Callable[[], bool] | None = None,
) -> Report:
    """Send secrets through an application, one at a time, and report those that would leave the process.

    Args:
        app: A WSGI or ASGI application. It is actually called, with methods ``GET`` and ``POST``.
        paths: Paths to request, in addition to those that the application's router knows.
        sdk: Options of ``sentry_sdk.init``; by default those that the application uses itself.
        name: ``"module:attribute"``, for the report.
        wrap: Whether to add this package's middleware; by default only where nothing would be reported without it,
            since the application does not initialise the SDK.
        stop: Asked before each place; where it returns true, the places that are left are not tried.

    Raises:
        WrongSubjectError: If ``app`` is not an application, or its kind cannot be determined.
    """
    subject = subject_of(app, kind="app", name=name, sdk={}, paths=tuple(paths))
    client = sentry_sdk.get_client()
    settings = dict(_settings_of(client) if sdk is None else sdk)
    integrations = dict(client.integrations) if client.is_active() and sdk is None else {}
    wrap = (not client.is_active() or sdk is not None) if wrap is None else wrap
    options = {**settings, **({"integrations": list(integrations.values())} if integrations else {})}
    asked = tuple(dict.fromkeys(subject.paths)) or ("/",)
    places = [place for place in PROMISED if place.answer is None]  # response headers are set by the application itself
    names, leaks = [], []
    for place in places:
        if stop is not None and stop():
            break
        names.append(place.name)
        for path in asked:
            where = _found(subject.driver, app, place, path, options, wrap)
            leaks += [Leak(place.name, path, where)] if where else []
    tested = _tested(integrations, active=client.is_active(), wrap=wrap)
    untried = tuple(place.name for place in places[len(names) :])
    requests = len(names) * len(asked)
    return Report(subject.title, settings, tuple(names), asked, tuple(leaks), requests, tested, untried)


def _tested(integrations: Iterable[str], *, active: bool, wrap: bool) -> str:
    """Return what is tested, in words."""
    if not active:
        return "which does not initialise sentry_sdk" + ("; inside this package's middleware" if wrap else "")
    named = ", ".join(sorted(integrations)) or "none"
    added = "inside this package's middleware, which was added" if wrap else "as it is deployed, no middleware added"
    return f"{added}; sentry-sdk's integrations: {named}"


def _settings_of(client: Any) -> dict[str, Any]:
    """Return the relevant options of an active client that differ from the SDK's defaults."""
    if not client.is_active():
        return {}
    options = client.options
    with recording():
        defaults = dict(sentry_sdk.get_client().options)
    chosen = {name: options[name] for name in _SETTINGS if name in options and options[name] != defaults.get(name)}
    collection = options.get("data_collection")
    # sentry-sdk 3 has no mark of who set the option.
    different = isinstance(collection, Mapping) and collection != defaults.get("data_collection")
    if isinstance(collection, Mapping) and collection.get("provided_by_user", different):
        chosen["data_collection"] = {key: value for key, value in collection.items() if key != "provided_by_user"}
    elif options.get("send_default_pii"):
        chosen["send_default_pii"] = True
    return chosen


def _found(  # noqa: PLR0917 - one call
    driver: Driver, app: Any, place: Place, path: str, options: Mapping[str, Any], wrap: bool
) -> tuple[str, ...]:
    """Return the places at which a new secret, planted in this place, is found in the data sent for one request."""
    secret = _new_secret(place)
    request = place.plant(RequestSpec(path=path, query="page=2"), secret)
    probed = _probed_double if driver.protocol.value == "asgi2" else _probed_asgi
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the application, and of deprecated options
        probe = Wrap(wsgi=_probed_wsgi, asgi=probed)
        with recording(**{"traces_sample_rate": 1.0, **options}) as events:
            driver.run_app(app, request, Wrap.ours().around(probe) if wrap else probe)
            return tuple(_where(events, [trace.decode() for trace in traces_of(place, secret)]))


def _new_secret(place: Place) -> str:
    """Return a new unique secret, which is an address if the place needs one."""
    if place.holds == "address":
        return "81." + ".".join(str(100 + randomness.randbelow(150)) for _ in range(3))
    return "".join(randomness.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(20))


def _where(events: Events, texts: list[str]) -> Iterator[str]:
    """Yield the kind and path of every sent value that contains one of the texts."""
    known = False
    for reported in events:
        for path, value in _strings(reported.payload):
            if any(text in value for text in texts):
                known = True
                yield f"{reported.kind}: {path}"
    if not known and any(text.encode() in events.all_bytes for text in texts):
        yield "header of an envelope"


def _strings(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string of a payload, including keys, with its path."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield path, str(key)
            yield from _strings(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            if not _is_driver(item):
                yield from _strings(item, f"{path}.{number}".lstrip("."))
    elif isinstance(value, str):
        yield path, value


def _is_driver(item: Any) -> bool:
    """Return whether an item is a frame of what sends the request, which knows the secret; not one of the probe."""
    if not isinstance(item, Mapping) or not str(item.get("module")).startswith(f"{__package__}."):
        return False
    return item.get("function") not in {"_report_probe", "_fail", "probed", "started", "sent", "run"}


def _report_probe(request: Any) -> None:
    """Report an error from a frame that holds the server's scope or environ."""
    try:
        _fail(request)
    except ProbeError as error:
        sentry_sdk.capture_exception(error)


def _fail(request: Any) -> None:
    raise ProbeError(f"a probe of {type(request).__name__}")


def _probed_wsgi(app: Any) -> Any:
    """Report the probe when the response starts: inside what the application has around it, wherever that is."""

    def probed(environ: Any, start_response: Any) -> Any:
        def started(*args: Any, **named: Any) -> Any:
            _report_probe(environ)
            return start_response(*args, **named)

        return app(environ, started)

    return probed


def _probed_send(scope: Any, send: Any) -> Any:
    async def sent(message: Any) -> Any:
        if message["type"] in ("http.response.start", "websocket.accept", "websocket.close"):
            _report_probe(scope)
        return await send(message)

    return sent


def _probed_asgi(app: Any) -> Any:
    async def probed(scope: Any, receive: Any, send: Any) -> Any:
        return await app(scope, receive, _probed_send(scope, send))

    return probed


def _probed_double(app: Any) -> Any:
    def probed(scope: Any) -> Any:
        instance = app(scope)

        async def run(receive: Any, send: Any) -> Any:
            return await instance(receive, _probed_send(scope, send))

        return run

    return probed
