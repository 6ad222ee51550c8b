from __future__ import annotations

import asyncio
import http.client
import logging
import signal
import socket
import threading

import pytest

from sentry_web.cli import servers


def wsgi(environ, start_response):
    if environ["PATH_INFO"] == "/boom":
        raise RuntimeError("boom")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    if scope["path"] == "/boom":
        raise RuntimeError("boom")
    headers = [(b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


APPS = {"wsgi": wsgi, "asgi": asgi}


def get(port: int, path: str = "/") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("interface", APPS)
def test_serving_in_a_thread(interface):
    with servers.serving(APPS[interface], interface) as port:
        assert get(port) == (200, b"hello")
    with pytest.raises(ConnectionRefusedError):
        get(port)


@pytest.mark.parametrize("interface", APPS)
def test_errors_go_to_the_servers_loggers_and_nothing_else_does(interface, caplog, capfd):
    with caplog.at_level(logging.INFO), servers.serving(APPS[interface], interface) as port:
        get(port)
        assert get(port, "/boom")[0] == 500
    errors = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert {record.name for record in errors} <= set(servers.SERVER_LOGGERS)
    assert len(errors) == 1
    assert "200" not in caplog.text
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("interface", APPS)
def test_requests_under_way_may_end(interface):
    begun = threading.Event()

    def slow_wsgi(environ, start_response):
        begun.set()
        threading.Event().wait(0.3)
        return wsgi(environ, start_response)

    async def slow_asgi(scope, receive, send):
        if scope["type"] == "http":
            begun.set()
            await asyncio.sleep(0.3)
        await asgi(scope, receive, send)

    answers: list[tuple[int, bytes]] = []
    app = slow_wsgi if interface == "wsgi" else slow_asgi
    with servers.serving(app, interface) as port:
        visitor = threading.Thread(target=lambda: answers.append(get(port)))
        visitor.start()
        assert begun.wait(5)
    visitor.join()
    assert answers == [(200, b"hello")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("interface", APPS)
def test_serving_in_the_foreground_until_a_signal(interface, number):
    previous = signal.getsignal(signal.SIGTERM)
    listener = servers.bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    answers: list[tuple[int, bytes]] = []

    def visit_and_stop() -> None:
        # The socket refuses until the server listens on it.
        for _ in range(100):
            try:
                answers.append(get(port))
                break
            except OSError:
                threading.Event().wait(0.05)
        signal.pthread_kill(threading.main_thread().ident, number)

    visitor = threading.Thread(target=visit_and_stop)
    visitor.start()
    servers.serve(APPS[interface], interface, listener)
    visitor.join()

    assert answers == [(200, b"hello")]
    assert signal.getsignal(signal.SIGTERM) is previous


async def refuses_to_start(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no books"})


def test_a_lifespan_that_refuses_to_start():
    with pytest.raises(SystemExit) as caught:
        servers.serve(refuses_to_start, "asgi", servers.bind("127.0.0.1", 0))
    assert caught.value.code == 3


def test_a_lifespan_that_refuses_to_start_under_an_older_uvicorn(monkeypatch):
    # Up to 0.39, the last release for Python 3.9, Server.run just returned.
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: None)
    with pytest.raises(SystemExit) as caught:
        servers.serve(refuses_to_start, "asgi", servers.bind("127.0.0.1", 0))
    assert caught.value.code == 3


async def never_starts(scope, receive, send):
    await asyncio.sleep(0.5)


def test_a_server_that_does_not_start_in_time(monkeypatch):
    monkeypatch.setattr(servers, "_START_SECONDS", 0.05)
    with pytest.raises(TimeoutError, match=r"did not start within 0\.05 s"), servers.serving(never_starts, "asgi"):
        pytest.fail("not reached")


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            servers.bind("127.0.0.1", taken.getsockname()[1])


def test_urls():
    with servers.bind("127.0.0.1", 0) as listener:
        assert servers.url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
    ipv6 = type("Listener", (), {"getsockname": lambda self: ("::1", 8000, 0, 0)})()
    assert servers.url_of(ipv6) == "http://[::1]:8000"
