"""Breaks every function of ours that deals with frameworks, one at a time, while one framework's shop is asked.

``python break_it.py shop_flask`` prints, as JSON, by function: at which paths the answer was another one than without
our middleware; and which of the functions ran at all.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import logging
import sys
from pathlib import Path
from typing import Any

import probe
from alone import hide_other_frameworks

from sentry_web.testing import RequestSpec
from sentry_web.testing.transport import recording

OURS = (
    "_naming.frameworks.",
    "_core.entry._report_route",
    "_core.entry._report_swallowed",
    "_naming.naming.Naming.report_route",
)
#: Frameworks call these, so that they may not fail; each makes one guarded call.
ENTRY_POINTS = (
    "_naming.frameworks.blacksheep._Middleware.__call__",
    "_naming.frameworks.django._heard.sent",
    "_naming.frameworks.falcon._asgi_handler.handle",
    "_naming.frameworks.falcon._wsgi_handler.handle",
    "_naming.frameworks.litestar._AfterException.__call__",
    "_naming.frameworks.pallets.watch_flask.receive",
    "_naming.frameworks.pallets.watch_quart.failed",
    "_naming.frameworks.pallets.watch_quart.started",
    "_naming.frameworks.pyramid._Subscriber.__call__",
)


def breaking() -> Any:
    """The module of the conformance tests that breaks functions."""
    path = Path(__file__).parent.parent / "conformance" / "breaking.py"
    spec = importlib.util.spec_from_file_location("breaking", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["breaking"] = module
    spec.loader.exec_module(module)
    return module


def answers(shop: Any, *, wrapped: bool) -> dict[str, Any]:
    """What a new application answers."""
    app = shop.make()
    with recording(traces_sample_rate=1.0) if wrapped else contextlib.nullcontext():
        app = probe.middleware(shop)(app) if wrapped else app
        return {path: probe.ask(shop, app, RequestSpec(path=path)) for path in probe.paths_of(shop)}


def main() -> None:
    hide_other_frameworks(sys.argv[1].split("_")[1])
    tools = breaking()
    functions = {name: item for name, item in tools.functions().items() if name.startswith(OURS)}
    shop = importlib.import_module(sys.argv[1])
    logging.getLogger().addHandler(logging.NullHandler())
    different: dict[str, list[str]] = {}
    with contextlib.redirect_stderr(io.StringIO()):
        expected = answers(shop, wrapped=False)
        with tools.watching() as seen:
            assert answers(shop, wrapped=True) == expected
        ran = [name for name, item in functions.items() if item.code in seen]
        for name in ran:
            if name in ENTRY_POINTS:
                continue
            breaker = tools.Breaker()
            breaker.armed = True
            with breaker.breaking(functions[name]):
                actual = answers(shop, wrapped=True)
            different[name] = [path for path in expected if actual[path] != expected[path]]
    json.dump({"all": list(functions), "ran": ran, "different": different}, sys.stdout)


if __name__ == "__main__":
    main()
