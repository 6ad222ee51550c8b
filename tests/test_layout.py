"""The order of the package: tests for each module, adapters that name no vendor.

The rules are functions from directories to a list of complaints, so that each is also run on a small tree
that breaks it. The last tests hold the gate to its word: what CI makes of a skip, what the wheel holds.
"""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sentry_web

PACKAGE = Path(sentry_web.__file__).parent  # the installed one where the wheel is under test
TESTS = Path(__file__).parent
MODULES = TESTS.parent / "docs" / "modules.md"

VENDORS = re.compile(r"sentry_sdk|opentelemetry")
VENDOR_FREE = ("asgi.py", "wsgi.py")

# Folders of tests, and the package of ours whose modules their files are named after.
FOLLOWING = {"core": "_core", "request": "_request", "privacy": "_privacy", "naming": "_naming"}

# Modules with no test file of their own, each with the reason.
UNTESTED = {
    "__init__": "re-exports only; tests/test_imports.py imports every name of it",
    "__main__": "the command, of which tests/cli are about; test_commands.py runs it",
}


def modules_without_tests(package: Path, tests: Path) -> list[str]:
    """Name the top-level modules and packages that have no `tests/test_<name>.py` and no folder `tests/<name>`."""
    missing = []
    for path in sorted(package.iterdir()):
        if not (path.suffix == ".py" or (path / "__init__.py").is_file()) or path.stem in UNTESTED:
            continue
        name = path.stem.lstrip("_")
        if not (tests / f"test_{name}.py").is_file() and not any((tests / name).glob("test_*.py")):
            missing.append(f"{path.name} has no tests/test_{name}.py")
    return missing


def misnamed_tests(package: Path, tests: Path) -> list[str]:
    """Name the test files of `FOLLOWING` packages that are named after no module of theirs."""
    return [
        f"{folder}/{test.name} is for no module of {name}"
        for folder, name in FOLLOWING.items()
        for test in sorted((tests / folder).glob("test_*.py"))
        if not any((package / name / f"{test.stem.removeprefix('test_')}{end}").exists() for end in ("", ".py"))
    ]


def list_of_modules(package: Path) -> str:
    """Return `docs/modules.md`: each module with the first line of its docstring."""
    lines = []
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package.parent).as_posix()
        summary = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n")[0]
        lines.append(f"- `{name}`: {summary}\n")
    return "# Modules\n\nEach module and what it is for; `python tests/test_layout.py` writes this page.\n\n" + "".join(
        lines
    )


def vendors_in_adapters(package: Path) -> list[str]:
    """Name the lines of the adapters, comments included, that name a vendor."""
    return [
        f"{name}:{number}: {line.strip()}"
        for name in VENDOR_FREE
        for number, line in enumerate((package / name).read_text("utf-8").splitlines(), start=1)
        if VENDORS.search(line)
    ]


def test_every_module_has_its_test_file() -> None:
    assert modules_without_tests(PACKAGE, TESTS) == []


def test_every_test_file_is_named_after_its_module() -> None:
    assert misnamed_tests(PACKAGE, TESTS) == []


def test_the_adapters_name_no_vendor() -> None:
    assert vendors_in_adapters(PACKAGE) == []


def test_the_list_of_modules_is_that_of_the_package() -> None:
    assert MODULES.read_text("utf-8") == list_of_modules(PACKAGE)


def write(root: Path, files: dict[str, str]) -> Path:
    """Make a small tree."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_the_rules_see_a_tree_that_breaks_them(tmp_path: Path) -> None:
    package = write(
        tmp_path / "sentry_web",
        {
            "__init__.py": "",
            "asgi.py": "import sentry_sdk\n",
            "wsgi.py": "x = 1\n# opentelemetry\n",
            "_core/__init__.py": "",
            "_core/states.py": "",
            "_naming/__init__.py": "",
            "lodge/__init__.py": "",
            "no_package/data.txt": "",
        },
    )
    files = ("test_asgi.py", "core/test_states.py", "core/test_state.py", "lodge/test_guests.py")
    tests = write(tmp_path / "tests", dict.fromkeys(files, ""))
    assert modules_without_tests(package, tests) == [
        "_naming has no tests/test_naming.py",
        "wsgi.py has no tests/test_wsgi.py",
    ]
    assert misnamed_tests(package, tests) == ["core/test_state.py is for no module of _core"]
    assert vendors_in_adapters(package) == ["asgi.py:1: import sentry_sdk", "wsgi.py:2: # opentelemetry"]


SKIPPING = """
import pytest

@pytest.mark.skip(reason="flask is not installed")
def test_marked(): pass

def test_called(): pytest.skip("uvicorn is not installed")

def test_allowed(): pytest.skip("not on this platform: no unix sockets")

@pytest.mark.xfail(reason="known")
def test_xfail(): assert False
"""


@pytest.mark.parametrize(
    ("ci", "closing"),
    [
        ("true", r"1 failed, 1 skipped, 1 xfailed, 2 errors in"),
        ("", r"4 skipped, 1 xfailed in"),
    ],
    ids=["in CI", "at a desk"],
)
def test_a_skip_fails_in_ci_unless_its_reason_is_allowed(tmp_path: Path, ci: str, closing: str) -> None:
    write(
        tmp_path,
        {
            "test_skipping.py": SKIPPING,
            "test_import.py": "import pytest\npytest.importorskip('no_such_module')\n",
        },
    )
    shutil.copy(TESTS / "conftest.py", tmp_path)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--continue-on-collection-errors", "."],
        cwd=tmp_path,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert re.search(closing, run.stdout), run.stdout + run.stderr


def installed_wheel() -> importlib.metadata.Distribution:
    """Return the distribution that the package under test came with; skip where it came from a checkout."""
    try:
        distribution = importlib.metadata.distribution("sentry-web")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("sentry-web is not installed")
    if PACKAGE not in {Path(str(file.locate())).parent for file in distribution.files or []}:
        pytest.skip("sentry-web is installed in place, not as a wheel")
    return distribution


def test_the_wheel_holds_the_package_and_nothing_else() -> None:
    files = installed_wheel().files or []
    names = {file.as_posix() for file in files if "__pycache__" not in file.parts}
    assert {"sentry_web/py.typed", "sentry_web/demo/__init__.py"} <= names
    assert {name.split("/")[0] for name in names if not name.startswith("..")} == {
        "sentry_web",
        f"sentry_web-{sentry_web.__version__}.dist-info",
    }


LOCKS = TESTS.parent / ".ci" / "locks"


@pytest.mark.parametrize("path", sorted(LOCKS.glob("*.txt")), ids=lambda path: path.stem)
def test_a_locked_set_names_no_index_and_no_machine(path: Path) -> None:
    text = path.read_text("utf-8")
    assert re.findall(r"https?:|--\S*index|--find-links|file:|^ */", text, re.MULTILINE) == []
    pinned = re.findall(r"^[a-z0-9.\-]+(?:\[.*\])?==\S+", text, re.MULTILINE)
    assert pinned
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) >= len(pinned)


def test_every_dependency_is_locked() -> None:
    """What pyproject.toml asks for is in the locked sets; `nox -s lock` writes them anew."""
    requirements = pytest.importorskip("packaging.requirements")
    tomllib = pytest.importorskip("tomllib", reason="not on this Python: tomllib needs 3.11")
    project = tomllib.loads((TESTS.parent / "pyproject.toml").read_text("utf-8"))
    for name, group in project["dependency-groups"].items():
        locked = (LOCKS / f"{name}.txt").read_text("utf-8").lower()
        for line in group:
            wanted = requirements.Requirement(line)
            found = re.findall(rf"^{re.escape(wanted.name.lower())}(?:\[.*\])?==([^\s;]+)", locked, re.MULTILINE)
            assert found, f"{line} is not in .ci/locks/{name}.txt"
            assert all(wanted.specifier.contains(version) for version in found), line


def test_every_entry_point_can_be_loaded() -> None:
    """One that cannot be breaks every pytest run of its users, or their command line."""
    entry_points = installed_wheel().entry_points
    groups = {"console_scripts", "opentelemetry_instrumentor", "pytest11"}
    assert {entry_point.group for entry_point in entry_points} == groups
    for entry_point in entry_points:
        entry_point.load()


if __name__ == "__main__":
    MODULES.write_text(list_of_modules(TESTS.parent / "sentry_web"), encoding="utf-8")
