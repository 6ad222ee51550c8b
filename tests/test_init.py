"""The package's public names."""

from __future__ import annotations

import importlib.metadata

import pytest

import sentry_web


def test_every_public_name_is_there() -> None:
    assert all(hasattr(sentry_web, name) for name in sentry_web.__all__)
    assert sorted(sentry_web.__all__) == sentry_web.__all__


def test_the_version_is_that_of_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", {"sentry-web": "1.2.3"}.__getitem__)
    assert sentry_web.__version__ == "1.2.3"


def test_another_name_is_missing_as_in_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'sentry_web' has no attribute 'nothing'"):
        sentry_web.nothing  # noqa: B018
