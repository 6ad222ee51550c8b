"""Starlette."""

from __future__ import annotations

from .scenarios import WithIntegration


class TestStarlette(WithIntegration):
    shop = "starlette"
