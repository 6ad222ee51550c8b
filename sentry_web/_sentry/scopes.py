"""The two scopes of a request: what they begin with, and how they are made only when something needs them.

Most requests touch neither scope; then copying both and filling them in was a third of what one cost that sends
nothing. So it gets two empty ones, which become the full ones at the first touch.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, cast

from sentry_sdk import Scope
from sentry_sdk.client import NonRecordingClient

from .._core.guard import call
from .._naming.naming import Names
from .._options import Options
from .._request import Name, Outcome, Request
from ..recorder import Captured
from . import private, waiting
from .events import RequestProcessor
from .late import Late, LateSegment, LateTransaction
from .redaction import RedactingProcessor, RedactingScope
from .settings import Settings
from .spans import RootSpan
from .trace import TELLS_TRACE, headers_of_trace, incoming_trace, trace_of_headers

#: What nobody writes into.
_NOTHING: dict[str, str] = {}


class Opening:
    """Makes the scopes of one request from those around it. Holds values only, never a scope of the request."""

    __slots__ = (
        "request",
        "naming",
        "config",
        "settings",
        "trace_headers",
        "linked",
        "processor",
        "client",
        "around",
        "late",
        "root",
        "session_began",
        "_ended",
        "_captured",
        "_outcome",
        "_made",
        "_making",
        "_redaction",
    )

    def __init__(  # noqa: PLR0917 - keywords take 0.1 µs more, and every request has one
        self,
        request: Request,
        naming: Names,
        config: Options,
        settings: Settings,
        client: Any,
        captured: Captured,
        outcome: Outcome,
        around: tuple[Scope, Scope],
    ) -> None:
        self.request = request
        self.naming = naming
        self.config = config
        self.settings = settings
        self.client = client
        self._captured = captured
        self._outcome = outcome
        #: The isolation and the current scope that the request's own are copies of.
        self.around = around
        #: When the session began, where there is to be one.
        self.session_began: datetime | None = None
        self._ended = False
        self._made: tuple[Scope, Scope] | None = None
        self._making = False
        #: The root span, as long as it is but a decision.
        self.late: Late | None = None
        #: The root span, once there is one.
        self.root: RootSpan | None = None
        #: Once the scopes are made: the headers of the trace that is continued.
        self.trace_headers = _NOTHING
        #: The header of a trace that is not continued.
        self.linked: str | None = None
        self.processor: RequestProcessor | None = None
        self._redaction: RedactingProcessor | None = None

    @property
    def tags(self) -> dict[str, str]:
        """What is on the isolation scope from the beginning."""
        return {"protocol": self.request.protocol}

    def scopes(self) -> tuple[Scope, Scope]:
        """The isolation and the current scope: empty ones where that can make no difference, else full ones."""
        if self.settings.sessions and private.tracks_sessions(self.around[0]):
            self.session_began = datetime.now(timezone.utc)
        if self._may_wait() and (not self.settings.tracing or not self.traced() or self._decides()):
            return waiting.pair(self.around, self)
        return self.make()

    def _may_wait(self) -> bool:
        """Whether the scopes around are nobody's, and so say the same later; and no other code is to be asked."""
        isolation, current = self.around
        return (
            self.settings.may_wait
            and type(isolation) is type(current) is Scope
            and not private.is_in_use(isolation)
            and self.request.trace is None
            and type(self.config.continue_traces) is bool
        )

    def traced(self) -> bool:
        """Whether there is to be a root span, if it is sampled."""
        request = self.request
        return self.settings.tracing and (request.kind == "websocket" or request.method in self.config.methods)

    def _decides(self) -> bool:
        """Whether the request begins a trace that the rate alone decides on, and so its root span can wait."""
        rate = self.settings.rate
        if rate is None or self.config.asks_of_span or self.request.may_have(TELLS_TRACE):
            return False
        kind = LateSegment if self.settings.streaming else LateTransaction
        self.late = kind(self.request, self.config.span_origin, rate, self.settings, self.client)
        return self.late.may_wait

    def make(self) -> tuple[Scope, Scope]:
        """The full scopes, the same each time."""
        if self._made is None:
            isolation, current = self.bare()
            self._fill(isolation, current)
            if self.session_began is not None and not self._ended:
                isolation.start_session(session_mode="request")
                private.begin_session_at(isolation, self.session_began)
            if self.late is not None:
                self._make_root(self.late, isolation, current)
            self._made = isolation, current
        return self._made

    def bare(self) -> tuple[Scope, Scope]:
        """Copies of the scopes around."""
        # As fork() does, without the general search of the copy module (1 µs)
        return self.around[0].__copy__(), self.around[1].__copy__()

    def take(self) -> tuple[Scope, Scope] | None:
        """The full scopes; ``None`` within the making itself, which may log, and so touch a scope that waits."""
        if self._making:
            return None
        self._making = True
        try:
            return self.make()
        finally:
            self._making = False

    def _fill(self, isolation: Scope, current: Scope) -> None:
        """Give new scopes the data of the request and its trace."""
        processor, redaction = self.last_processors()
        private.drop_processors(isolation, RequestProcessor)
        isolation.add_event_processor(cast("Any", processor))
        private.drop_processors(current, RedactingProcessor)
        current.add_event_processor(cast("Any", redaction))
        current.__class__ = RedactingScope
        isolation.clear_breadcrumbs()
        isolation.set_tags(self.tags)
        self._continue_trace(isolation, current)

    def last_processors(self) -> tuple[RequestProcessor, RedactingProcessor]:
        """The request's own: the last of the isolation scope to begin with, and of the current one."""
        processor, redaction = self.processor, self._redaction
        if processor is None or redaction is None:
            policy = self.settings.policy
            processor = self.processor = RequestProcessor(
                self.request,
                policy,
                self.naming,
                self._captured,
                self.config.capture_body,
                inherited=[private.transaction_name_set(scope) for scope in self.around],
            )
            redaction = RedactingProcessor(self.request, policy, self._outcome, processor.name_event)
            self._redaction = redaction
        return processor, redaction

    def _make_root(self, late: Late, isolation: Scope, current: Scope) -> None:
        """Make the root span: to be sent, or for those who ask for the trace; or leave that to the SDK."""
        name = self.naming.initial()
        root = late.make(isolation, current, name, self.client)
        if root is None:
            self.late = None
            return
        if not late.left_out:
            self.root = root
        if self.processor is not None:
            self.processor.begin_with(name)

    def end(self, name: Name, ended: datetime | None = None) -> bool:
        """Let the request have ended without any of it having been made; whether nothing had made it before.

        :param ended: the time, where its root span is sent so.
        """
        with waiting.becoming:
            if self._made is not None or self._making:
                return False
            if self.late is not None and ended is not None:
                self.late.end(name, ended)
            self._ended = True
            return True

    def reopen(self) -> None:
        """It did not end that way after all."""
        self._ended = False
        if self.late is not None:
            self.late.ended = None

    def _continue_trace(self, isolation: Scope, current: Scope) -> None:
        """Continue the incoming trace or begin a new one, on both scopes."""
        incoming = incoming_trace(self.request)
        settled = self.request.trace
        named = trace_of_headers(incoming) if settled is not None else None
        if settled is not None and (named is None or named.trace_id != settled.trace_id):
            # Another output leads: its trace is the request's, and what the headers said is only remembered
            self.linked = incoming.get("sentry-trace")
            incoming = headers_of_trace(settled)
        elif settled is None and incoming and not call(continues, self.config, self.request):
            self.linked = incoming.get("sentry-trace")
            incoming = {}
        if incoming:
            isolation.generate_propagation_context(incoming)
        else:
            isolation.set_new_propagation_context()
        private.share_propagation_context(isolation, current)
        current.span = None  # a request inside another one, in process, is no child of its spans by itself
        self.trace_headers = incoming


def client_on(around: tuple[Scope, Scope]) -> Any:
    """The client that ``Scope.get_client()`` finds, where these are the isolation and the current scope.

    Nearly always that of the whole process, since scopes have one of their own only by ``set_client`` (0.1 µs).
    """
    isolation, current = around
    if type(isolation.client) is type(current.client) is NonRecordingClient:
        return Scope.get_global_scope().client
    return Scope.get_client()


def continues(config: Options, request: Request) -> bool:
    """Whether ``continue_traces`` lets the request's headers name its trace."""
    wanted = config.continue_traces
    return bool(wanted(request)) if callable(wanted) else wanted
