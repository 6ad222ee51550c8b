"""Pyramid."""

from __future__ import annotations

from .scenarios import WithIntegration


class TestPyramid(WithIntegration):
    shop = "pyramid"
