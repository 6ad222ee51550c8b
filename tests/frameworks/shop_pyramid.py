"""The shop in Pyramid: its mounted part is included under a prefix, its middleware a tween."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyramid.config import Configurator
from pyramid.response import Response

PROTOCOL = "wsgi"
INTEGRATION = "pyramid.PyramidIntegration"


def book(request: Any) -> Any:
    return Response(f"book {request.matchdict['number']}")


def shelf(request: Any) -> Any:
    return Response(f"shelf {request.matchdict['number']}")


def broken(request: Any) -> Any:
    raise ValueError("broken view")


def guarded(request: Any) -> Any:
    return Response("never")


def guard(handler: Any, registry: Any) -> Any:
    def tween(request: Any) -> Any:
        if request.path == "/guarded":
            raise RuntimeError("broken middleware")
        return handler(request)

    return tween


def torn(request: Any) -> Any:
    def chunks() -> Iterator[bytes]:
        yield b"first"
        raise LookupError("broken stream")

    return Response(app_iter=chunks())


def annex(config: Any) -> None:
    config.add_route("shelf", "/shelves/{number}")
    config.add_view(shelf, route_name="shelf")


def make() -> Any:
    with Configurator() as config:
        config.add_tween("shop_pyramid.guard")
        for name, pattern, view in (
            ("book", "/books/{number}", book),
            ("broken", "/broken", broken),
            ("guarded", "/guarded", guarded),
            ("torn", "/torn", torn),
        ):
            config.add_route(name, pattern)
            config.add_view(view, route_name=name)
        config.include(annex, route_prefix="/annex")
        return config.make_wsgi_app()


NAMES = {
    "/books/1": ("shop_pyramid.book", "/books/{number}"),
    "/annex/shelves/2": ("shop_pyramid.shelf", "/annex/shelves/{number}"),
    "/broken": ("shop_pyramid.broken", "/broken"),
    "/guarded": (None, None),  # before the route is chosen
    "/torn": ("shop_pyramid.torn", "/torn"),
}
FRAMES = {"/guarded": "tween"}
