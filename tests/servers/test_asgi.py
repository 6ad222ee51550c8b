"""The matrix: servers that speak ASGI."""

from __future__ import annotations

from .cells import Cells


class TestUvicornWithUvloop(Cells):
    server = "uvicorn, uvloop + httptools"


class TestUvicornWithAsyncio(Cells):
    server = "uvicorn, asyncio + h11"


class TestHypercorn(Cells):
    server = "hypercorn (ASGI)"


class TestDaphne(Cells):
    server = "daphne"


class TestGranian(Cells):
    server = "granian (ASGI)"


class TestGunicornWithUvicorn(Cells):
    server = "gunicorn, uvicorn worker"
