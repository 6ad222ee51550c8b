"""Litestar."""

from __future__ import annotations

from .scenarios import WithIntegration


class TestLitestar(WithIntegration):
    shop = "litestar"
