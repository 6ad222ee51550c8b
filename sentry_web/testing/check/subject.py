"""The subject under test: an application, a middleware, or a pair of middlewares; its protocol and its import.

Only signatures are inspected, and a middleware is applied to an application once. The promises are in ``properties``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sentry_web.testing.check.snippets import Source, named
from sentry_web.testing.drivers import ASGI2, ASGI3, WSGI, WSGI_VALIDATED, Driver, Wrap

KINDS = ("auto", "app", "wsgi-middleware", "asgi-middleware")

_NO_SOURCE = Source("", ())
_LAYERS = 20  # maximum number of middlewares around an application's router


class WrongSubjectError(ValueError):
    """Raised for a subject that cannot be checked. The message is one line for the user."""


@dataclass(frozen=True)
class Side:
    """A middleware for one protocol, or a pair for both.

    Attributes:
        protocol: ``wsgi``, ``asgi`` or ``both``.
        drivers: The drivers with which to run it, the simplest first.
        wrap: The middleware.
        source: The source of the wrap in a script.
    """

    protocol: str
    drivers: tuple[Driver, ...]
    wrap: Wrap
    source: Source


@dataclass(frozen=True)
class Subject:
    """The subject under test.

    Attributes:
        title: The description for reports.
        sdk: Options of ``sentry_sdk.init``.
        sides: The sides of a middleware, for a pair also both at once; empty for an application.
        app: The application, or ``None``.
        driver: The driver that runs the application.
        oracle: The driver that checks the application's use of its protocol.
        source: The source of the application in a script.
        paths: The application's paths.
    """

    title: str
    sdk: dict[str, Any]
    sides: tuple[Side, ...] = ()
    app: Any = None
    driver: Driver = WSGI
    oracle: Driver = WSGI_VALIDATED
    source: Source = _NO_SOURCE
    paths: tuple[str, ...] = ()

    @property
    def protocol(self) -> str:
        """The application's protocol."""
        return "wsgi" if self.driver is WSGI else "asgi"


def subject_of(given: Any, *, kind: str, name: str | None, sdk: dict[str, Any], paths: tuple[str, ...]) -> Subject:
    """Return the subject for an application or middleware.

    Args:
        given: The application or middleware.
        kind: ``"app"``, ``"wsgi-middleware"``, ``"asgi-middleware"``, or ``"auto"`` to use the signature.
        name: ``"module:attribute"``, from which scripts import it.
        sdk: Options of ``sentry_sdk.init``.
        paths: Paths of an application to request.

    Raises:
        WrongSubjectError: If it cannot be checked, or its kind cannot be determined.
    """
    if kind not in KINDS:
        raise WrongSubjectError(f"kind is {kind!r}, not one of {', '.join(KINDS)}")
    sdk = {"traces_sample_rate": 1.0, **sdk}
    if isinstance(given, Wrap):
        return _pair(given, sdk)
    if not callable(given):
        raise WrongSubjectError(f"an object of type {type(given).__name__} is neither an application nor a middleware")
    if kind == "app" or (kind == "auto" and _is_app(given)):
        return _application(given, name, sdk, paths)
    shown = _protocol_of(_around_probe(given))
    protocol = shown if kind == "auto" else kind.partition("-")[0]
    if protocol is None:
        raise WrongSubjectError("it does not show whether it is a middleware for WSGI or for ASGI: say its kind")
    if shown is not None and shown != protocol:
        raise WrongSubjectError(f"it is said to be of kind {kind!r}, but what it makes takes the arguments of {shown}")
    source = named(given, name, "middleware")
    return Subject(f"{source.expression} ({protocol} middleware)", sdk, (_side(protocol, given, source),))


def _pair(given: Wrap, sdk: dict[str, Any]) -> Subject:
    wsgi, asgi = named(given.wsgi, placeholder="wsgi_middleware"), named(given.asgi, placeholder="asgi_middleware")
    expression = f"Wrap(wsgi={wsgi.expression}, asgi={asgi.expression})"
    both = Side("both", (WSGI, ASGI3), given, Source(expression, (*wsgi.imports, *asgi.imports)))
    sides = (_side("wsgi", given.wsgi, wsgi), _side("asgi", given.asgi, asgi), both)
    return Subject(f"{wsgi.expression} and {asgi.expression} (pair)", sdk, sides)


def _side(protocol: str, middleware: Any, name: Source) -> Side:
    source = Source(f"Wrap({protocol}={name.expression})", name.imports)
    if protocol == "wsgi":
        return Side(protocol, (WSGI,), Wrap(wsgi=middleware), source)
    return Side(protocol, (ASGI3, ASGI2), Wrap(asgi=middleware), source)


def _application(app: Any, name: str | None, sdk: dict[str, Any], paths: tuple[str, ...]) -> Subject:
    protocol, source = _protocol_of(app), named(app, name, "app")
    if protocol is None:
        raise WrongSubjectError("the application does not show whether it is WSGI or ASGI: wrap it in a function")
    asgi = ASGI2 if _takes(app) == 1 else ASGI3
    driver, oracle = (asgi, asgi) if protocol == "asgi" else (WSGI, WSGI_VALIDATED)
    title = f"{source.expression} ({protocol} application)"
    return Subject(title, sdk, (), app, driver, oracle, source, (*paths, *routes_of(app)))


def _protocol_of(app: Any) -> str | None:
    """Return the protocol by the number of arguments: two for WSGI (PEP 3333), three for ASGI 3, one for ASGI 2."""
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None)):  # noqa: B004
        return "asgi"
    return {1: "asgi", 2: "wsgi", 3: "asgi"}.get(_takes(app))


def _is_app(given: Any) -> bool:
    """Return whether this is an application; both a middleware and an ASGI 2 application take one argument."""
    if _takes(given) == 1:
        return next(iter(inspect.signature(given).parameters)) == "scope"
    return not isinstance(given, type)


def _takes(function: Any) -> int:
    """Return the number of required positional arguments, or 0 if the signature is unknown."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some callables written in C
        return 0
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in kinds and p.default is inspect.Parameter.empty for p in parameters)


def _around_probe(middleware: Any) -> Any:
    """Return the middleware around an application; around one for WSGI if it refuses an asynchronous one."""

    async def probe(scope: Any, receive: Any, send: Any) -> None:
        """Never called."""

    def wsgi_probe(environ: Any, start_response: Any) -> Any:
        """Never called."""

    try:
        made = middleware(probe)
    except Exception:
        try:
            made = middleware(wsgi_probe)
        except Exception as error:
            raise WrongSubjectError(
                f"it cannot be put around an application: {type(error).__name__}: {error}"
            ) from error
    if not callable(made):
        raise WrongSubjectError(f"put around an application it gives an object of type {type(made).__name__}")
    return made


def routes_of(app: Any) -> Iterator[str]:
    """Yield the paths of an application's router, for Flask, Starlette and frameworks that build on them."""
    for _ in range(_LAYERS):
        rules: Any = getattr(app, "url_map", None)
        found = [rule.rule for rule in rules.iter_rules()] if hasattr(rules, "iter_rules") else []
        found += [path for route in getattr(app, "routes", ()) if isinstance(path := getattr(route, "path", None), str)]
        if found:
            yield from found
            return
        app = getattr(app, "app", None)
