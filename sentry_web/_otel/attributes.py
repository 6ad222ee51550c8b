"""The attributes that a span starts with, made only when a sampler or exporter reads them.

The API takes any mapping. A sampler that decides by the trace's parent or by a rate never looks, and nothing keeps the
attributes of a span that is not recorded: such a request's headers need not be decoded.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping
from typing import Any

from .._conventions import captured_headers
from .._core.guard import call
from .._request import Request
from .settings import OtelSettings


class FirstAttributes(Mapping[str, Any]):
    """The attributes of a request as it arrived, for a sampler and the span.

    Args:
        method: ``http.request.method``, as ``known_method`` has it.
        more: What ``default_span_details`` adds to them.
        direct: Whether it is known that no proxy reports how the client asked.
    """

    __slots__ = ("_settings", "_request", "_method", "_direct", "_more", "_made")

    def __init__(
        self,
        settings: OtelSettings,
        request: Request,
        method: str,
        more: Mapping[str, Any] | None,
        direct: bool = False,
    ) -> None:
        self._settings = settings
        self._request = request
        self._method = method
        self._direct = direct
        self._more = more
        self._made: dict[str, Any] | None = None

    def made(self) -> dict[str, Any]:
        """All of them. Asked for inside of the application's process, by code that is not ours: it must not raise."""
        if self._made is None:
            self._made = call(self._make) or {}
        return self._made

    def _make(self) -> dict[str, Any]:
        settings, request = self._settings, self._request
        made: dict[str, Any] = settings.policy.span_attributes(request, True, self._direct)
        made["http.request.method"] = self._method
        if self._method != request.method:
            made["http.request.method_original"] = request.method
        if settings.request_headers:
            report = settings.policy.report_headers
            made.update(captured_headers("request", report, request.headers, settings.request_headers))
        if self._more is not None:
            made.update(self._more)
        return made

    def __getitem__(self, key: str) -> Any:
        return self.made()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.made())

    def __len__(self) -> int:
        return len(self._made or self.made())

    def items(self) -> ItemsView[str, Any]:
        """The dict's own: what is inherited looks each key up in Python."""
        return self.made().items()

    def copy(self) -> dict[str, Any]:
        """A dict of them. The SDK before 1.42 asks a sampler's answer for it, as if that were a dict."""
        return dict(self.made())

    def __repr__(self) -> str:
        return repr(self.made())
