"""Whether a segment is kept is decided as the SDK decides it."""

from __future__ import annotations

from contextvars import copy_context
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sentry_sdk.consts import DEFAULT_OPTIONS

from sentry_web._sentry import compat
from sentry_web._sentry._speedups import sampling
from sentry_web._sentry._speedups.probing import client_with, enter_scopes

if not compat.HAS_STREAMED_SPANS:
    pytest.skip("not with this sentry-sdk: it has no streamed spans", allow_module_level=True)

rates = st.sampled_from([None, 0, 0.0, 0.3, 0.5, 1, 1.0, True, False, 2, -1, float("nan"), "often"])
options = st.fixed_dictionaries(
    {"traces_sample_rate": rates},
    optional={
        **({"enable_tracing": st.sampled_from([None, True, False])} if "enable_tracing" in DEFAULT_OPTIONS else {}),
        "traces_sampler": st.sampled_from([lambda context: 0.5, "no function"]),
        "debug": st.booleans(),
    },
)
monitors = st.none() | st.sampled_from([0, 1, 10, 2000]).map(lambda factor: SimpleNamespace(downsample_factor=factor))
headers = st.fixed_dictionaries(
    {},
    optional={
        "sentry-trace": st.sampled_from(["ab" * 16 + "-" + "cd" * 8 + end for end in ("", "-0", "-1")]),
        "baggage": st.sampled_from(["sentry-sample_rand=0.3", "sentry-sample_rate=0.7", "other=1"]),
    },
)


@given(options, monitors, headers)
@example({"traces_sample_rate": float("nan")}, SimpleNamespace(downsample_factor=2000), {})
def test_it_is_decided_as_by_the_sdk(chosen: dict[str, Any], monitor: Any, given_headers: dict[str, str]) -> None:
    def decide() -> tuple[str, str]:
        scope = enter_scopes(client_with(None, monitor, **chosen))
        scope.generate_propagation_context(given_headers)
        return outcome(sampling.decide, scope), outcome(sampling._decide, scope)

    ours, theirs = copy_context().run(decide)
    assert ours == theirs


def outcome(decide: Any, scope: Any) -> str:
    try:
        return repr(decide("name", {"a": 1}, scope))
    except OverflowError as error:  # of a monitor that lowers the rate without end
        return type(error).__name__


def test_the_probe_agrees_with_this_release() -> None:
    assert sampling.probe()


def test_the_probe_sees_a_release_that_decides_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_decide", lambda name, attributes, scope: (True, 1.0, 0.5, None))
    assert not sampling.probe()
