"""Falcon, under both protocols."""

from __future__ import annotations

from .scenarios import WithIntegration


class TestFalconWsgi(WithIntegration):
    shop = "falcon_wsgi"


class TestFalconAsgi(WithIntegration):
    shop = "falcon_asgi"
