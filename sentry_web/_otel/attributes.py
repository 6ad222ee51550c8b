"""The initial attributes of a span, computed only when a sampler or exporter reads them.

The API accepts any mapping. A sampler that decides by the trace's parent or by a rate never reads the attributes, and
they are not kept for a span that is not recorded: the headers of such a request need not be decoded.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping
from typing import Any

from .._conventions import captured_headers
from .._core.guard import call
from .._request import Request
from .settings import OtelSettings


class FirstAttributes(Mapping[str, Any]):
    """The attributes that are known when a request arrives, for the sampler and the span.

    Args:
        settings: The options of the middleware.
        request: The request.
        method: ``http.request.method``, as returned by ``known_method``.
        more: Further attributes, from ``default_span_details``.
        direct: Whether the request is known to have no forwarding headers.
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
        """Return all attributes. This must not raise, since third-party samplers and exporters call it."""
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
        """Return the items of the underlying dict; the inherited method looks each key up in Python."""
        return self.made().items()

    def copy(self) -> dict[str, Any]:
        """Return the attributes as a dict. The SDK before 1.42 calls this on the attributes of a sampling result."""
        return dict(self.made())

    def __repr__(self) -> str:
        return repr(self.made())
