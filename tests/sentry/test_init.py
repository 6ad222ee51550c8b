"""``_sentry``: the names that the package exports to the rest of ``sentry_web``."""

from __future__ import annotations

from sentry_web import _sentry
from sentry_web._options import build_options
from sentry_web.recorder import Recorder


def test_one_name_is_offered_and_it_is_a_recorder() -> None:
    assert _sentry.__all__ == ["SentryRecorder"]
    recorder: Recorder = _sentry.SentryRecorder(build_options())
    assert recorder.key == "sentry"
    assert not recorder.active("asgi"), "no client, nothing to do"
