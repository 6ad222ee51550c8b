"""The table of faults fits the package: so that ``put_back.py``, which takes minutes, does not find out later."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

HERE = Path(__file__).resolve().parent
PUT_BACK = SimpleNamespace(**runpy.run_path(str(HERE / "put_back.py")))
FAULTS = PUT_BACK.load_faults()
ROWS = range(1, 61)  # of shared/defects.md


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.defect}: {fault.what}")
def test_old_texts_are_found_exactly_once(fault):
    assert PUT_BACK.misplaced(fault, PUT_BACK.find_package()) == []


def test_every_defect_of_issue_2_has_a_fault():
    assert {fault.defect for fault in FAULTS} >= PUT_BACK.REQUIRED


def test_every_row_has_a_test():
    text = "".join(path.read_text("utf-8") for path in HERE.glob("test_defects_*.py"))
    named = {int(number) for number in re.findall(r"def test_defect_(\d\d)_", text)}
    assert set(ROWS) - named == set()
