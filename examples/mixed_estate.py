"""An old Django application under WSGI, mounted in a new FastAPI one: one process, one middleware around both.

``sentry-web run examples.mixed_estate:application`` serves it, and prints what it reports:
ask for /hello/you, /old/hello/you and /old/fails. With ``SENTRY_DSN``, it is sent there.
"""

from __future__ import annotations

import sentry_sdk
from asgiref.wsgi import WsgiToAsgi
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from fastapi import FastAPI

from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware

sentry_sdk.init(traces_sample_rate=1.0)

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="only an example")
app = FastAPI()


@app.get("/hello/{name}")
def hello(name: str) -> str:
    return f"hello {name}"


def old_hello(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(f"hello {name}, of old\n")


def fails(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("as asked")


urlpatterns = [path("hello/<name>", old_hello), path("fails", fails)]
# Wrapped as it always was; a request that comes through the middleware around it all is still reported once.
app.mount("/old", WsgiToAsgi(SentryWsgiMiddleware(get_wsgi_application())))
application = SentryAsgiMiddleware(app, transaction_style="url")
