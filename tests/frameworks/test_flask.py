"""Flask."""

from __future__ import annotations

from .scenarios import WithIntegration


class TestFlask(WithIntegration):
    shop = "flask"
