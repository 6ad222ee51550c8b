"""FastAPI."""

from __future__ import annotations

from .scenarios import WithIntegration


class TestFastAPI(WithIntegration):
    shop = "fastapi"
