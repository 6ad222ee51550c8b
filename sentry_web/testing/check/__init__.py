"""A check of any middleware or application against the promises that ``sentry_web`` keeps itself.

``check`` generates requests and applications, runs them with and without the middleware, and returns a ``Verdict``: the
differences, each with the smallest example found, as a script that reproduces it.

================  =====================================================================
``subject``       the subject under test: its kind, protocol and import
``cases``         the strategies from which examples are drawn
``runs``          the code that is run with an example, as source
``expectations``  the conditions that must hold after a run
``properties``    the promises, as combinations of these three
``search``        the search for minimal examples that break a promise
``snippets``      the conversion of values to Python source
``verdict``       the result, for people and for programs
================  =====================================================================

Hypothesis may be imported by ``cases`` and ``search`` only. These modules, and those that import them, are loaded when
``check`` is called, since importing ``sentry_web.testing`` must not require Hypothesis.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sentry_web.testing.check.subject import KINDS, WrongSubjectError, subject_of
from sentry_web.testing.check.verdict import Finding, Progress, Verdict

__all__ = ["KINDS", "PROPERTIES", "Finding", "Progress", "Verdict", "WrongSubjectError", "check"]

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
    on_progress: Callable[[Progress], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Verdict:
    """Search for requests and applications that break a promise.

    A *middleware* is run around generated applications. It is checked whether the server sees the same as without it;
    one request leads to one transaction and at most one error; duration, outcome and name are right; no secret leaves
    the process; and two requests are kept apart. A middleware that reports nothing to Sentry is only checked for the
    first. A *pair*, ``Wrap(wsgi=…, asgi=…)``, must also report the same for both protocols. An *application* is run as
    it is, to check its use of its protocol, and inside this package's own middleware, to find differences. It is
    actually called, many times and with every method, so it should work on disposable data.

    Args:
        app_or_middleware: A WSGI or ASGI application; or a class or function that takes one and returns another; or a
            ``Wrap``.
        kind: ``"app"``, ``"wsgi-middleware"`` or ``"asgi-middleware"``; ``"auto"``: by the signature.
        examples: The approximate number of examples for each property; properties have different weights.
        seconds: The time limit, in seconds. The verdict lists the properties that were not reached.
        seed: The seed of the examples; the same seed leads to the same examples.
        sdk: Options of ``sentry_sdk.init`` for every run. Tracing is enabled by default.
        only: The names of the properties to check, from ``PROPERTIES``; all if empty.
        paths: Paths of an application to request, in addition to those that its router knows.
        name: ``"module:attribute"``, from which the snippets import the subject; by default determined from the
            subject, if it has an importable name.
        on_progress: Called before each property, with a ``Progress``.
        stop: Asked before each example; where it returns true the check ends, and the verdict has what was found until
            then. A handler of SIGINT can set what it returns: an exception would go to the application under test.

    Returns:
        The verdict, with the findings.

    Raises:
        WrongSubjectError: If the subject is not callable, cannot wrap an application, or is of unknown kind.
        ValueError: If a name in ``only`` is not in ``PROPERTIES``.

    Example:
        >>> from sentry_web import SentryWsgiMiddleware
        >>> check(SentryWsgiMiddleware, examples=10).ok
        True
    """
    from sentry_web.testing.check.search import search

    chosen = frozenset(only)
    if not chosen <= set(PROPERTIES):
        raise ValueError(f"only: {', '.join(sorted(chosen - set(PROPERTIES)))} is none of {', '.join(PROPERTIES)}")
    with _quiet():
        subject = subject_of(app_or_middleware, kind=kind, name=name, sdk=dict(sdk or {}), paths=tuple(paths))
        return search(
            subject,
            examples=examples,
            seconds=seconds,
            seed=seed,
            only=chosen,
            on_progress=on_progress or _ignore,
            stop=stop or _never,
        )


def _ignore(progress: Progress) -> None: ...


def _never() -> bool:
    return False


@contextmanager
def _quiet() -> Iterator[None]:
    """Ignore the warnings of the subject under test, and print none of its log records; handlers still get them."""
    handler = logging.NullHandler()  # without any handler, logging prints to stderr
    logging.getLogger().addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger().removeHandler(handler)
