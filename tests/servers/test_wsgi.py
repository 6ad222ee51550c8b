"""The matrix: servers that speak WSGI."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .cells import Cells

if TYPE_CHECKING:
    from .processes import Site


class TestGunicornSync(Cells):
    server = "gunicorn, sync"


class TestGunicornThreads(Cells):
    server = "gunicorn, gthread"


class TestGunicornGevent(Cells):
    server = "gunicorn, gevent"


class TestHypercorn(Cells):
    server = "hypercorn (WSGI)"


class TestGranian(Cells):
    server = "granian (WSGI)"


class TestWaitress(Cells):
    server = "waitress"


class TestCheroot(Cells):
    server = "cheroot"


class TestUwsgi(Cells):
    server = "uWSGI"

    def test_the_file_is_sent_as_the_bare_ones(self, site: Site) -> None:
        """From the offload thread, which takes only the very object that uWSGI's ``wsgi.file_wrapper`` made."""
        printed = site.process.log.read_text("utf-8", "replace")
        ways = re.findall(r"GET /file => generated 262144 bytes .*? via (\S+)", printed)
        assert len(ways) == 2, printed  # wrapped and bare
        assert len(set(ways)) == 1


class TestWerkzeug(Cells):
    server = "werkzeug"


class TestWsgiref(Cells):
    server = "wsgiref"
