"""Middlewares with known faults: what the kit must find, whichever of them sentry-sdk's have still.

They do in few lines what sentry-sdk's middlewares did when the faults were found in them (2.75). A release that mends
one turns no test red; that the kit finds the faults is asserted here exactly.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

import sentry_sdk
from asgiref.compatibility import guarantee_single_callable

from sentry_web._sentry.compat import event_from_exception
from sentry_web.testing.sdk import start_root

if TYPE_CHECKING:
    from collections.abc import Iterator

_in_wsgi: ContextVar[bool] = ContextVar("in_wsgi", default=False)
_in_asgi: ContextVar[bool] = ContextVar("in_asgi", default=False)


def _sends_personal_data() -> bool:
    client: Any = sentry_sdk.get_client()
    options = client.options
    return bool(options.get("send_default_pii", (options.get("data_collection") or {}).get("user_info")))


def _capture(error: BaseException, mechanism: str) -> None:
    options = sentry_sdk.get_client().options
    event, hint = event_from_exception(error, options, {"type": mechanism, "handled": False})
    sentry_sdk.capture_event(event, hint=hint)


def _wsgi_request(environ: Any, event: Any, hint: Any) -> Any:
    """An event with the request, and the peer's address as the user's."""
    headers = {key[5:].replace("_", "-").title(): value for key, value in environ.items() if key.startswith("HTTP_")}
    url = f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST')}{environ.get('PATH_INFO', '')}"
    query = environ.get("QUERY_STRING")
    event["request"] = {"url": url, "query_string": query, "method": environ["REQUEST_METHOD"], "headers": headers}
    if _sends_personal_data():
        event["request"]["env"] = {"REMOTE_ADDR": environ.get("REMOTE_ADDR")}
        event["user"] = {"ip_address": environ.get("REMOTE_ADDR")}
    return event


def _asgi_request(scope: Any, event: Any, hint: Any) -> Any:
    """An event with the request; a forwarded scheme counts, whoever claims it."""
    headers = {key.decode("latin-1").title(): value.decode("latin-1") for key, value in scope["headers"]}
    scheme = headers.get("X-Forwarded-Proto", scope["scheme"])
    query = scope["query_string"].decode("latin-1")
    url = f"{scheme}://{headers.get('Host')}{scope['path']}"
    event["request"] = {"url": url, "query_string": query, "method": scope["method"], "headers": headers}
    if _sends_personal_data() and scope.get("client"):
        event["request"]["env"] = {"REMOTE_ADDR": scope["client"][0]}
    return event


class FaultyWsgiMiddleware:
    """One name for all; the transaction ends with the call; every exception is an error."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if _in_wsgi.get():
            return self.app(environ, start_response)
        _in_wsgi.set(True)
        try:
            with sentry_sdk.isolation_scope() as scope:
                scope.add_event_processor(partial(_wsgi_request, environ))
                with start_root("generic WSGI request", "http.server", "route"):
                    try:
                        response = self.app(environ, start_response)
                    except BaseException as error:
                        _capture(error, "wsgi")
                        raise
        finally:
            _in_wsgi.set(False)  # before the response is iterated
        return _Response(scope, response)


class _Response:
    """Neither as long as the application's nor a file; silent about an ``AttributeError`` of its ``close()``."""

    def __init__(self, scope: Any, response: Any) -> None:
        self._scope = scope
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        chunks = iter(self._response)
        while True:
            with sentry_sdk.scope.use_isolation_scope(self._scope):
                try:
                    chunk = next(chunks)
                except StopIteration:
                    return
                except BaseException as error:
                    _capture(error, "wsgi")
                    raise
            yield chunk

    def close(self) -> None:
        with sentry_sdk.scope.use_isolation_scope(self._scope):
            try:
                self._response.close()
            except AttributeError:
                pass
            except BaseException as error:
                _capture(error, "wsgi")
                raise


class FaultyAsgiMiddleware:
    """Named by its URL; lasts as long as the application; needs all keys; cuts the chain of an exception."""

    def __init__(self, app: Any) -> None:
        self.app = guarantee_single_callable(app)

    def __call__(self, scope: Any, receive: Any = None, send: Any = None) -> Any:
        """Serve as the application is called: ASGI 3, or ASGI 2 by the scope alone."""
        return self._serve(scope, receive, send) if receive else partial(self._serve, scope)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        if _in_asgi.get() or scope["type"] != "http":
            await self._run(scope, receive, send)
            return
        token = _in_asgi.set(True)
        name = f"{scope['scheme']}://{dict(scope['headers'])[b'host'].decode()}{scope['path']}"
        try:
            with sentry_sdk.isolation_scope() as isolation:
                isolation.add_event_processor(partial(_asgi_request, scope))
                with start_root(name, "http.server", "url"):
                    await self._run(scope, receive, send)
        finally:
            _in_asgi.reset(token)

    async def _run(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            _capture(error, "asgi")
            raise error from None
