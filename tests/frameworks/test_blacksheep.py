"""BlackSheep."""

from __future__ import annotations

from .scenarios import Scenarios


class TestBlackSheep(Scenarios):
    shop = "blacksheep"
