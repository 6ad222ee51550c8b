"""The expectations and the table made of them."""

from __future__ import annotations

from . import test_asgi, test_wsgi
from .cells import Cells
from .expectations import EXPECTED, SEEN, allowed, misplaced, not_shown, unlike
from .matrix import TABLE, table
from .processes import SERVERS
from .scenarios import SCENARIOS

GRANIAN = SERVERS["granian (WSGI)"]


def test_every_server_has_a_class_of_its_protocol() -> None:
    found = {
        each.server: protocol
        for protocol, module in (("asgi", test_asgi), ("wsgi", test_wsgi))
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Cells) and each is not Cells
    }
    assert found == {name: server.interface for name, server in SERVERS.items()}


def test_every_scenario_has_its_expectation() -> None:
    assert set(EXPECTED) == set(SCENARIOS)


def test_what_was_seen_is_in_cells_of_the_matrix_and_differs() -> None:
    assert misplaced() == []


def test_what_is_expected_is_allowed_and_so_is_what_was_seen() -> None:
    scenario = "break in mid-stream"
    mended = EXPECTED[scenario]
    (seen,) = SEEN[GRANIAN.name, scenario]
    as_seen = {**mended, "answer": "200 6 bytes"}
    assert allowed(GRANIAN, scenario) == [mended, as_seen]
    assert not_shown(GRANIAN, scenario, mended) == [seen]
    assert not_shown(GRANIAN, scenario, as_seen) == []


def test_what_is_not_allowed_is_named() -> None:
    answers = allowed(GRANIAN, "break in mid-stream")
    found = {**answers[1], "as bare": "200 5 bytes"}
    assert found not in answers
    assert unlike(found, answers) == "as bare is '200 5 bytes' and not True"


def test_two_faults_may_be_mended_one_by_one() -> None:
    found = [
        (facts["server ends"]["heard"], facts["client ends"]["heard"])
        for facts in allowed(SERVERS["daphne"], "websocket")
    ]
    assert len(found) == 10
    assert set(found) == {
        (first, second)
        for first in ("HELLO, 1011 no more", "HELLO, silence, 1000 ", "HELLO, 1011 ")
        for second in ("HELLO, 4001 enough", "HELLO, 1000 ")
    }


def test_the_table_is_that_of_the_expectations() -> None:
    assert TABLE.read_text(encoding="utf-8") == table()
