"""The matrix: servers that speak WSGI."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .cells import Cells
from .processes import ARRIVAL, SERVERS, site_of, wait_until

if TYPE_CHECKING:
    from pathlib import Path


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


def test_uwsgi_sends_a_file_as_it_sends_the_bare_ones(tmp_path: Path) -> None:
    """From the offload thread, which takes only the very object that uWSGI's ``wsgi.file_wrapper`` made."""
    with site_of(SERVERS["uWSGI"], tmp_path) as site:
        for trace in (site.new_trace(), None):
            assert site.fetch(trace, "GET", "/file").status == 200

        def ways() -> list[str]:
            printed = site.process.log.read_text("utf-8", "replace")
            return re.findall(r"GET /file => generated 262144 bytes .*? via (\S+)", printed)

        assert wait_until(lambda: len(ways()) == 2, ARRIVAL), str(site.process)
        assert len(set(ways())) == 1


class TestWerkzeug(Cells):
    server = "werkzeug"


class TestWsgiref(Cells):
    server = "wsgiref"
