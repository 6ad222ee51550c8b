"""``_sentry``: the names that the package exports to the rest of ``sentry_web``."""

from __future__ import annotations

from sentry_web import _sentry
from sentry_web._options import build_options
from sentry_web.recorder import Recorder


def test_a_recorder_is_offered_and_the_parameters_of_the_sdk() -> None:
    assert _sentry.__all__ == ["SentryRecorder", "asgi_parameters"]
    recorder: Recorder = _sentry.SentryRecorder(build_options())
    assert recorder.key == "sentry"
    assert not recorder.active("asgi"), "no client, nothing to do"
