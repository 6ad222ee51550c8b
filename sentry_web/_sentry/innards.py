"""The private names of sentry-sdk that the fast delivery of a transaction reads; the others are in ``private``.

Delivery does with them what ``Scope._merge_scopes``, ``Scope.apply_to_event`` and ``_Client.capture_event`` do. It is
done only for the releases in which these were compared (tests/sentry/test_delivery.py), and only while nobody has put
functions of their own in their places.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

import sentry_sdk
from sentry_sdk import Scope
from sentry_sdk.consts import VERSION
from sentry_sdk.scope import global_event_processors
from sentry_sdk.scrubber import EventScrubber
from sentry_sdk.utils import capture_internal_exceptions

_Client: Any = sentry_sdk.Client  # a class, whatever its annotation says
_Processor = Callable[[Any, Any], Any]

#: The releases whose ways are known, by major and minor number.
_FIRST, _LAST = (2, 50), (2, 75)

#: What is done in the place of these.
_of_scopes = attrgetter("capture_event", "_merge_scopes", "apply_to_event", "run_event_processors")
_of_clients = attrgetter("capture_event", "_prepare_event")
_of_scrubbers = attrgetter("scrub_event", "scrub_dict")


def release() -> tuple[int, ...]:
    """The SDK's, major and minor; empty where it is none."""
    try:
        return tuple(int(part) for part in VERSION.split(".")[:2])
    except ValueError:
        return ()


def _functions() -> list[Any] | None:
    """The functions in whose place delivery steps; ``None`` where a release lacks one."""
    try:
        return [_of_scopes(Scope), _of_clients(_Client), _of_scrubbers(EventScrubber)]
    except AttributeError:
        return None


def all_theirs(functions: Iterable[Iterable[Any]]) -> bool:
    """Whether the SDK made all of these: what a tool has replaced before us would be left out."""
    return all(getattr(each, "__module__", "").startswith("sentry_sdk.") for group in functions for each in group)


_ORIGINAL = _functions() or []
#: Whether the SDK is one whose delivery is known.
KNOWN = _FIRST <= release() <= _LAST and bool(_ORIGINAL) and all_theirs(_ORIGINAL)


def untouched(client: Any) -> bool:
    """Whether everything that delivery does without is as the SDK made it: a test or a tool may have patched it."""
    return (
        KNOWN
        and type(client) is _Client
        and _of_scopes(Scope) == _ORIGINAL[0]
        and _of_clients(_Client) == _ORIGINAL[1]
        and _of_scrubbers(EventScrubber) == _ORIGINAL[2]
        and "capture_event" not in client.__dict__
    )


#: Ids are no secrets; a generator of our own, so that an application which seeds ``random`` gets new ones all the same.
#: ``os.urandom`` is a system call each time, and lets other threads run meanwhile (2 µs, and many more under load).
_numbers = random.Random()  # noqa: S311
if hasattr(os, "register_at_fork"):  # not on Windows, where nothing is forked
    os.register_at_fork(after_in_child=_numbers.seed)


def new_id() -> str:
    """An id of an event or a trace, in the form of ``uuid4().hex``."""
    digits = f"{_numbers.getrandbits(128):032x}"
    return f"{digits[:12]}4{digits[13:16]}a{digits[17:]}"


def damped(rate: float, client: Any) -> float:
    """What is left of a sampling rate while the SDK slows itself down (backpressure)."""
    return rate / 2**client.monitor.downsample_factor if client.monitor else rate


def any_rand() -> float:
    """The ``sample_rand`` of a trace that nobody knows yet; the SDK draws it from the trace's id (7 µs)."""
    return int(_numbers.random() * 1_000_000) / 1_000_000


def new_span_id() -> str:
    """An id of a span; zeros alone are none (W3C Trace Context, 3.2.2.4)."""
    return f"{_numbers.getrandbits(64) or 1:016x}"


class Scopes:
    """The three scopes whose data an event gets, the later ones over the earlier.

    :param around: the isolation and the current scope, where these are not the ambient ones.
    """

    __slots__ = ("_all",)

    #: Whether an event that all processors have seen is known to be ours but for what they added.
    only_ours = False
    #: Whether an event is the same later and on another thread.
    settled = False

    def __init__(self, around: tuple[Any, Any] | None = None) -> None:
        isolation, current = around or (Scope.get_isolation_scope(), Scope.get_current_scope())
        self._all: tuple[Any, ...] = (Scope.get_global_scope(), isolation, current)

    def plain(self) -> bool:
        """Whether there is nothing on them that takes more than copying: dropped breadcrumbs, cut messages of an AI."""
        for each in self._all:
            if each._n_breadcrumbs_truncated or each._gen_ai_original_message_count or not each._should_capture:
                return False
        return True

    def include(self, scope: Any) -> bool:
        """Whether this is one of the ambient two; another one that is asked to capture would be a fourth."""
        return scope is self._all[1] or scope is self._all[2]

    def apply_to(self, event: dict[str, Any]) -> None:
        """Put on a transaction what the scopes hold for it, each over what the former had."""
        contexts = event["contexts"]
        for scope in self._all:
            if scope._contexts:
                contexts.update(scope._contexts)
            if scope._tags:
                event.setdefault("tags", {}).update(scope._tags)
            if scope._extras:
                event.setdefault("extra", {}).update(scope._extras)
            if scope._level is not None:
                event["level"] = scope._level
        for key, name in (("fingerprint", "_fingerprint"), ("user", "_user")):
            if event.get(key) is None:
                found = self._last(name)
                if found is not None:
                    event[key] = found

    def process(self, event: Any, hint: dict[str, Any]) -> Any:
        """The event as all processors leave it; ``None``: one of them dropped it."""
        return sentry_sdk.get_current_scope().run_event_processors(event, hint)

    def attachments(self) -> list[Any]:
        """The attachments that go with a transaction."""
        return [each for scope in self._all for each in scope._attachments if each.add_to_transactions]

    def session(self) -> Any:
        """The session that an event counts in."""
        return self._last("_session")

    def _last(self, name: str) -> Any:
        """The value that counts: that of the innermost scope that has one."""
        for scope in reversed(self._all):
            found = getattr(scope, name)
            if found is not None:
                return found
        return None

    def complete(self, span: Any, client: Any) -> None:
        """Give a streamed span the attributes that the scopes hold for it, as ``Scope.apply_to_telemetry`` does."""
        add_missing(span, self.attributes(client))

    def attributes(self, client: Any) -> dict[str, Any]:
        """The attributes that the scopes hold for a streamed span which has them not."""
        told: dict[str, Any] = {}
        user: Any = self._last("_user")
        if user is not None and _tells_user(client):
            told = {key: user[name] for key, name in _USER if user.get(name) is not None}
        for scope in self._all:
            told.update(scope._attributes)
        return told


def add_missing(span: Any, attributes: dict[str, Any]) -> None:
    """Give a streamed span those of the attributes that it has not."""
    told = span.get_attributes()
    for key, value in attributes.items():
        told.setdefault(key, value)


#: What is on a scope of which an event gets nothing, by its names.
_of_blank: dict[str, Any] = {
    **{name: {} for name in ("_contexts", "_tags", "_extras", "_gen_ai_original_message_count")},
    **dict.fromkeys(("_level", "_fingerprint", "_user", "_session")),
    "_attachments": [],
    "_n_breadcrumbs_truncated": 0,
    "_should_capture": True,
}
_parts_of = attrgetter(*_of_blank)
_BLANK = tuple(_of_blank.values())


#: Whose processors add parts to a transaction, and touch none that is there.
_ADDING = frozenset(
    f"sentry_sdk.integrations.{name}" for name in ("argv", "dedupe", "gnu_backtrace", "modules", "stdlib", "threading")
)


class ScopesAround(Scopes):
    """The scopes whose data an event of a request gets, where its own two were never made.

    :param around: the isolation and the current scope that they would be copies of.
    :param tags: what would be on the isolation scope besides.
    :param ours: asked for the last processor of either.
    """

    __slots__ = ("_tags", "_ours", "_blank", "_theirs", "only_ours", "settled")

    def __init__(
        self, around: tuple[Any, Any], tags: dict[str, str], ours: Callable[[], tuple[_Processor, _Processor]]
    ) -> None:
        super().__init__(around)
        self.only_ours = False
        everywhere, isolation, current = self._all
        #: Whether there is nothing on them that goes onto a transaction, as mostly (5 µs).
        self._blank = _parts_of(current) == _parts_of(isolation) == _parts_of(everywhere) == _BLANK
        self._tags = tags
        self._ours = ours
        #: What integrations and others added for all events, to be asked scope by scope.
        self._theirs = (*global_event_processors, *everywhere._event_processors, *isolation._event_processors)
        # Nobody's data, and no processor but those of the SDK
        self.settled = self._blank and not current._event_processors and self._only_add()

    def plain(self) -> bool:
        return self._blank or super().plain()

    def _only_add(self) -> bool:
        """Whether the processors are known to add parts, and to touch none that is there."""
        return not self._theirs or _ADDING.issuperset([getattr(each, "__module__", None) for each in self._theirs])

    def apply_to(self, event: dict[str, Any]) -> None:
        if not self._blank:
            super().apply_to(event)
        current = self._all[2]._tags
        event["tags"].update({key: value for key, value in self._tags.items() if key not in current})

    def attachments(self) -> list[Any]:
        return [] if self._blank else super().attachments()

    def session(self) -> Any:
        return None if self._blank else super().session()

    def process(self, event: Any, hint: dict[str, Any]) -> Any:
        """As the SDK does it: first what integrations added for all events, then scope by scope."""
        current = self._all[2]
        first, last = self._ours()
        self.only_ours = self.settled or (
            not current._event_processors and not any(scope._contexts for scope in self._all) and self._only_add()
        )
        for processor in (*self._theirs, first, *current._event_processors, last):
            processed = event
            with capture_internal_exceptions():
                processed = processor(event, hint)
            if processed is None:
                return None
            event = processed
        return event


def _tells_user(client: Any) -> bool:
    """Whether the user's settings let spans tell who the user is."""
    collection: Any = client.options.get("data_collection")
    if collection and collection.get("provided_by_user"):
        return bool(collection.get("user_info"))
    return bool(client.should_send_default_pii())


#: What a span tells of the user.
_USER = (("user.id", "id"), ("user.name", "username"), ("user.email", "email"), ("user.ip_address", "ip_address"))


def update_session(client: Any, session: Any, event: dict[str, Any]) -> None:
    """Tell the session what its event tells of the user."""
    client._update_session_from_event(session, event)
