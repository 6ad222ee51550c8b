"""The types of the options, for type checkers and readers; ``_config`` checks their values. Never imported at run time.

A class made of annotations costs more to make than all other code of a module (0.2 ms of 9).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from ._recorder import Recording
    from ._request import Outcome, Request

Style = Literal["endpoint", "url"]
BodyMode = Literal["never", "errors", "always"]
OnRequest = Callable[["Recording", "Request"], None]
OnResponse = Callable[["Recording", "Request", "Outcome"], None]
RouteResolver = Callable[["Request"], str | None]
TrustedProxies = int | str | Sequence[str] | None


class Options(TypedDict, total=False):
    """The keyword options every middleware takes; the README's options table explains each."""

    excluded_urls: str | Iterable[str] | None
    trusted_proxies: TrustedProxies
    continue_traces: bool | Callable[[Request], bool]
    failed_request_status_codes: Container[int]
    capture_body: BodyMode
    capture_response_headers: Iterable[str]
    record_send_receive: bool
    route_resolver: RouteResolver | None
    on_request: OnRequest | None
    on_response: OnResponse | None
    max_path_names: int | None
    trace_response_headers: Iterable[str]


class StyledOptions(Options, total=False):
    """The options of middlewares that have no positional ``transaction_style``."""

    transaction_style: Style
