"""Django (WSGI and ASGI): its signals report requests and errors, and its URL resolver finds the route."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ..._core.guard import call
from ._found import Found, Listener, dotted_name
from ._mounts import join, mount_of, path_below

#: A converter of ``path()``: ``<int:number>`` or ``<number>``.
_CONVERTER = re.compile(r"<(?:[^>:]+:)?([^>]+)>")
_NAMED_GROUP = re.compile(r"\?P<([^>]+)>")


def watch(signals: Any, listener: Listener) -> None:
    """Listen to ``request_started`` and ``got_request_exception`` of ``django.core.signals``."""

    def started(environ: Any = None, scope: Any = None, **extra: Any) -> None:
        scope_or_environ = environ if scope is None else scope
        if scope_or_environ is not None:
            listener.routed(scope_or_environ, functools.partial(resolve, scope_or_environ))

    def failed(request: Any = None, **extra: Any) -> None:
        match = getattr(request, "resolver_match", None)
        if match is not None:
            scope_or_environ = getattr(request, "scope", None) or request.environ
            call(listener.routed, scope_or_environ, functools.partial(_found, match, scope_or_environ))
        error = sys.exc_info()[1]
        if error is not None:
            listener.swallowed(error, "django")

    _listen(signals.request_started, started)
    _listen(signals.got_request_exception, failed)


def _listen(signal: Any, hear: Callable[..., None]) -> None:
    """Call a function when a signal is sent.

    It is not connected as a receiver, since sentry-sdk's Django integration makes a span of every receiver's call.
    """
    for name in ("send", "asend"):
        send = getattr(signal, name, None)
        if send is not None:
            setattr(signal, name, _heard(send, hear))


def _heard(send: Any, hear: Callable[..., None]) -> Any:
    @functools.wraps(send)
    def sent(*args: Any, **named: Any) -> Any:
        __traceback_hide__ = True
        call(functools.partial(hear, **named))
        return send(*args, **named)

    return sent


def resolve(scope_or_environ: Mapping[str, Any], base: str = "") -> Found | None:
    """Return the route of the path, by Django's resolver and the current URLconf (``request.urlconf``)."""
    match = match_path(path_below(scope_or_environ))
    return None if match is None else _found(match, scope_or_environ, base)


def match_path(path: str) -> Any:
    """Return Django's ``ResolverMatch`` for a path, or ``None`` if there is none."""
    urls = sys.modules.get("django.urls")
    if urls is None:
        return None
    try:
        return urls.resolve(path)
    except urls.Resolver404:
        return None


def _found(match: Any, scope_or_environ: Mapping[str, Any], base: str) -> Found:
    view = match.func
    for attribute in ("view_class", "cls"):  # Django's class-based views, Django REST framework's viewsets
        view = getattr(view, attribute, view)
    return Found(join(mount_of(scope_or_environ, base), route_of(match)), dotted_name(view))


def route_of(match: Any) -> str:
    """Return the template of a match of ``path()`` or ``re_path()``, such as ``/books/{number}``."""
    return template_of(str(match.route))


def template_of(route: str) -> str:
    """Return the template of a route as Django writes it."""
    if any(character in route for character in "^$(\\"):
        route = _without_regex(route)
    return join("", _CONVERTER.sub(r"{\1}", route))


def _without_regex(route: str) -> str:
    """Return a regular expression as a template: groups become names; anchors and quantifiers are dropped."""
    out: list[str] = []
    position = 0
    while position < len(route):
        character = route[position]
        if character == "(":
            end = _end_of_group(route, position)
            out.append(_group(route[position + 1 : end]))
            position = end
        elif character == "\\" and position + 1 < len(route):
            position += 1
            if route[position] not in "AZbB":
                out.append(route[position])
        elif character not in "^$?*+":
            out.append(character)
        position += 1
    return "".join(out)


def _end_of_group(route: str, start: int) -> int:
    """Return the index of the parenthesis that closes the one at ``start``."""
    depth = 0
    skip = False
    for position in range(start, len(route)):
        if skip:
            skip = False
        elif route[position] == "\\":
            skip = True
        elif route[position] in "()":
            depth += 1 if route[position] == "(" else -1
            if depth == 0:
                return position
    return len(route)


def _group(inner: str) -> str:
    named = _NAMED_GROUP.match(inner)
    if named:
        return "{" + named.group(1) + "}"
    if inner.startswith("?:"):
        return _without_regex(inner[2:])
    return "" if inner.startswith("?") else "{var}"
