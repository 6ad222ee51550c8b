"""``_sentry.innards``: for which SDK delivery is known, what scopes hold for a transaction, and ids."""

from __future__ import annotations

import os
import random
import re
import threading
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import sentry_sdk
from sentry_sdk import Scope
from sentry_sdk.consts import VERSION

from sentry_web._sentry import innards
from sentry_web.testing import recording

needs_known = pytest.mark.skipif(not innards.KNOWN, reason="not with this sentry-sdk: its delivery was not compared")


def test_the_releases_that_were_compared_are_known() -> None:
    major, minor = (int(part) for part in VERSION.split(".")[:2])
    assert ((2, 50) <= (major, minor) <= (2, 75)) == innards.KNOWN


def test_a_release_that_is_no_number_is_not_known() -> None:
    with mock.patch.object(innards, "VERSION", "next"):
        assert innards.release() == ()


def test_a_release_without_a_function_is_not_known() -> None:
    with mock.patch.object(innards, "_of_scopes", side_effect=AttributeError):
        assert innards._functions() is None


def test_functions_that_others_made_are_told_from_the_sdks() -> None:
    assert innards.all_theirs([[Scope.capture_event]])
    assert not innards.all_theirs([[Scope.capture_event, lambda: None]])


@needs_known
def test_a_client_of_another_kind_is_not_known() -> None:
    class Other(sentry_sdk.Client):  # type: ignore[misc]
        pass

    with recording():
        client = sentry_sdk.get_client()
        assert innards.untouched(client)
        client.capture_event = client.capture_event  # type: ignore[method-assign]
        assert not innards.untouched(client)
    assert not innards.untouched(Other(default_integrations=False, auto_enabling_integrations=False))
    assert not innards.untouched(SimpleNamespace())


@needs_known
@pytest.mark.parametrize(
    ("name", "value"),
    [("_n_breadcrumbs_truncated", 1), ("_gen_ai_original_message_count", {"span": 1}), ("_should_capture", False)],
)
def test_what_takes_more_than_copying_is_left_to_the_sdk(name: str, value: Any) -> None:
    with recording():
        assert innards.Scopes().plain()
        setattr(sentry_sdk.get_current_scope(), name, value)
        assert not innards.Scopes().plain()


def test_a_fourth_scope_is_not_among_the_three() -> None:
    with recording():
        scopes = innards.Scopes()
        assert scopes.include(sentry_sdk.get_current_scope())
        assert scopes.include(sentry_sdk.get_isolation_scope())
        assert not scopes.include(Scope())


def test_ids_have_the_form_of_random_uuids() -> None:
    for _ in range(50):
        assert re.fullmatch("[0-9a-f]{12}4[0-9a-f]{3}a[0-9a-f]{15}", innards.new_id())
        assert re.fullmatch("[0-9a-f]{16}", innards.new_span_id())


def test_a_span_id_is_never_zero() -> None:
    with mock.patch.object(innards, "_numbers", SimpleNamespace(getrandbits=lambda bits: 0)):
        assert innards.new_span_id() == "0" * 15 + "1"


def test_an_application_that_seeds_random_gets_new_ids_all_the_same() -> None:
    ids = set()
    for _ in range(3):
        random.seed(1)
        ids |= {innards.new_id(), innards.new_span_id()}
    assert len(ids) == 6


def test_threads_get_different_ids() -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.extend(innards.new_id() for _ in range(500))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 2000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="not on this platform: processes are not forked")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_makes_ids_of_its_own() -> None:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, innards.new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100).decode() != innards.new_id()
