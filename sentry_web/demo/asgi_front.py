"""The bookshop as a Starlette application: routes, and the conversion of the shop's results to responses.

This module contains neither the logic of the shop nor anything about Sentry. An endpoint has the name of the shop's
function, so that names are the same for both applications.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute

from sentry_web.demo import shop

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app() -> Starlette:
    """Return the ASGI application."""
    return Starlette(
        routes=[
            Route("/", _endpoint(shop.front_page)),
            Route("/books/{book_id:int}", _endpoint(shop.show_book)),
            Route("/books/{book_id:int}/rating", _endpoint(shop.average_rating)),
            Route("/orders", _order_endpoint(shop.place_order), methods=["POST"]),
            Route("/catalogue.csv", _endpoint(shop.export_catalogue)),
            Route("/invoices.csv", _endpoint(shop.export_invoices)),
            WebSocketRoute("/assistant", _conversation(shop.answer)),
        ]
    )


def _endpoint(function: Callable[..., Any]) -> Endpoint:
    @functools.wraps(function)
    async def endpoint(request: Request) -> Response:
        return _response(function(**request.path_params))

    return endpoint


def _order_endpoint(function: Callable[..., Any]) -> Endpoint:
    @functools.wraps(function)
    async def endpoint(request: Request) -> Response:
        return _response(function(await request.json()))

    return endpoint


def _conversation(function: Callable[[str], str]) -> Callable[[WebSocket], Awaitable[None]]:
    @functools.wraps(function)
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        async for question in websocket.iter_text():
            await websocket.send_text(function(question))

    return endpoint


def _response(result: Any) -> Response:
    if isinstance(result, str):
        return HTMLResponse(result)
    if isinstance(result, Iterator):
        return StreamingResponse(result, media_type="text/csv")
    return JSONResponse(result)
