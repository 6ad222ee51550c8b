"""Quart."""

from __future__ import annotations

from .scenarios import WithIntegration


class TestQuart(WithIntegration):
    shop = "quart"
