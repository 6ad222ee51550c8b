"""Django, under both protocols."""

from __future__ import annotations

from .scenarios import WithIntegration


class TestDjangoWsgi(WithIntegration):
    shop = "django_wsgi"


class TestDjangoAsgi(WithIntegration):
    shop = "django_asgi"
