from __future__ import annotations

import importlib.metadata
import importlib.util
import sys

import pytest

from sentry_web.cli import launch


@pytest.fixture(autouse=True)
def everything_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "27.0.1")


def command(name: str, interface: str, host: str = "127.0.0.1", workers: int = 1, reload: bool = False) -> str:
    program, flag, *rest = launch.command_for(name, interface, host, 8000, workers=workers, reload=reload)
    assert (program, flag) == (sys.executable, "-m")
    return " ".join(rest)


@pytest.mark.parametrize(
    ("name", "interface", "expected"),
    [
        ("hypercorn", "asgi", "hypercorn --bind=127.0.0.1:8000 --workers=2 {served}"),
        ("hypercorn", "wsgi", "hypercorn --bind=127.0.0.1:8000 --workers=2 wsgi:{served}"),
        ("granian", "wsgi", "granian --interface=wsgi --host=127.0.0.1 --port=8000 --workers=2 {served}"),
        (
            "gunicorn",
            "asgi",
            "gunicorn --bind=127.0.0.1:8000 --workers=2 --worker-class={worker} --no-control-socket {served}",
        ),
        ("gunicorn", "wsgi", "gunicorn --bind=127.0.0.1:8000 --workers=2 --threads=4 --no-control-socket {served}"),
    ],
)
def test_commands_with_workers(name, interface, expected):
    assert command(name, interface, workers=2) == expected.format(
        served=launch.SERVED, worker="uvicorn_worker.UvicornWorker"
    )


@pytest.mark.parametrize(
    ("name", "option"), [("uvicorn", "--reload-dir=src"), ("granian", "--reload-paths=src"), ("hypercorn", None)]
)
def test_changes_are_looked_for_in_the_directory_of_the_application(name, option):
    elsewhere = launch.command_for(name, "asgi", "::1", 8000, workers=1, reload=True, directory="src")
    here = launch.command_for(name, "asgi", "::1", 8000, workers=1, reload=True)
    assert [argument for argument in elsewhere if argument not in here] == ([] if option is None else [option])


def test_commands_with_reload_and_with_ipv6():
    assert command("waitress", "wsgi", "::1") == f"waitress --listen=[::1]:8000 {launch.SERVED}"
    assert command("werkzeug", "wsgi", reload=True).endswith("reloading --host=127.0.0.1 --port=8000 --reload")
    assert command("hypercorn", "asgi", reload=True).endswith(f"--workers=1 --reload {launch.SERVED}")


def test_an_older_gunicorn_has_no_control_socket(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "23.0.0")
    assert "--no-control-socket" not in command("gunicorn", "wsgi")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("werkzeug", "asgi"), "werkzeug serves WSGI, and this is ASGI."),
        (("waitress", "wsgi", "127.0.0.1", 2), "waitress serves in threads of one process"),
        (("waitress", "wsgi", "127.0.0.1", 1, True), "waitress has no reload"),
        (("gunicorn", "wsgi", "127.0.0.1", 2, True), "--reload is for one worker"),
    ],
)
def test_what_a_server_cannot_do(arguments, message):
    with pytest.raises(launch.LaunchError, match=message):
        command(*arguments)


@pytest.mark.parametrize(
    ("name", "interface", "absent", "package"),
    [("granian", "asgi", "granian", "granian"), ("gunicorn", "asgi", "uvicorn_worker", "uvicorn-worker")],
)
def test_a_server_that_is_not_installed(monkeypatch, name, interface, absent, package):
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None if module == absent else object())
    with pytest.raises(launch.LaunchError, match=f'{package} is not installed: python -m pip install "{package}"'):
        command(name, interface)


@pytest.mark.parametrize(("name", "interface"), [("werkzeug", "wsgi"), ("uvicorn", "asgi"), ("waitress", "wsgi")])
def test_no_server_asks_for_another_ones_package(monkeypatch, name, interface):
    def missing(package: str) -> str:
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert "8000" in command(name, interface)
