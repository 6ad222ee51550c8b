"""A 1 GiB upload, and a body that never ends, pass through both adapters in constant memory (issue 4, "must show" 3).

Chunks are made on the fly, in a process of its own, whose growth is measured where the operating system reports it.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

MEBIBYTE = 1024 * 1024
GROWTH = 16 * MEBIBYTE  # bytes that the process may grow by, of 1024 MiB that pass

PROGRAM = """
import asyncio, resource, sys, tracemalloc
from sentry_web import SentryAsgiMiddleware, SentryWsgiMiddleware
from sentry_web.testing import recording

CHUNK, COUNT = 1 << 20, int(sys.argv[2])
HEADERS = {"length": {"content-length": str(CHUNK * COUNT)}, "chunked": {"transfer-encoding": "chunked"}}[sys.argv[3]]

class Upload:
    def __init__(self):
        self.left = COUNT

    def read(self, size=-1):
        if not self.left:
            return b""
        self.left -= 1
        return bytes(CHUNK)

    readline = read

def wsgi(environ, start_response):
    size = 0
    for part in iter(lambda: environ["wsgi.input"].read(CHUNK), b""):
        size += len(part)
    start_response("200 OK", [])
    return [str(size).encode()]

async def asgi(scope, receive, send):
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message["body"])
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})

def run_wsgi():
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "wsgi.url_scheme": "http", "wsgi.input": Upload(),
               "CONTENT_TYPE": "multipart/form-data; boundary=x"}
    for name, value in HEADERS.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_LENGTH" else "HTTP_" + key] = value
    return b"".join(SentryWsgiMiddleware(wsgi)(environ, lambda *args: None))

def run_asgi():
    upload, sent = Upload(), []
    async def receive():
        body = upload.read()
        return {"type": "http.request", "body": body, "more_body": bool(body)}
    async def send(message):
        sent.append(message.get("body", b""))
    headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    headers.append((b"content-type", b"application/json"))
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    asyncio.run(SentryAsgiMiddleware(asgi)(scope, receive, send))
    return b"".join(sent)

with recording(traces_sample_rate=1.0, max_request_body_size="always"):
    run = {"wsgi": run_wsgi, "asgi": run_asgi}[sys.argv[1]]
    whole, COUNT = COUNT, 8
    run()  # whatever is loaded late is loaded now
    COUNT = whole
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = int(run())
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(size, (after - before) * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="not on this platform: no getrusage")
@pytest.mark.parametrize("kind", ["length", "chunked"])
@pytest.mark.parametrize("protocol", ["wsgi", "asgi"])
def test_an_upload_takes_no_memory(protocol, kind):
    """``chunked`` has no length: as far as anyone knows the body never ends."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, protocol, "1024", kind],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    size, growth = map(int, done.stdout.split())
    assert size == 1024 * MEBIBYTE
    assert growth < GROWTH
