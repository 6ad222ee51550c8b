"""The shop in Django, for both protocols: its mounted part is included, with a class-based view under a regex."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import django
from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import include, path, re_path
from django.views import View

INTEGRATION = "django.DjangoIntegration"


def book(request: Any, number: int) -> Any:
    return HttpResponse(f"book {number}")


class Shelf(View):
    def get(self, request: Any, number: str) -> Any:
        return HttpResponse(f"shelf {number}")


def broken(request: Any) -> Any:
    raise ValueError("broken view")


def guarded(request: Any) -> Any:
    return HttpResponse("never")


def guard(get_response: Any) -> Any:
    def middleware(request: Any) -> Any:
        if request.path == "/guarded":
            raise RuntimeError("broken middleware")
        return get_response(request)

    return middleware


def torn(request: Any) -> Any:
    def chunks() -> Iterator[bytes]:
        yield b"first"
        raise LookupError("broken stream")

    return StreamingHttpResponse(chunks())


urlpatterns = [
    path("books/<int:number>", book),
    path("broken", broken),
    path("guarded", guarded),
    path("torn", torn),
    path("annex/", include([re_path(r"^shelves/(?P<number>[0-9]+)$", Shelf.as_view())])),
]

NAMES = {
    "/books/1": ("shop_django.book", "/books/{number}"),
    "/annex/shelves/2": ("shop_django.Shelf", "/annex/shelves/{number}"),
    "/broken": ("shop_django.broken", "/broken"),
    "/guarded": ("shop_django.guarded", "/guarded"),
    "/torn": ("shop_django.torn", "/torn"),
}


def configure() -> None:
    """Set Django up, once a process."""
    if not settings.configured:
        settings.configure(
            ROOT_URLCONF=sys.modules[__name__],
            MIDDLEWARE=[f"{__name__}.guard"],
            ALLOWED_HOSTS=["*"],
            LOGGING_CONFIG=None,
            DATABASES={},
        )
        django.setup()


FRAMES = {"/guarded": "middleware"}
