"""Checks somebody's own middleware or application against the promises that ``sentry_web`` keeps itself.

``check`` generates requests and applications, runs them with and without the middleware, and hands back a ``Verdict``:
what differs, each with the smallest example found, as a script that shows it again.

================  =====================================================================
``subject``       what is under test: its kind, its protocol, how a script imports it
``cases``         the strategies that examples are drawn from
``runs``          what is run with an example, as source
``expectations``  what must hold then, a row for each aspect
``properties``    the three put together: what is promised
``search``        looks for examples in which a promise breaks, and makes them small
``snippets``      values → Python source
``verdict``       what was found, for people and for programs
================  =====================================================================

Hypothesis may be imported by ``cases`` and ``search`` only; they and what imports them are loaded when ``check`` is
called, since importing ``sentry_web.testing`` must not need it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from sentry_web.testing.check.subject import KINDS, WrongSubjectError, subject_of
from sentry_web.testing.check.verdict import Finding, Verdict

__all__ = ["KINDS", "PROPERTIES", "Finding", "Verdict", "WrongSubjectError", "check"]

#: The names of the properties, as in ``Finding.property`` and for ``only``.
PROPERTIES = ("transparent", "protocol", "once", "duration", "outcome", "name", "private", "isolation", "same")


def check(
    app_or_middleware: Any,
    *,
    kind: str = "auto",
    examples: int = 100,
    seconds: float = 60.0,
    seed: int = 0,
    sdk: Mapping[str, Any] | None = None,
    only: Iterable[str] = (),
    paths: Iterable[str] = (),
    name: str | None = None,
) -> Verdict:
    """Look for requests and applications with which a promise is broken.

    A *middleware* is run around generated applications: does the server see what it would see without it; is one
    request one transaction and at most one error; do duration, outcome and name hold; does a secret leave the
    process; are two requests kept apart. A middleware that reports nothing to Sentry is only held to the first. A
    *pair*, ``Wrap(wsgi=…, asgi=…)``, is also held to report the same by both protocols. An *application* is run as it
    is, for its use of its protocol, and inside this package's own middleware, for any difference that makes; it is
    really called, many times, with every method, so let it work on data that nobody needs.

    Args:
        app_or_middleware: A WSGI or ASGI application; or a class or function that takes one and returns another; or a
            ``Wrap``.
        kind: ``"app"``, ``"wsgi-middleware"`` or ``"asgi-middleware"``; ``"auto"``: by the signature.
        examples: How many examples each property is tried with, more or less: some weigh more.
        seconds: How long it may take in all. What was not reached then is named in the verdict.
        seed: The same seed gives the same examples.
        sdk: Options of ``sentry_sdk.init`` for every run. Tracing is on if not said otherwise.
        only: Names of the properties to check, of ``PROPERTIES``; none: all.
        paths: Paths of an application to ask for, besides those that its router knows.
        name: ``"module:attribute"``, by which the snippets import what is under test; found by itself for what has an
            importable name.

    Raises:
        WrongSubjectError: it cannot be called, cannot be put around an application, or does not show its kind.
        ValueError: a name in ``only`` is none of ``PROPERTIES``.

    Example:
        >>> from sentry_web import SentryWsgiMiddleware
        >>> check(SentryWsgiMiddleware, examples=10).ok
        True
    """
    from sentry_web.testing.check.search import search

    chosen = frozenset(only)
    if not chosen <= set(PROPERTIES):
        raise ValueError(f"only: {', '.join(sorted(chosen - set(PROPERTIES)))} is none of {', '.join(PROPERTIES)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is under test may warn as it likes
        subject = subject_of(app_or_middleware, kind=kind, name=name, sdk=dict(sdk or {}), paths=tuple(paths))
        return search(subject, examples=examples, seconds=seconds, seed=seed, only=chosen)
