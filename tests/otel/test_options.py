"""``_otel.options``: the types declare the options that ``settings`` accepts, and no others."""

from __future__ import annotations

import importlib.metadata

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from sentry_web._options import OptionTypes
from sentry_web._otel import settings
from sentry_web._otel.options import AsgiOptions, CommonOptions


def test_the_types_name_every_option() -> None:
    told = set(AsgiOptions.__annotations__) - set(OptionTypes.__annotations__) - {"asgi_version", "transaction_style"}
    assert told == settings._OWN - {"capture_headers"}  # which is a parameter of its own
    assert set(AsgiOptions.__annotations__) - set(CommonOptions.__annotations__) == {"asgi_version", *settings._OF_ASGI}


def test_a_checkout_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert settings._version() == ""
