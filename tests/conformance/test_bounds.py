"""What grows with input has a bound: every cache and every collection of the package is listed here, and filled.

``docs/architecture.md`` has the list for readers. A new cache or collection fails the first two tests until it is in
both.
"""

from __future__ import annotations

import ast
import functools
import gc
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk

import sentry_web
from sentry_web._core import exchange, guard
from sentry_web._middlewares import entry_points
from sentry_web._naming import paths
from sentry_web._options import Options
from sentry_web._privacy import canonical, header_kinds, policy, redactor, rules, secrets
from sentry_web._request import body, environ, forwarding, http
from sentry_web._request.environ import EnvironRequest
from sentry_web.recorder import MOST_CAPTURED, Captured
from sentry_web.testing import ASGI3, WSGI, RequestSpec, Script, SendChunk, StartResponse, Wrap

from .breaking import NOT_WITH_THIS_SDK
from .properties import TRACED, sdk

ROOT = Path(sentry_web.__file__).parent
#: Packages that are not part of serving a request.
_ELSEWHERE = ("cli", "demo", "testing")

#: Caches by decorator whose keys come from requests, or may: the number of entries is that of the decorator.
CACHES = {
    "_otel.propagation._one": "names of headers, asked by propagators",
    "_privacy.canonical._numeric": "numeric references of HTML, up to ten characters",
    "_request.environ._key": "names of headers, asked by outputs",
    "_request.forwarding._address": "addresses of up to 64 characters",
    "_request.http._server_address": "hosts of up to 64 characters",
    "_request.http._status_code": "status lines of the application",
    "_request.wsgi_input._class_for": "classes of input streams",
}
#: Caches by decorator without a bound: their keys come from code or settings.
FROM_CODE = {
    "_request.environ._keys": "the header names that a module asks for",
    "_request.scope._forms": "the same",
    "asgi._double_callable": "classes of middlewares",
}
#: Collections that start empty and grow, each with what bounds it.
COLLECTIONS = {
    # For the process or a middleware
    "_core.guard._requests": "one for each import",
    "_core.guard._logged": "functions in code",
    "_core.guard._queue": "requests that the garbage collector has found, until a thread has finished them",
    "_middlewares.entry_points._made": "MOST_APPLICATIONS",
    "_middlewares.entry_points._waiting": "modules in the table of entry points",
    "_naming.frameworks._wrapped.routers": "applications behind a middleware, of at most 200 layers",
    "_naming.frameworks._wrapped.fallbacks": "the same",
    "_naming.frameworks._wrapped.views": "the same",
    "_naming.frameworks.pyramid._views": "routes of the application",
    "_naming.paths._paths": "the option max_path_names",
    "_naming.paths._shapes": "the same",
    "_privacy.header_kinds._known": "_MOST_NAMES of up to _LONGEST_NAME characters",
    "_privacy.policy._harmless": "_MOST_KEYS of up to _LONGEST_KEYS characters",
    "_privacy.rules._known": "_MOST_KEYS of up to _SHORT characters",
    "_request.environ._HEADERS": "_MOST of up to _LONGEST characters",
    "_sentry._speedups._installed": "the speedups",
    "_sentry._speedups.attributes._sdk": "functions of the SDK",
    "_sentry._speedups.log_records._methods": "classes of handlers",
    "_sentry._speedups.source_lines._known": "_MOST_FILES of up to _LONGEST characters, together _MOST_CHARACTERS",
    "_sentry._speedups.serializer._CYCLIC": "a constant of the probe",
    "_sentry.compat._found": "two variables of the SDK",
    # For a request, an event, or a search
    "_privacy.canonical._layers": "rounds over the escapes of one text",
    "_privacy.redactor.forms": "_MOST_FORMS",
    "_privacy.redactor._harmless": "_MOST_REMEMBERED characters",
    "_privacy.redactor._shown": "objects of one event",
    "_privacy.secrets._values": "_MOST_COLLECTED",
    "_privacy.secrets._claims": "address headers of one request",
    "_privacy.secrets.words": "secrets of one request",
    "_privacy.secrets.blocks": "the same",
    "_request.body._parts": "the SDK's max_request_body_size, at most KEPT_AT_MOST bytes",
    "_request.body._beginnings": "_MOST_BEGINNINGS",
    "_sentry._speedups.sampling.lost": "what a probe loses",
    "_sentry._speedups.serializer.meta": "remarks of one event",
    "_sentry.compat._links": "always empty: it drops those of a span",
}


def modules() -> Iterator[Any]:
    for info in pkgutil.walk_packages(sentry_web.__path__, "sentry_web."):
        if info.name.split(".")[1] not in _ELSEWHERE and info.name not in NOT_WITH_THIS_SDK:
            yield importlib.import_module(info.name)


def short(module: Any) -> str:
    return module.__name__.removeprefix("sentry_web.")


def test_every_cache_by_decorator_is_listed():
    found, unbounded = set(), set()
    for module in modules():
        for name, value in vars(module).items():
            if isinstance(value, functools._lru_cache_wrapper) and value.__module__ == module.__name__:
                bound = value.cache_parameters()["maxsize"]
                if bound is not None:
                    found.add(f"{short(module)}.{name}")
                elif inspect.signature(value).parameters:
                    unbounded.add(f"{short(module)}.{name}")
    assert found == CACHES.keys()
    assert unbounded == FROM_CODE.keys()


def _is_empty_collection(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call) and not value.args:
        name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        return name in ("set", "dict", "list", "deque", "defaultdict", "OrderedDict", "SimpleQueue") or "Weak" in name
    return (isinstance(value, ast.Dict) and not value.keys) or (isinstance(value, ast.List) and not value.elts)


def _collections(node: ast.AST, in_function: bool = False) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Assign, ast.AnnAssign)) and _is_empty_collection(child.value):
            for target in child.targets if isinstance(child, ast.Assign) else [child.target]:
                if isinstance(target, ast.Attribute):
                    yield target.attr
                elif isinstance(target, ast.Name) and not in_function:
                    yield target.id
        yield from _collections(child, in_function or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)))


def test_every_collection_that_starts_empty_is_listed():
    """Those of a module, or of an object, which outlive a call."""
    found = set()
    for file in ROOT.rglob("*.py"):
        parts = file.relative_to(ROOT).with_suffix("").parts
        if parts[0] not in _ELSEWHERE:
            name = ".".join(part for part in parts if part != "__init__")
            found |= {f"{name}.{one}" for one in _collections(ast.parse(file.read_text("utf-8")))}
    assert found == COLLECTIONS.keys()


def test_the_documentation_lists_them():
    page = ROOT.parent / "docs" / "architecture.md"
    if not page.exists():  # the installed wheel is under test, away from the checkout
        page = Path(__file__).parents[2] / "docs" / "architecture.md"
    text = page.read_text("utf-8").partition("## What grows with input")[2]
    assert [name for name in (*CACHES, *COLLECTIONS, *FROM_CODE) if f"`{name.rpartition('.')[2]}`" not in text] == []


# --- filled ----------------------------------------------------------------------------------------------------------

FLOOD = 6000


def sizes() -> dict[str, int]:
    """The number of entries of what lives as long as a process or a middleware, by name."""
    found = {"_HEADERS": len(environ._HEADERS), "paths": len(paths.NAMES._paths), "shapes": len(paths.NAMES._shapes)}
    for kind, attribute in ((header_kinds.HeaderKinds, "_known"), (policy.Policy, "_harmless"), (rules.Keys, "_known")):
        held = [len(getattr(one, attribute)) for one in gc.get_objects() if type(one) is kind]
        found[f"{kind.__name__}.{attribute}"] = max(held, default=0)
    for module, name in ((forwarding, "_address"), (http, "_server_address"), (http, "_status_code")):
        found[name] = getattr(module, name).cache_info().currsize
    return found


BOUNDS = {
    "_HEADERS": environ._MOST,
    "paths": 1000,
    "shapes": 1000,
    "HeaderKinds._known": header_kinds._MOST_NAMES,
    "Policy._harmless": policy._MOST_KEYS,
    "Keys._known": rules._MOST_KEYS,
    "_address": 1024,
    "_server_address": 256,
    "_status_code": 256,
}


def stranger(number: int) -> RequestSpec:
    """A request that resembles no other one."""
    headers = (
        (f"X-Made-Up-{number:x}-{chr(97 + number % 26)}", "1"),
        ("Host", f"h{number}.example"),
        ("X-Forwarded-For", f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"),
        ("Cookie", f"c{number}=theme"),
    )
    word = "".join(chr(97 + number // 26**place % 26) for place in range(4))
    return RequestSpec("GET", f"/{word}/page", query=f"q{number}=1&page=2", headers=headers)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_what_strangers_send_fills_caches_up_to_their_bounds(driver):
    paths.NAMES.clear()
    script = Script((StartResponse(200, (("Content-Type", "text/plain"),)), SendChunk(b"x")))
    wrap = Wrap.ours()
    with sdk(TRACED[0]):
        client = sentry_sdk.get_client()
        for number in range(FLOOD // 4):
            driver.run(script, stranger(number), wrap)
            client.transport.envelopes.clear()
        found = sizes()
    paths.NAMES.clear()
    assert {name: size for name, size in found.items() if size > BOUNDS[name]} == {}
    assert found["paths"] == BOUNDS["paths"]


def flood(call: Any, form: str = "{}") -> None:
    for number in range(FLOOD):
        call(form.format(number))


def test_each_cache_stops_at_its_bound():
    """Filled directly, with more than any driver would bring in a test's time."""
    keys = rules.Keys()
    flood(keys.is_sensitive, "key{}")
    kinds = header_kinds.HeaderKinds(policy.Rule(keys=keys))
    flood(kinds.of, "X-Made-Up-{}")
    names = paths.PathNames()
    flood(lambda path: names.name(path, 50), "/{}/a")
    flood(environ._known_header, "HTTP_X_MADE_UP_{}")
    flood(forwarding.parse_address, "10.0.0.{}")
    flood(lambda host: http.server_address("http", host), "h{}.example")
    flood(canonical._numeric, "&#{};")
    assert len(keys._known) == rules._MOST_KEYS
    assert len(kinds._known) == header_kinds._MOST_NAMES
    assert (len(names._paths), len(names._shapes)) == (50, 1)
    assert len(environ._HEADERS) == environ._MOST
    assert forwarding._address.cache_info().currsize == 1024
    assert http._server_address.cache_info().currsize == 256
    assert canonical._numeric.cache_info().currsize == 1024
    environ._HEADERS.clear()


def test_nothing_long_is_remembered():
    long = "x" * 60_000
    keys = rules.Keys()
    before = forwarding._address.cache_info().currsize, http._server_address.cache_info().currsize
    keys.is_sensitive(long)
    header_kinds.HeaderKinds(policy.Rule(keys=keys)).of(long)
    environ._known_header(f"HTTP_{long}")
    forwarding.parse_address(long)
    http.server_address("http", long)
    assert keys._known == {}
    assert f"HTTP_{long}" not in environ._HEADERS
    assert (forwarding._address.cache_info().currsize, http._server_address.cache_info().currsize) == before


def test_collections_of_one_request_stop_at_their_bounds():
    kept = body.Body(10**9)
    for _ in range(FLOOD):
        kept.feed(b"x" * 1000)
    assert kept.size == FLOOD * 1000
    assert kept._parts is None
    assert len(kept._beginnings) <= body._MOST_BEGINNINGS
    captured = Captured()
    errors = [ValueError(number) for number in range(FLOOD)]
    for error in errors:
        captured.add(error)
    assert len(captured) == MOST_CAPTURED
    made = entry_points.Middlewares()
    for _ in range(entry_points.MOST_APPLICATIONS * 3):
        made.get(object(), "here", object)
    assert len(made._made) <= entry_points.MOST_APPLICATIONS
    request = EnvironRequest({"REQUEST_METHOD": "GET", "PATH_INFO": "/"})
    left = exchange.Exchange(request, Options(), None, {})
    for error in errors:
        left.client_gone(error)
    assert len(left._disconnects) == exchange._MOST_DISCONNECTS
    assert secrets._MOST_COLLECTED <= 500
    assert redactor._MOST_FORMS <= 128


def test_a_failure_is_logged_once_however_often_it_comes(caplog):
    def fails() -> None:
        raise ValueError

    for _ in range(100):
        guard.attempt(fails)
    assert len(caplog.records) == 1
    guard._logged.clear()
