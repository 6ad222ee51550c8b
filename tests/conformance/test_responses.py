"""What applications and clients do differently, and is the same: re-iterated bodies, bodies for HEAD, odd paths."""

from __future__ import annotations

from typing import Any

import pytest

from sentry_web.testing import (
    ASGI3,
    WSGI,
    WSGI_VALIDATED,
    Peer,
    RequestSpec,
    Returns,
    Script,
    SendChunk,
    StartResponse,
    Wrap,
    recording,
)

from .properties import ALL_DRIVERS, altered

OURS = Wrap.ours(http_methods_to_capture=("GET", "HEAD"))


@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=repr)
@pytest.mark.parametrize("returns", [Returns.GENERATOR, Returns.LIST, Returns.SIZED])
@pytest.mark.parametrize("chunks", [(), (SendChunk(b"hello"),), (SendChunk(b"hel"), SendChunk(b"lo"))])
def test_head_transfers_no_body_whether_the_framework_sends_one_or_not(
    driver: Any, returns: Returns, chunks: Any
) -> None:
    script = Script((StartResponse(), *chunks), returns)
    with recording(traces_sample_rate=1.0) as events:
        transcript = driver.run(script, RequestSpec(method="HEAD"), OURS)
        (root,) = events.roots
    data = root.data
    assert data["http.response.body.size"] == 0
    assert not [key for key in data if "first_byte" in key]
    assert root.outcome == "ok"
    assert transcript == driver.run(script, RequestSpec(method="HEAD"))


@pytest.mark.parametrize("driver", [WSGI, WSGI_VALIDATED], ids=repr)
@pytest.mark.parametrize("returns", [returns for returns in Returns if returns not in (Returns.NOTHING, Returns.WRITE)])
def test_iter_of_a_response_and_of_its_iterator_starts_nothing_again(driver: Any, returns: Returns) -> None:
    script = Script((StartResponse(), SendChunk(b"hel"), SendChunk(b"lo")), returns, peer=Peer(peeks=True))
    with recording(traces_sample_rate=1.0) as events:
        transcript = driver.run(script, wrap=Wrap.ours())
        assert len(events.roots) == 1
    assert transcript.body == b"hello"
    assert transcript == driver.run(script)


@pytest.mark.parametrize("driver", [WSGI, ASGI3], ids=repr)
def test_paths_without_a_slash_are_joined_by_one(driver: Any) -> None:
    def shift(mapping: Any) -> None:
        if "SCRIPT_NAME" in mapping:
            mapping["SCRIPT_NAME"], mapping["PATH_INFO"] = "/woof/woof", "bark/"
        else:
            mapping["root_path"], mapping["path"] = "/woof/woof", "bark/"

    with altered(shift), recording(traces_sample_rate=1.0) as events:
        driver.run(Script((StartResponse(), SendChunk())), RequestSpec(), Wrap.ours())
        (root,) = events.roots
    assert (root.data.get("url.full") or root["request"]["url"]) == "http://shop.example/woof/woof/bark/"
    assert root.name == "/woof/woof/bark/"
