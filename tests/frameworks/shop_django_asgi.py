"""The shop in Django under ASGI."""

from __future__ import annotations

from typing import Any

import shop_django
from shop_django import FRAMES, INTEGRATION, NAMES

__all__ = ["FRAMES", "INTEGRATION", "NAMES", "PROTOCOL", "make"]

PROTOCOL = "asgi"


def make() -> Any:
    from django.core.asgi import get_asgi_application

    shop_django.configure()
    return get_asgi_application()
