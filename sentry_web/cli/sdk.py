"""Options of ``sentry_sdk.init`` that differ between releases of sentry-sdk, each found by asking for it."""

from __future__ import annotations

from typing import Any

from sentry_sdk.consts import DEFAULT_OPTIONS

__all__ = ["personal_data"]


def personal_data(*, sent: bool) -> dict[str, Any]:
    """Return the options that let the SDK send personal data, such as addresses and cookies, or keep it from that.

    Newer releases have ``data_collection``, the only such option of sentry-sdk 3, where it is on by default. Older
    releases have ``send_default_pii``, which is off by default.
    """
    if "data_collection" in DEFAULT_OPTIONS:
        return {"data_collection": {} if sent else {"user_info": False, "cookies": {"mode": "off"}}}
    return {"send_default_pii": sent}
