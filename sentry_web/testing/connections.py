"""Scripts for the two kinds of ASGI connection that WSGI does not have: websocket and lifespan.

As in ``script``, these are values that describe what the application and its client do, and their compilation into ASGI
applications. The server's part is in ``drivers``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sentry_web.testing.request import Described, encode_header
from sentry_web.testing.steps import LOST, Act, Step, Translate, WebSocketDisconnect
from sentry_web.testing.transcript import TranscriptWriter

if TYPE_CHECKING:
    from sentry_web.testing.apps import AsgiApp


@dataclass(frozen=True, repr=False)
class Accept(Step):
    """Accept the handshake."""

    subprotocol: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, repr=False)
class Receive(Step):
    """Wait for the client's next message, which is the disconnect after its last one.

    Args:
        insists: Whether the disconnect is raised as ``WebSocketDisconnect``, as Starlette's ``receive_text`` does.
    """

    insists: bool = False


@dataclass(frozen=True, repr=False)
class Send(Step):
    """Send a text (``str``) or binary (``bytes``) message."""

    data: str | bytes = "message"


@dataclass(frozen=True, repr=False)
class CloseSocket(Step):
    """Close the websocket; before ``Accept`` this rejects the handshake, and servers respond with 403."""

    code: int = 1000
    reason: str = ""


@dataclass(frozen=True, repr=False)
class Deny(Step):
    """Reject the handshake with a custom response (extension ``websocket.http.response``)."""

    status: int = 401
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/plain"),)
    body: bytes = b"denied"


@dataclass(frozen=True, repr=False)
class WsScript(Described):
    """The behaviour of an application and its client on a websocket.

    Args:
        steps: The application's steps: ``Act`` steps, and those of this module.
        messages: The messages that the client sends after the handshake.
        leaves_with: The close code with which the client leaves after its last message.
        gone_after: The number of received messages after which the client disappears without a close frame, so that
            ``send`` raises ``OSError``; ``None`` if it stays.
    """

    steps: tuple[Step, ...] = (Accept(),)
    messages: tuple[str | bytes, ...] = ()
    leaves_with: int = 1000
    gone_after: int | None = None

    def compile(self, recorder: TranscriptWriter) -> AsgiApp:
        """Return an ASGI 3 application that follows the script."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            recorder.entered(scope)
            await receive()  # websocket.connect
            for step in self.steps:
                await _perform(step, recorder, receive, send)

        return app


async def _perform(step: Step, recorder: TranscriptWriter, receive: Any, send: Any) -> None:
    if isinstance(step, Act):
        step.act(recorder)
    elif isinstance(step, Receive):
        message = dict(await receive())
        recorder.app("received", message)
        if step.insists and message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
    elif isinstance(step, Translate):
        try:
            for inner in step.steps:
                await _perform(inner, recorder, receive, send)
        except LOST as error:
            raise step.translated(error, recorder)  # noqa: B904 - the step says whether it is chained
    else:
        for message in _messages(step):
            await send(message)


def _messages(step: Step) -> list[dict[str, Any]]:
    if isinstance(step, Accept):
        return [{"type": "websocket.accept", "subprotocol": step.subprotocol, "headers": _encoded(step.headers)}]
    if isinstance(step, Send):
        return [{"type": "websocket.send", ("text" if isinstance(step.data, str) else "bytes"): step.data}]
    if isinstance(step, CloseSocket):
        return [{"type": "websocket.close", "code": step.code, "reason": step.reason}]
    if isinstance(step, Deny):
        kind = "websocket.http.response"
        start = {"type": f"{kind}.start", "status": step.status, "headers": _encoded(step.headers)}
        return [start, {"type": f"{kind}.body", "body": step.body}]
    raise NotImplementedError(f"{step!r} cannot be done on a websocket")


def _encoded(headers: tuple[tuple[str, str], ...]) -> list[tuple[bytes, bytes]]:
    return [(encode_header(name.lower()), encode_header(value)) for name, value in headers]


@dataclass(frozen=True, repr=False)
class LifespanScript(Described):
    """The behaviour of an application in its lifespan.

    Args:
        before: Steps before the first ``receive``. With a ``Raise`` here, an application indicates that it does not
            support lifespan.
        startup: Steps on ``lifespan.startup``.
        state: Values that the application writes to ``scope["state"]`` during start-up.
        startup_failed: The message of ``lifespan.startup.failed``; ``None`` if start-up succeeds.
        shutdown: Steps on ``lifespan.shutdown``.
        shutdown_failed: The message of ``lifespan.shutdown.failed``; ``None`` if shutdown succeeds.
    """

    before: tuple[Act, ...] = ()
    startup: tuple[Act, ...] = ()
    state: tuple[tuple[str, Any], ...] = ()
    startup_failed: str | None = None
    shutdown: tuple[Act, ...] = ()
    shutdown_failed: str | None = None

    def compile(self, recorder: TranscriptWriter) -> AsgiApp:
        """Return an ASGI 3 application that follows the script."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            recorder.entered(scope)
            for step in self.before:
                step.act(recorder)
            await receive()
            for step in self.startup:
                step.act(recorder)
            scope["state"].update(self.state)
            await send(_outcome("startup", self.startup_failed))
            if self.startup_failed is None:
                await receive()
                for step in self.shutdown:
                    step.act(recorder)
                await send(_outcome("shutdown", self.shutdown_failed))

        return app


def _outcome(phase: str, failure: str | None) -> dict[str, Any]:
    if failure is None:
        return {"type": f"lifespan.{phase}.complete"}
    return {"type": f"lifespan.{phase}.failed", "message": failure}
