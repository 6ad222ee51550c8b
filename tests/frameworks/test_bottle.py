"""Bottle."""

from __future__ import annotations

from .scenarios import WithIntegration


class TestBottle(WithIntegration):
    shop = "bottle"
