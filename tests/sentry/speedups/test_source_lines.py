"""The lines around each line of a file are those that the SDK finds, also when the file has changed meanwhile."""

from __future__ import annotations

import os
import zipimport
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentry_web._sentry._speedups import source_lines as fast

NAME = "shop.views"
#: Source with all that ends a line, also what Python does not take for the end of one.
SOURCES = st.lists(
    st.sampled_from(["total = 1", "", "\n", "\r\n", "\r", "\x0c", "\x85", "\u2028", "é", "x" * 200])
).map("".join)


def same(path: Path, number: int, loader: Any, module: Any = NAME, longest: int | None = 100) -> Any:
    """The lines that are found, which the SDK finds, too."""
    found = fast.get_lines_from_file(str(path), number, longest, loader=loader, module=module)
    assert found == fast._sdk(str(path), number, longest, loader=loader, module=module)
    return found


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fast, "_files", fast.Files())
    return tmp_path / "views.py"


def test_it_agrees_with_the_sdk() -> None:
    assert fast.probe()


@given(SOURCES, st.lists(st.integers(-3, 12), min_size=1, max_size=4), st.sampled_from([None, 5, 100]))
def test_the_same_lines_are_found(
    tmp_path_factory: pytest.TempPathFactory, source: str, numbers: list[int], longest: int | None
) -> None:
    path = tmp_path_factory.mktemp("source") / "views.py"
    path.write_bytes(source.encode())
    for number in numbers * 2:
        same(path, number, SourceFileLoader(NAME, str(path)), longest=longest)


def test_a_file_that_has_changed_is_read_again(path: Path) -> None:
    loader = SourceFileLoader(NAME, str(path))
    for number, content in enumerate(("one = 1\n", "two = 2\n", "three = 3\n")):
        path.write_text(content, "utf-8")
        os.utime(path, ns=(number, number))  # clocks of file systems are slower than this test
        for _ in range(2):
            assert same(path, 0, loader)[1] == content.strip()


def test_a_file_is_read_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("one = 1\n" * 20, "utf-8")
    loader = SourceFileLoader(NAME, str(path))
    read: list[str] = []
    get_data = SourceFileLoader.get_data
    monkeypatch.setattr(SourceFileLoader, "get_data", lambda self, name: read.append(name) or get_data(self, name))
    for number in range(10):
        fast.get_lines_from_file(str(path), number, loader=loader, module=NAME)
    assert read == [str(path)]


def test_a_file_that_is_gone_or_broken_is_left_to_the_sdk(path: Path) -> None:
    loader = SourceFileLoader(NAME, str(path))
    assert same(path, 0, loader) == ([], None, [])
    path.write_bytes(b"# coding: nonsense\n")
    with pytest.raises(SyntaxError):
        fast._sdk(str(path), 0, loader=loader, module=NAME)
    with pytest.raises(SyntaxError):
        fast.get_lines_from_file(str(path), 0, loader=loader, module=NAME)
    path.write_text("one = 1\n", "utf-8")
    assert same(path, 0, loader)[1] == "one = 1"
    path.unlink()
    assert same(path, 0, loader) == ([], None, [])


def test_other_loaders_and_other_modules_are_left_to_the_sdk(path: Path) -> None:
    path.write_text("one = 1\n", "utf-8")

    class Loader(SourceFileLoader):
        def get_source(self, fullname: str) -> str:
            return f"{fullname} = 2\n"

    assert same(path, 0, Loader(NAME, str(path)))[1] == f"{NAME} = 2"
    archive = path.with_name("shop.zip")
    with ZipFile(archive, "w") as file:
        file.writestr("zipped.py", "three = 3\n")
    assert same(path, 0, zipimport.zipimporter(str(archive)), "zipped")[1] == "three = 3"
    for loader, module in ((None, NAME), (object(), NAME), (SourceFileLoader(NAME, str(path)), "other")):
        assert same(path, 0, loader, module)[1] == "one = 1"  # by its name


def test_what_is_found_is_nobody_elses(path: Path) -> None:
    path.write_text("one = 1\ntwo = 2\nthree = 3\n", "utf-8")
    loader = SourceFileLoader(NAME, str(path))
    before, _, after = same(path, 1, loader)
    before.clear()
    after.append("four = 4")
    assert same(path, 1, loader) == (["one = 1"], "two = 2", ["three = 3"])


def test_what_is_remembered_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def remembered(sizes: list[int]) -> list[str]:
        files = fast.Files()
        monkeypatch.setattr(fast, "_files", files)
        for number, size in enumerate(sizes):
            each = path.with_name(f"file_{number}.py")
            each.write_text("#" * size, "utf-8")
            assert same(each, 0, SourceFileLoader(NAME, str(each)), longest=None)[1] == "#" * size
        return [Path(known).name for known in files._known]

    monkeypatch.setattr(fast, "_LONGEST", 100)
    assert remembered([101, 100]) == ["file_1.py"]
    monkeypatch.setattr(fast, "_MOST_FILES", 2)
    assert remembered([5, 5, 5]) == ["file_1.py", "file_2.py"]
    monkeypatch.setattr(fast, "_MOST_CHARACTERS", 150)
    assert remembered([90, 90]) == ["file_1.py"]
    assert remembered([60, 90]) == ["file_0.py", "file_1.py"]
