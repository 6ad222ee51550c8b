from __future__ import annotations

import functools
import sys

import pytest

from sentry_web.cli.target import TargetError, interface_of, load

SHOP = """
class Shop:
    @staticmethod
    def app(environ, start_response): ...
    price = 3

def make(): return Shop.app
def make_nothing(): return None
def configured(config=None): return Shop.app
"""


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    """A current directory of one's own, and modules and sys.path as they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def shop(directory):
    (directory / "bookshop").mkdir()
    (directory / "bookshop" / "__init__.py").touch()
    (directory / "bookshop" / "main.py").write_text(SHOP)
    return "bookshop.main"


def test_dotted_attributes_and_factories(shop):
    app, name, is_made = load(f"{shop}:Shop.app")
    assert interface_of(app) == "wsgi"
    assert (name, is_made) == (f"{shop}:Shop.app", False)
    assert load(f"{shop}:configured", factory=True) == (app, f"{shop}:configured()", True)


@pytest.mark.parametrize("written", ["make", "make()", "configured()"])
def test_a_factory_is_called(shop, written):
    assert load(f"{shop}:{written}") == (load(f"{shop}:Shop.app").app, f"{shop}:{written.removesuffix('()')}()", True)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("app = application = lambda environ, start_response: []", "alone:app"),
        ("def application(environ, start_response): ...\ndef create_app(): 1 / 0", "alone:application"),
        ("def create_app(): return print", "alone:create_app()"),
        ("def make_app(): return print", "alone:make_app()"),
    ],
)
def test_of_a_module_that_is_named_alone_the_usual_names_are_looked_for(directory, source, name):
    (directory / "alone.py").write_text(source)
    assert load("alone").name == name


def test_an_application_in_another_directory(directory):
    (directory / "src").mkdir()
    (directory / "src" / "elsewhere.py").write_text("def app(environ, start_response): ...")
    assert load("elsewhere", directory="src").name == "elsewhere:app"


def test_the_current_directory_is_put_on_the_path_once(shop, directory):
    load(f"{shop}:Shop.app")
    load(f"{shop}:Shop.app")
    assert sys.path.count(str(directory)) == 1


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "bookshop",
            'Module "bookshop" has none of "app", "application", "create_app", "make_app": name the application',
        ),
        ("bookshop:", 'Target "bookshop:" is not of the form'),
        (":app", 'Target ":app" is not of the form'),
        ("nowhere:app", 'Module "nowhere" was not found (looked for in '),
        ("nowhere.main:app", 'Module "nowhere" was not found'),
        ("bookshop.cellar:app", 'Module "bookshop.cellar" was not found'),
        ("bookshop.main:door", 'Module "bookshop.main" has no attribute "door".'),
        ("bookshop.main:Shop.door", 'Object "bookshop.main:Shop" has no attribute "door".'),
        ("bookshop.main:Shop.door.key", 'Object "bookshop.main:Shop" has no attribute "door".'),
        ("bookshop.main:Shop.price", '"bookshop.main:Shop.price" is not callable: it is of type int.'),
    ],
)
def test_what_was_not_found_is_named(shop, target, message):
    with pytest.raises(TargetError) as caught:
        load(target)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_factory_that_makes_no_application(shop):
    with pytest.raises(TargetError, match='make_nothing" returned no application: an object of type NoneType'):
        load(f"{shop}:make_nothing", factory=True)


@pytest.mark.parametrize(
    "line", ["import nowhere_either", "raise ModuleNotFoundError('who')", "from bookshop import cellar"]
)
def test_what_the_module_cannot_import_is_its_own_mistake(shop, directory, line):
    (directory / "bookshop" / "broken.py").write_text(line)
    with pytest.raises(ImportError) as caught:
        load("bookshop.broken:app")
    assert not isinstance(caught.value, TargetError)


async def asgi3(scope, receive, send): ...


class Asgi3:
    async def __call__(self, scope, receive, send): ...


class Asgi2:
    def __init__(self, scope): ...


class Wsgi:
    def __call__(self, environ, start_response): ...


class WsgiClass:
    def __init__(self, environ, start_response): ...


@functools.wraps(Wsgi.__call__)
def decorated(*arguments): ...


@pytest.mark.parametrize(
    ("app", "interface"),
    [
        (asgi3, "asgi"),
        (functools.partial(asgi3), "asgi"),
        (Asgi3(), "asgi"),
        (Asgi2, "asgi"),
        (lambda scope: asgi3, "asgi"),
        (lambda scope, receive, send: None, "asgi"),
        (lambda environ, start_response: [], "wsgi"),
        (lambda environ, start_response, debug=False: [], "wsgi"),
        (lambda environ=None, start_response=None: [], "wsgi"),
        (Wsgi(), "wsgi"),
        (WsgiClass, "wsgi"),
        (functools.partial(decorated, None), "wsgi"),
    ],
)
def test_the_interface_shows(app, interface):
    assert interface_of(app) == interface


def test_the_interface_of_frameworks():
    flask = pytest.importorskip("flask")
    applications = pytest.importorskip("starlette.applications")
    assert interface_of(flask.Flask("shop")) == "wsgi"
    assert interface_of(applications.Starlette()) == "asgi"


class Unsigned:
    __signature__ = "none of your business"

    def __call__(self): ...


@pytest.mark.parametrize("app", [lambda *arguments: [], lambda: 0, lambda a, b, c, d: [], Unsigned()])
def test_an_interface_that_does_not_show(app):
    with pytest.raises(TargetError, match="choose with --interface"):
        interface_of(app)
