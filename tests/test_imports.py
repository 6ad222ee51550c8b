"""Which module may import which, as a table; and what `import sentry_web` may load.

A unit is what has a line of its own in the table: a top-level module or package of `sentry_web`, or a module of a
package that others may import by itself. A file belongs to the longest name that it is in. Imports inside functions
count like those at the top. The tables list what is allowed, so that a new unit or a new vendor must be written here
first.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import sentry_web

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(sentry_web.__file__).parent

# What is below everything: HTTP semantics on primitives, the values of a request, and the guard around our own calls.
PRIMITIVES = {"_core.guard", "_request"}
# What is known of a request, what may be sent of it, what it is called, and what an output is.
MIDDLE = {"_naming", "_options", "_privacy", "recorder"} | PRIMITIVES

# unit: the units it may import. "" is the package's own `__init__`, that is, its public names.
EDGES: dict[str, set[str]] = {
    "": {
        *("_middlewares", "_middlewares.instrument", "_otel", "_request", "_sentry", "asgi", "integration"),
        *("recorder", "wsgi"),
    },
    # The same for OpenTelemetry, for `opentelemetry-instrument`.
    "instrumentor": {"_middlewares.entry_points", "_middlewares.instrument"},
    # One line in place of a middleware: the entry points of frameworks, and the SDK's own middlewares.
    "integration": {"_core", "_core.guard", "_middlewares", "_middlewares.entry_points", "_options", "_sentry"},
    "_middlewares.entry_points": {"_core.guard", "_naming"},
    # The composition root: the one place that knows both protocols and the outputs.
    "_middlewares": {"_options", "_sentry", "asgi", "wsgi"},
    # OpenTelemetry is an extra: its output is loaded when one of the functions is called.
    "_middlewares.instrument": {"_options", "_otel", "asgi", "wsgi"},
    # The adapters. They never import each other, and reach the outputs through the exchange only.
    "asgi": {"_core", "_options", "recorder"} | PRIMITIVES,
    "wsgi": {"_core", "_options", "recorder"} | PRIMITIVES,
    # The life of one request.
    "_core": {"_naming", "_options", "recorder"} | PRIMITIVES,
    # The outputs.
    "_sentry": {"_conventions", "_core.aftermath"} | MIDDLE,
    "_otel": {"_conventions"} | MIDDLE,
    # What all outputs call alike.
    "_conventions": {"_request"},
    # The options of a middleware name what they are called with.
    "_options": {"_request", "recorder"},
    # An output is given the names of its request, to be asked when it needs one.
    "recorder": {"_naming", "_request"},
    "_naming": PRIMITIVES,
    "_privacy": {"_request"},
    "_request": {"_core.guard"},
    "_core.guard": set(),
    "_core.aftermath": set(),
    # For users to name in the option ``route_resolver``; imported by nobody.
    "resolvers": {"_naming", "_request"},
    # Built on top of the public names; imported by nobody but each other, as said here.
    "testing": {""},
    # pytest imports it in every run; what it uses it imports when a fixture is used.
    "pytest_plugin": {"testing"},
    "demo": {"", "cli.cards", "cli.progress", "cli.readings", "cli.sdk", "cli.servers", "testing"},
    "cli": {"", "demo", "testing"}
    | {f"cli.{name}" for name in ("become", "cards", "exec", "progress", "readings", "sdk", "servers")},
    "__main__": {"cli"},
    # What each process of `sentry-web exec` runs first: no command of ours.
    "cli.exec": {"_core.guard", "_middlewares.entry_points", "_options", "cli.become", "integration"},
    "cli.become": set(),
    "cli.startup": {"cli.exec"},
    # What the demo uses of the command line.
    "cli.cards": {"cli.readings"},
    "cli.progress": set(),
    "cli.readings": set(),
    "cli.sdk": set(),
    "cli.servers": set(),
}

# The same for imports under `if TYPE_CHECKING:`, on top of EDGES: names of types, no code.
TYPE_EDGES: dict[str, set[str]] = {
    "_middlewares.instrument": {"_options"},
}

# vendor: the units that may import it. Every other package that is not the standard library is refused.
VENDORS: dict[str, set[str]] = {
    "asgiref": {"_middlewares", "asgi", "testing"},
    "brotli": {"demo"},  # where it is installed, sentry-sdk compresses with it
    "click": {"cli"},
    "dotenv": {"cli"},
    "django": {"resolvers"},  # inside functions, as with the others there
    "flask": {"cli", "demo"},
    "hypothesis": {"testing"},
    "opentelemetry": {"_otel", "instrumentor"},
    "pytest": {"pytest_plugin"},
    "rich": {"cli", "cli.cards", "cli.progress", "demo"},
    "sentry_sdk": {
        "_sentry",
        "cli",
        "cli.cards",
        "cli.exec",
        "cli.readings",
        "cli.sdk",
        "demo",
        "integration",
        "pytest_plugin",
        "testing",
    },
    "sitecustomize": {"cli.startup"},  # the user's own
    "starlette": {"cli", "demo", "resolvers"},
    "uvicorn": {"cli", "cli.servers", "demo"},
    "websockets": {"demo"},
    "werkzeug": {"_privacy", "_request", "cli", "cli.servers", "demo", "resolvers"},  # modules of ours: in functions
}

# Under `if TYPE_CHECKING:` any module may: type checkers bring it along, nothing imports it at run time.
TYPE_VENDORS = {"_typeshed", "typing_extensions"}

# What `import sentry_web` must not load: no framework, no vendor but sentry-sdk, nothing of an extra.
NOT_LOADED = {
    *("bottle", "django", "falcon", "fastapi", "flask", "litestar", "pyramid", "quart", "starlette"),
    *("click", "hypothesis", "opentelemetry", "pytest", "rich", "uvicorn", "werkzeug"),
}


class Import(NamedTuple):
    """One imported module, by its full dotted name."""

    line: int
    module: str
    type_only: bool


def imports(tree: ast.AST, module: str, *, package: bool, type_only: bool = False) -> Iterator[Import]:
    """Walk the imports of a module, relative ones resolved; those by `import_module("…")` too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, type_only)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + package]
                base = ".".join([*parts, base] if base else parts)
            # `from . import _naming` imports a module, `from ._naming import Naming` from the same one.
            for alias in node.names:
                yield Import(node.lineno, f"{base}.{alias.name}", type_only)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            name = node.args[0] if node.args else None
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                root = module.split(".", maxsplit=1)[0]
                yield Import(node.lineno, (root if name.value.startswith(".") else "") + name.value, type_only)
        guard = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        yield from imports(node, module, package=package, type_only=type_only or guard)


def forbidden_imports(package: Path) -> list[str]:
    """Name every import that the tables do not allow."""
    top_level = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    complaints = [f"{unit} is in no table" for unit in sorted(top_level - {"__init__"} - set(EDGES))]
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        dotted = [package.name, *inside.with_suffix("").parts]
        is_package = dotted[-1] == "__init__"
        if is_package:
            dotted.pop()
        unit = unit_of(dotted[1:], top_level)
        tree = ast.parse(path.read_text("utf-8"))
        for found in imports(tree, ".".join(dotted), package=is_package):
            top, *rest = found.module.split(".")
            if top == package.name:
                target = unit_of(rest, top_level)
                allowed = EDGES.get(unit, set()) | (TYPE_EDGES.get(unit, set()) if found.type_only else set())
                refused = target not in allowed | {unit}
            else:
                typing = found.type_only and top in TYPE_VENDORS
                refused = not (typing or _is_standard(top) or unit in VENDORS.get(top, set()))
            if refused:
                complaints.append(f"{inside.as_posix()}:{found.line}: {found.module}")
    return complaints


def unit_of(parts: list[str], top_level: set[str]) -> str:
    """Return the unit that a module, or a name in one, belongs to: the longest name in the table."""
    for length in range(len(parts), 1, -1):
        if (name := ".".join(parts[:length])) in EDGES:
            return name
    return parts[0] if parts and parts[0] in top_level else ""


def _is_standard(top: str) -> bool:
    """Distinguish the standard library from the rest; Python 3.9 has no list of it, and knows VENDORS only."""
    return top in sys.stdlib_module_names
    return top not in VENDORS


def test_imports_follow_the_arrows() -> None:
    assert forbidden_imports(PACKAGE) == []


def test_the_arrows_have_no_circle() -> None:
    """A unit never reaches itself, by types neither; and the adapters never reach each other."""

    def reachable(unit: str) -> set[str]:
        seen: set[str] = set()
        todo = list(EDGES[unit])
        while todo:
            here = todo.pop()
            if here not in seen:
                seen.add(here)
                todo.extend(EDGES[here] | TYPE_EDGES.get(here, set()))
        return seen

    assert [unit for unit in EDGES if unit in reachable(unit)] == []
    assert "wsgi" not in reachable("asgi")
    assert "asgi" not in reachable("wsgi")


def test_the_rules_see_a_tree_that_breaks_them(tmp_path: Path) -> None:
    package = tmp_path / "sentry_web"
    for name, text in {
        "__init__.py": "from ._middlewares import SentryAsgiMiddleware\nfrom ._core.guard import call\n",
        "asgi.py": "def app():\n    from .wsgi import WsgiMiddleware\n",
        "wsgi.py": "from sentry_web import _core, asgi\nimport sentry_sdk.utils\n",
        "_request/__init__.py": "import urllib.parse\nfrom .. import _options\nfrom werkzeug import http\n",
        "_request/body.py": "from .._core.guard import call\nfrom .._core.exchange import Exchange\n",
        "_options.py": "if TYPE_CHECKING:\n    from .recorder import Recording\nfrom ._core import exchange\n",
        "_core/__init__.py": "",
        "_core/exchange.py": "import importlib\nimportlib.import_module('.cli', __name__)\n__import__('click')\n",
        "_core/guard.py": "from .exchange import Exchange\nfrom .guard import call\n",
        "_middlewares.py": "import asgiref, sentry_sdk\n",
        "_sentry/__init__.py": "import sentry_sdk\nfrom ._scopes import fork\nfrom .._core.context import read\n",
        "_sentry/_scopes.py": "from .. import _core, _request\nfrom . import fork\n",
        "recorder.py": "",
        "_parlour.py": "import requests\n",
        "cli.py": "import click, rich.table\nfrom sentry_web import SentryAsgiMiddleware\n",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, encoding="utf-8")
    expected = [
        "_parlour is in no table",
        "__init__.py:2: sentry_web._core.guard.call",
        "_core/exchange.py:2: sentry_web.cli",
        "_core/exchange.py:3: click",
        "_core/guard.py:1: sentry_web._core.exchange.Exchange",
        "_middlewares.py:1: sentry_sdk",
        "_options.py:3: sentry_web._core.exchange",
        "_parlour.py:1: requests",
        "_request/__init__.py:2: sentry_web._options",
        "_request/body.py:2: sentry_web._core.exchange.Exchange",
        "_sentry/__init__.py:3: sentry_web._core.context.read",
        "_sentry/_scopes.py:1: sentry_web._core",
        "asgi.py:2: sentry_web.wsgi.WsgiMiddleware",
        "wsgi.py:1: sentry_web.asgi",
        "wsgi.py:2: sentry_sdk.utils",
    ]
    assert forbidden_imports(package) == expected


def loaded_by(statement: str, directory: Path) -> set[str]:
    """Name the top-level modules that a statement loads; without what sentry-sdk loads itself (older ones: Django)."""
    return loaded_in_all(statement, directory) - (loaded_in_all("import sentry_sdk", directory) & NOT_LOADED)


def loaded_in_all(statement: str, directory: Path) -> set[str]:
    """Run a statement in a new interpreter, outside the checkout, and name the top-level modules there are then."""
    code = f"import json, sys; {statement}; print(json.dumps([*sys.modules]))"
    return {name.split(".")[0] for name in json.loads(ran(code, directory))}


def ran(code: str, directory: Path) -> str:
    """What code prints in a new interpreter."""
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=directory, capture_output=True, text=True, timeout=60, check=True
    )
    return run.stdout


def test_importing_the_package_loads_no_framework_and_no_extra(tmp_path: Path) -> None:
    loaded = loaded_by("import sentry_web", tmp_path)
    assert "sentry_web" in loaded
    assert loaded & NOT_LOADED == set()


def test_every_public_name_loads_no_framework_and_no_extra(tmp_path: Path) -> None:
    loaded = loaded_by("import sentry_web; [getattr(sentry_web, name) for name in sentry_web.__all__]", tmp_path)
    assert loaded & NOT_LOADED == set()


BOTH = "from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware"
#: A request of each protocol, the second of which fails.
REQUESTS = """
def wsgi(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
async def asgi(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError("boom")
async def send(message):
    pass
wsgi, asgi = SentryWsgiMiddleware(wsgi), SentryAsgiMiddleware(asgi)
before = {*sys.modules}
list(wsgi({"REQUEST_METHOD": "GET", "PATH_INFO": "/a", "HTTP_X_TOKEN": "a-secret"}, lambda *args: None))
headers = [(b"x-forwarded-for", b"8.8.8.8"), (b"x-token", b"a-secret")]
try:
    asgi({"type": "http", "method": "GET", "path": "/a", "headers": headers}, None, send).send(None)
except ValueError:
    pass
print(json.dumps([*({*sys.modules} - before)]))
"""


def test_importing_takes_nothing_that_sentry_sdk_has_not_loaded(tmp_path: Path) -> None:
    """What sentry-sdk alone costs is what the user pays for already: the import adds our own modules, and no others."""
    assert loaded_in_all(f"import sentry_sdk; {BOTH}", tmp_path) - loaded_in_all("import sentry_sdk", tmp_path) == {
        "sentry_web"
    }


def test_the_package_by_itself_loads_no_other_module(tmp_path: Path) -> None:
    """The pytest plugin and the command line begin with it."""
    code = "import json, sys, sentry_web; print(json.dumps([n for n in sys.modules if n.startswith('sentry_')]))"
    assert json.loads(ran(code, tmp_path)) == ["sentry_web"]


@pytest.mark.parametrize(("name", "other"), [("SentryAsgiMiddleware", "wsgi"), ("SentryWsgiMiddleware", "asgi")])
def test_who_serves_one_protocol_loads_nothing_of_the_other(name: str, other: str, tmp_path: Path) -> None:
    code = f"import json, sys; from sentry_web import {name}; print(json.dumps([*sys.modules]))"
    assert [module for module in json.loads(ran(code, tmp_path)) if module == f"sentry_web.{other}"] == []


@pytest.mark.parametrize("rate", [None, 0.0, 1.0])
def test_a_request_loads_no_module_of_ours(rate: float | None, tmp_path: Path) -> None:
    """What is loaded for the first time inside a request could block it, or fail."""
    given = f"dsn='http://key@127.0.0.1:1/1', traces_sample_rate={rate}, transport=lambda envelope: None"
    code = f"import json, sys, sentry_sdk; {BOTH}; sentry_sdk.init({given}){REQUESTS}"
    assert [name for name in json.loads(ran(code, tmp_path)) if name.startswith("sentry_web")] == []


def test_the_pytest_plugin_needs_nothing_of_an_extra_but_pytest(tmp_path: Path) -> None:
    """Every pytest run of whoever has sentry-web installed loads the plugin, with the extras or without."""
    loaded = loaded_by("import sentry_web.pytest_plugin", tmp_path)
    assert loaded & NOT_LOADED <= {"pytest"}


def test_what_is_loaded_is_seen(tmp_path: Path) -> None:
    assert "werkzeug" in loaded_by("import werkzeug.http", tmp_path)
