"""A Django application under WSGI, in one file; in a project this is the last line of ``wsgi.py``.

``sentry-web run examples.django_wsgi:application`` serves it, and prints what it reports:
ask for /hello/you and /fails. With ``SENTRY_DSN``, it is sent there.
"""

from __future__ import annotations

import sentry_sdk
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from sentry_web import SentryWsgiMiddleware

sentry_sdk.init(traces_sample_rate=1.0)

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="only an example")


def hello(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(f"hello {name}\n")


def fails(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("as asked")


urlpatterns = [path("hello/<name>", hello), path("fails", fails)]
application = SentryWsgiMiddleware(get_wsgi_application(), transaction_style="url")
