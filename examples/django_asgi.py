"""A Django application under ASGI, in one file; in a project this is the last line of ``asgi.py``.

``sentry-web run examples.django_asgi:application`` serves it, and prints what it reports:
ask for /hello/you and /fails. With ``SENTRY_DSN``, it is sent there.
"""

from __future__ import annotations

import sentry_sdk
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from sentry_web import SentryAsgiMiddleware

sentry_sdk.init(traces_sample_rate=1.0)

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="only an example")


async def hello(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(f"hello {name}\n")


async def fails(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("as asked")


urlpatterns = [path("hello/<name>", hello), path("fails", fails)]
application = SentryAsgiMiddleware(get_asgi_application(), transaction_style="url")
