"""Flask, Quart and bare werkzeug routing."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from typing import Any

from ..._core.guard import call
from ._found import Found, Listener, dotted_name
from ._mounts import join, mount_of
from ._wrapped import WrappedApplication, _static


def look(environ: Mapping[str, Any], wrapped: WrappedApplication, base: str) -> Found | None:
    """Return the rule that Flask, or werkzeug's routing, has stored on the request object in the environ."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    if rule is None:
        return None
    mount = mount_of(environ, base)
    view = _flask_view(wrapped.views.get(mount), rule.endpoint)
    return Found(join(mount, str(rule.rule)), dotted_name(rule.endpoint if view is None else view))


def _flask_view(views: Mapping[Any, Any] | None, endpoint: Any) -> Any:
    """Return the view of a Flask endpoint.

    The views are known if the application was found at construction. Otherwise they are those of the application whose
    context is current, which it is until the response has started.
    """
    flask = sys.modules.get("flask")
    if views is None and flask is not None and flask.has_app_context():
        views = flask.current_app.view_functions
    return None if views is None else views.get(endpoint)


def attach(app: Any, prefix: str, wrapped: WrappedApplication, listener: Listener) -> None:
    """Note a Flask application's views, or the URL map of an application that uses only werkzeug's routing."""
    views, url_map = _static(app, "view_functions"), _static(app, "url_map")
    if isinstance(views, Mapping):
        wrapped.views.setdefault(prefix, views)
    elif callable(getattr(type(url_map), "bind_to_environ", None)):
        wrapped.routers.append((prefix, functools.partial(_match, url_map)))


def _match(url_map: Any, environ: Mapping[str, Any], mount: str) -> Found | None:
    if "REQUEST_METHOD" not in environ:
        return None
    try:
        rule, _ = url_map.bind_to_environ(environ).match(return_rule=True)
    except sys.modules["werkzeug.exceptions"].HTTPException:  # not found, wrong method, or a redirect
        return None
    return Found(join(mount, str(rule.rule)), dotted_name(rule.endpoint))


def watch_flask(flask: Any, listener: Listener) -> None:
    """Connect to Flask's ``got_request_exception`` (Flask API, "Signals")."""

    def receive(sender: Any, exception: BaseException, **extra: Any) -> None:
        call(listener.swallowed, exception, "flask")

    flask.got_request_exception.connect(receive, weak=False)


def watch_quart(quart: Any, listener: Listener) -> None:
    """Connect to Quart's signals, which report its routes, since it writes nothing into the scope.

    The receivers are coroutine functions, since Quart runs all others in a thread.
    """

    async def failed(sender: Any, exception: BaseException, **extra: Any) -> None:
        call(listener.swallowed, exception, "quart")

    async def started(sender: Any, **extra: Any) -> None:
        call(_report_quart, quart, sender, listener)

    for signal in (quart.got_request_exception, quart.got_websocket_exception):
        signal.connect(failed, weak=False)
    for signal in (quart.request_started, quart.websocket_started):
        signal.connect(started, weak=False)


def _report_quart(quart: Any, app: Any, listener: Listener) -> None:
    request = quart.request if quart.has_request_context() else quart.websocket
    rule, scope = request.url_rule, request.scope
    if rule is not None:
        view = dotted_name(app.view_functions.get(rule.endpoint, rule.endpoint))
        listener.routed(scope, lambda base: Found(join(mount_of(scope, base), str(rule.rule)), view))
