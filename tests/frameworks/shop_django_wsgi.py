"""The shop in Django under WSGI."""

from __future__ import annotations

from typing import Any

import shop_django
from shop_django import FRAMES, INTEGRATION, NAMES

__all__ = ["FRAMES", "INTEGRATION", "NAMES", "PROTOCOL", "make"]

PROTOCOL = "wsgi"


def make() -> Any:
    from django.core.wsgi import get_wsgi_application

    shop_django.configure()
    return get_wsgi_application()
