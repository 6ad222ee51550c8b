"""Every example runs, answers, and reports its error; the examples are read from the checkout beside these tests."""

from __future__ import annotations

import importlib.util
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sentry_web.testing import ASGI3, WSGI, RequestSpec
from sentry_web.testing.transport import recording

if TYPE_CHECKING:
    from types import ModuleType

EXAMPLES = Path(__file__).parent.parent / "examples"
DEPLOY = EXAMPLES / "deploy"
DRIVERS = {
    "custom_recorder": WSGI,
    "logfire_app": WSGI,
    "raw_wsgi": WSGI,
    "raw_asgi": ASGI3,
    "flask_app": WSGI,
    "django_wsgi": WSGI,
    "django_asgi": ASGI3,
    "falcon_wsgi": WSGI,
    "falcon_asgi": ASGI3,
    "starlette_app": ASGI3,
    "fastapi_app": ASGI3,
    "litestar_app": ASGI3,
    "quart_app": ASGI3,
    "mixed_estate": ASGI3,
}
#: Their routes, where they have any; a framework's own way to write them.
NAMES = {
    **dict.fromkeys(("flask_app", "quart_app"), "/hello/<name>"),
    **dict.fromkeys(("starlette_app", "fastapi_app", "litestar_app", "falcon_wsgi", "falcon_asgi"), "/hello/{name}"),
    **dict.fromkeys(("django_wsgi", "django_asgi", "mixed_estate"), "/hello/{name}"),
}
#: The path of the failing view, where it is not at the top.
FAILS = {"mixed_estate": "/old/fails"}
GLUE = 30  # lines: more than that is no example but a program


def load(name: str) -> ModuleType:
    """Import an example by its file."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # Django's ROOT_URLCONF names the module
    spec.loader.exec_module(module)
    return module


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(DRIVERS)


def test_the_example_of_an_applications_own_tests() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    run = subprocess.run(command, cwd=EXAMPLES / "testing", capture_output=True, text=True, timeout=100, check=False)
    assert "5 passed" in run.stdout, run.stdout + run.stderr


@pytest.mark.parametrize("name", sorted(DRIVERS))
def test_example(name: str) -> None:
    """In a process of its own: Django is set up once in a process, and each example sets it up."""
    command = [sys.executable, "-W", "ignore", __file__, name]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert run.stdout == "as it should be\n", run.stdout + run.stderr


@pytest.mark.parametrize("name", sorted(DRIVERS))
def test_an_example_is_short(name: str) -> None:
    lines = (EXAMPLES / f"{name}.py").read_text("utf-8").splitlines()
    code = [line for line in lines if line and not line.startswith(("import ", "from ", "#", '"""'))]
    assert len(code) < (40 if name == "custom_recorder" else GLUE)


@pytest.mark.parametrize("name", sorted(DRIVERS))
def test_an_example_sets_up_sentry_and_says_how_it_is_served(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text("utf-8")
    assert "\nsentry_sdk.init(" in text
    assert f"sentry-web run examples.{name}:application" in text


def check(name: str) -> None:
    """Ask an example for a page and for an error, and look at what it reports."""
    driver: Any = DRIVERS[name]
    application = load(name).application
    with recording(traces_sample_rate=1.0, default_integrations=False) as events:
        answer = driver.run_app(application, RequestSpec(path="/hello/you"))
        assert str(answer.status).startswith("200"), answer
        assert answer.body.strip(b'"').startswith(b"hello"), answer
        driver.run_app(application, RequestSpec(path=FAILS.get(name, "/fails")))
        assert [error.exception for error in events.errors] == [("RuntimeError", "as asked")]
        roots = events.roots
        assert roots[0].name == NAMES.get(name, "/hello/you")
        assert [root.status for root in roots] in (["ok", "internal_error"], ["ok", "error"])
    print("as it should be")


def test_the_gunicorn_configuration_is_python_that_listens_on_loopback() -> None:
    settings: dict[str, Any] = {}
    exec(compile((DEPLOY / "gunicorn.conf.py").read_text("utf-8"), "gunicorn.conf.py", "exec"), settings)
    assert settings["bind"].startswith("127.0.0.1:")
    assert settings["wsgi_app"].partition(":")[0] in DRIVERS


def test_the_compose_file_mounts_files_that_are_there_and_publishes_on_loopback() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    mounted = [volume.split(":")[0] for service in services.values() for volume in service["volumes"]]
    missing = [path for path in mounted if not (DEPLOY / path).exists()]
    assert missing == ["./credentials.json"]  # of Relay, made by the user
    assert services["shop"]["ports"] == ["127.0.0.1:8000:8000"]
    assert {services[name]["network_mode"] for name in ("relay", "collector")} == {"service:shop"}


@pytest.mark.parametrize("name", ["relay.yml", "collector.yaml"])
def test_a_configuration_file_is_yaml_that_listens_on_loopback(name: str) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    text = (DEPLOY / name).read_text("utf-8")
    document = yaml.safe_load(text)
    assert document
    assert "0.0.0.0" not in text
    assert "127.0.0.1" in text
    if name == "collector.yaml":
        for pipeline in document["service"]["pipelines"].values():
            for part, used in pipeline.items():
                assert set(used) <= set(document[part])


def test_the_access_log_has_a_line_for_each_request_with_the_trace_that_sentry_has(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("sentry_sdk.init", lambda **options: None)  # its own patches would outlive this test
        application = load("custom_recorder").application
    with caplog.at_level(logging.INFO, logger="access"), recording(traces_sample_rate=1.0) as events:
        for path in ("/hello", "/fails"):
            WSGI.run_app(application, RequestSpec(path=path))
        traces = [root.trace["trace_id"] for root in events.roots]
    lines = [record.getMessage() for record in caplog.records if record.name == "access"]
    told = [re.fullmatch(r"GET - (\d+) (\d+) bytes [\d.]+ ms trace=(\w+)", line) for line in lines]
    assert [match.groups() for match in told if match] == [("200", "6", traces[0]), ("500", "0", traces[1])]


if __name__ == "__main__":
    check(sys.argv[1])
