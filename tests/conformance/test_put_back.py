"""The table of faults fits the package, so that ``put_back.py``, which takes minutes, does not find out later."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .put_back import FAULTS, REQUIRED, anchors, find_package, misplaced

HERE = Path(__file__).resolve().parent
ROWS = range(1, 61)  # of the table of incumbents' faults


@pytest.fixture(scope="module")
def package():
    """The definitions in the package; each module is parsed once for all rows."""
    return anchors.Package(find_package())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.defect}: {fault.what}")
def test_names_and_patterns_are_found_exactly_once(fault, package):
    assert misplaced(fault, find_package(), package) == []


def test_every_defect_of_issue_2_has_a_fault():
    assert {fault.defect for fault in FAULTS} >= REQUIRED


def test_every_row_has_a_test():
    text = "".join(path.read_text("utf-8") for path in HERE.glob("test_defects_*.py"))
    named = {int(number) for number in re.findall(r"def test_defect_(\d\d)_", text)}
    assert set(ROWS) - named == set()


@pytest.mark.parametrize(
    ("old", "new", "count"),
    [
        ("call(hook,  span)", "hook(span)", 1),
        ("call(hook, scope_or_environ)", "hook(scope_or_environ)", 0),
        ("1", "2", 2),
        ("number = 1  # whatever", "number = 2", 1),
        ("number = 1\nif number:\n  call(hook, span)", "pass", 1),
        ("call(hook, span)", "if number:\n    call(hook, span)", 1),
        ("other", "nothing", 0),
    ],
)
def test_patterns_match_whatever_the_formatting(old, new, count):
    source = """
class Recording:
    def begin(self, hook, span):
        number = 1
        if number:
            # why
            call(
                hook, span,
            )
        return 1

    def end(self, hook, span):
        return other(2)
"""
    changed, found = anchors.edited(source, "Recording.begin", old, new)
    assert found == count
    assert (changed != anchors.edited(source, "Recording.begin", "absent", "absent")[0]) == (count > 0)


ONE = """
LIMITS = WIDER, _ = (10, 20)

def plain(number=1):
    return f"plain {number}"

from . import two  # takes part in a circular import: it has got ``plain`` before it is replaced

class Thing:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def method(self):
        return f"method {self.value}"

    @property
    def member(self):
        return f"property {self.value}"

    @staticmethod
    def static(value):
        return f"static {value}"

    @classmethod
    def of(cls, value):
        return f"{cls.__name__} {value}"

class Inherits(Thing):
    __slots__ = ()
"""
TWO = "from .one import plain as imported\n"
TABLE = """
from types import SimpleNamespace as Row

def faulty(original):
    return lambda *args: "faulty " + original(*args)

def doubled(original):
    return tuple(2 * each for each in original)

def subclassed(original):
    return type("Faulty", (original,), {"__slots__": ()})

FAULTS = [Row(changes=[Row(make=faulty), Row(make=doubled), Row(make=subclassed)])]
"""
#: Each name with how it is replaced (a place in the table), and expressions with their values before and after.
CHECKS = {
    "plain": (0, {"two.imported(1)": ("plain 1", "faulty plain 1"), "plain(2)": ("plain 2", "faulty plain 2")}),
    "LIMITS": (1, {"LIMITS": ((10, 20), (20, 40))}),
    "Thing": (2, {"Thing.of(1)": ("Thing 1", "Faulty 1"), "Inherits.of(2)": ("Inherits 2", "Inherits 2")}),
    "Thing.method": (0, {"Thing(1).method()": ("method 1", "faulty method 1")}),
    "Thing.member": (0, {"Thing(1).member": ("property 1", "faulty property 1")}),
    "Thing.static": (0, {"Thing.static(1)": ("static 1", "faulty static 1")}),
    "Thing.of": (0, {"Inherits.of(1)": ("Inherits 1", "faulty Inherits 1")}),
    "Inherits.method": (
        0,
        {"Thing(1).method()": ("method 1", "method 1"), "Inherits(1).method()": ("method 1", "faulty method 1")},
    ),
}


@pytest.mark.parametrize("harmless", [False, True], ids=["faulty", "harmless"])
@pytest.mark.parametrize("name", CHECKS)
def test_every_kind_of_name_can_be_replaced(name, harmless, tmp_path):
    folder = tmp_path / "toy"
    folder.mkdir()
    for file, text in {"toy/__init__": "", "toy/one": ONE, "toy/two": TWO, "_put_back_faults": TABLE}.items():
        Path(tmp_path, f"{file}.py").write_text(text, "utf-8")
    shutil.copy(HERE / "anchors.py", tmp_path / "_put_back.py")
    (place,) = anchors.Package(folder).find(name)
    change, checks = CHECKS[name]
    anchors.append_replacements(folder / place.path, [(name, None if harmless else 0, change)])
    code = f"from toy.one import *; from toy import two; print([{', '.join(checks)}])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([before if harmless else after for before, after in checks.values()])


def test_ambiguous_names_need_a_module():
    package = anchors.Package(find_package())
    assert len(package.find("look")) > 1
    assert len(package.find("starlette:look")) == 1
    assert package.find("starlette:nothing") == package.find("Exchange.nothing") == []
