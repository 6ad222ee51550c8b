"""Put faults back, one at a time, to show that the tests of ``test_defects_*.py`` and others catch them.

``python tests/conformance/put_back.py [NN | NAME …] [--jobs N]`` copies the package installed, or else the checkout's,
puts each fault of ``faults.py`` (of the given defects only) into a copy of its own, and runs the defect's tests on it,
``N`` faults at a time. A defect without a number is named by words that the names of its tests have in common; these
may be tests of a part of the package, too (``FOLDERS``). It prints a table, and exits with 1 if a fault survives or a
name or pattern is not found exactly once. First it runs the tests on a copy in which every name that the faults replace
is replaced by something that only calls the original: they must pass, so that what is caught later is the fault and not
its being put there.

``--properties`` runs the properties instead, which know of no defect, for faults of the middlewares and the exchange
only, since what the properties compare is what these do. A survivor there is no failure; it shows what no property
sees.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TIMEOUT = 180  # seconds for the tests of one defect
#: The directories with the tests of defects that have words for a name.
FOLDERS = ("conformance", "core", "naming", "otel", "privacy", "request", "sentry")
#: More of them.
ELSEWHERE = [ROOT / "tests" / "test_integration.py"]
#: What holds for every script and request, and the classes whose faults it is asked to find.
PROPERTIES = ("test_transparency.py", "test_parity.py", "test_transitions.py", "test_isolation.py")
COMPARED = frozenset({"SentryAsgiMiddleware", "SentryWsgiMiddleware", "Exchange", "Entry"})

#: The defects whose regression tests issue 2 asks for; each must have a fault here.
REQUIRED = frozenset((1, 2, *range(7, 11), *range(12, 16), *range(19, 34), 35, 38, 41, *range(46, 50), 51))


def load(name: str) -> Any:
    """Import a module of this directory by its path, since no test directory is on ``sys.path``."""
    spec: Any = importlib.util.spec_from_file_location(f"put_back_{name}", HERE / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


anchors, faults = load("anchors"), load("faults")
FAULTS: tuple[Any, ...] = faults.FAULTS


def find_package() -> Path:
    """The directory of ``sentry_web``: the installed one, else that of the checkout."""
    spec = importlib.util.find_spec("sentry_web")
    return Path(spec.origin).parent if spec and spec.origin else ROOT / "sentry_web"


def misplaced(fault: Any, folder: Path, package: Any) -> list[str]:
    """Return a sentence for each name or pattern of a fault that is not in the package exactly once.

    Args:
        fault: The row of the table.
        folder: The directory of the package.
        package: Its definitions (``anchors.Package``).
    """
    problems = []
    for change in fault.changes:
        places = package.find(change.name)
        if len(places) != 1:
            problems.append(f"the package defines {change.name} {len(places)} times")
        elif isinstance(change, faults.Edit):
            source = (folder / places[0].path).read_text("utf-8")
            _, count = anchors.edited(source, change.name, change.old, change.new)
            if count != 1:
                problems.append(f"{change.name} has {change.old!r} {count} times")
    return problems


def apply(rows: Iterable[int], copy: Path, package: Any, harmless: bool = False) -> None:
    """Change a copy of the package.

    Args:
        rows: The faults, as places in the table.
        copy: The directory of the copy.
        package: The definitions in the package.
        harmless: Replace the same names, but by what only calls the original; edit nothing.
    """
    replacements: dict[Path, dict[str, tuple[str, int | None, int]]] = defaultdict(dict)
    for row in rows:
        for number, change in enumerate(FAULTS[row].changes):
            path = copy / package.find(change.name)[0].path
            if isinstance(change, faults.Replace):
                replacements[path][change.name] = change.name, None if harmless else row, number
            elif not harmless:
                source, _ = anchors.edited(path.read_text("utf-8"), change.name, change.old, change.new)
                path.write_text(source, "utf-8")
    for path, of_module in replacements.items():
        anchors.append_replacements(path, list(of_module.values()))


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """Copy the package, and beside it what the copy needs to replace its own names."""
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary, "sentry_web")
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(HERE / "anchors.py", Path(temporary, "_put_back.py"))
        shutil.copy(HERE / "faults.py", Path(temporary, "_put_back_faults.py"))
        yield copy


def keyword(defect: int | str) -> str:
    """Return what the names of a defect's tests have in common."""
    return defect if isinstance(defect, str) else f"defect_{defect:02}"


def run_tests(folder: Path, defects: Collection[int | str] | None) -> tuple[int | None, str]:
    """Run these defects' tests, or the properties, on the package in ``folder``: exit status and first test to fail."""
    command = [sys.executable, "-m", "pytest", "-q", "--maxfail=1", "--no-header", "--import-mode=importlib"]
    command += ["-p", "no:cacheprovider", f"--rootdir={ROOT}"]
    if defects is None:
        files = [HERE / name for name in PROPERTIES]
    else:
        words = [keyword(defect) for defect in defects]
        places = [path for folder in FOLDERS for path in sorted((HERE.parent / folder).rglob("test_*.py"))]
        places += ELSEWHERE
        files = [path for path in places if any(word in path.read_text("utf-8") for word in words)]
        command += ["-k", " or ".join(words)]
    if (ROOT / "pyproject.toml").exists():
        command.append(f"--config-file={ROOT / 'pyproject.toml'}")
    # No byte code: two edits of the same size within a second would look the same to Python's cache
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*command, *map(str, files)],
            cwd=folder,
            env=environment,
            timeout=TIMEOUT * len(defects or [None]),
            check=False,
            capture_output=True,
            text=True,
        )
    except subprocess.TimeoutExpired:
        return None, f"no end within {TIMEOUT} seconds for each defect"
    failed = re.search(r"^(?:FAILED|ERROR) \S*?(?:::(\S+)|$)", done.stdout, re.MULTILINE)
    return done.returncode, (failed.group(1) or "") if failed else done.stdout[-500:] + done.stderr[-500:]


def judge(row: int, folder: Path, package: Any, by_properties: bool = False) -> tuple[bool, str]:
    """Put one fault back in a copy of the package: whether its tests, or the properties, catch it, and which one."""
    fault = FAULTS[row]
    problems = misplaced(fault, folder, package)
    if problems:
        return False, "NOT FOUND: " + "; ".join(problems)
    with copied(folder) as copy:
        apply([row], copy, package)
        status, detail = run_tests(copy.parent, None if by_properties else [fault.defect])
    if status in (None, 1):  # pytest's 1: tests ran, and some failed
        return True, "caught by " + detail
    return False, "SURVIVED" if status == 0 else f"BROKEN (pytest ended with {status}): {detail}"


def main(arguments: list[str]) -> int:
    """Judge all faults, or those of the defects named; print the table."""
    parser = argparse.ArgumentParser(description="Put faults back, one at a time, to show that the tests catch them.")
    parser.add_argument("defects", nargs="*", help="numbers or names of defects; all, if none is given")
    parser.add_argument("--properties", action="store_true", help="run the properties, not the tests of the defect")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="faults at a time")
    options = parser.parse_args(arguments)
    wanted = {int(defect) if defect.isdigit() else defect for defect in options.defects}
    rows = [row for row, fault in enumerate(FAULTS) if not wanted or fault.defect in wanted]
    if options.properties:
        rows = [row for row in rows if {change.name.split(".")[0] for change in FAULTS[row].changes} <= COMPARED]
    folder = find_package()
    package = anchors.Package(folder)
    found = [row for row in rows if not misplaced(FAULTS[row], folder, package)]
    with copied(folder) as copy:
        apply(found, copy, package, harmless=True)
        defects = sorted({FAULTS[row].defect for row in rows}, key=keyword)
        status, detail = run_tests(copy.parent, None if options.properties else defects)
    if status != 0:
        print(f"the tests fail without any fault: {detail}")
        return 1
    caught = 0
    rows.sort(key=lambda row: keyword(FAULTS[row].defect))
    with ThreadPoolExecutor(options.jobs) as pool:
        verdicts = pool.map(lambda row: judge(row, folder, package, options.properties), rows)
        for row, (good, verdict) in zip(rows, verdicts):
            caught += good
            print(f"{FAULTS[row].defect:2}  {FAULTS[row].what:<66}  {verdict}", flush=True)
    print(f"{caught} of {len(rows)} faults caught")
    return 0 if rows and (options.properties or caught == len(rows)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
