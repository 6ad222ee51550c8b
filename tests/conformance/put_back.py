"""Puts faults back, one at a time, to show that the tests of ``test_defects_*.py`` catch them.

``python tests/conformance/put_back.py [NN …]`` copies the package installed, or else the checkout's, applies each
fault of ``faults.py`` (of the given defects only) to a copy of its own, and runs the defect's tests on it. It prints a
table, and exits with 1 if a fault survives or an old text is not found exactly once.

``--properties`` runs the properties instead, which know of no defect, for faults of adapters and Exchange only, since
what the properties compare is what these do. A survivor there is no failure, but tells what no property sees.
"""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TIMEOUT = 180  # seconds for the tests of one defect
#: What holds for every script and request, and the rooms whose faults it is asked to find.
PROPERTIES = ("test_transparency.py", "test_parity.py", "test_transitions.py", "test_isolation.py")
ROOMS = frozenset({"asgi.py", "wsgi.py", "_core/exchange.py", "_core/entry.py"})

#: The defects whose regression tests issue 2 asks for; each must have a fault here.
REQUIRED = frozenset((1, 2, *range(7, 11), *range(12, 16), *range(19, 34), 35, 38, 41, *range(46, 50), 51))


class Edit(NamedTuple):
    """A change to one file of the package."""

    file: str
    old: str
    new: str


class Fault(NamedTuple):
    """What is put back: the defect's number, a sentence, and what to change."""

    defect: int
    what: str
    edits: tuple[Edit, ...]


def load_faults() -> tuple[Fault, ...]:
    """The table of ``faults.py``; by path, since no test directory is on ``sys.path``."""
    table: Any = runpy.run_path(str(HERE / "faults.py"))["FAULTS"]
    return tuple(Fault(number, what, tuple(Edit(*edit) for edit in edits)) for number, what, *edits in table)


def find_package() -> Path:
    """The directory of ``sentry_web``: the installed one, else that of the checkout."""
    spec = importlib.util.find_spec("sentry_web")
    return Path(spec.origin).parent if spec and spec.origin else ROOT / "sentry_web"


def misplaced(fault: Fault, package: Path) -> list[str]:
    """A sentence for each old text that is not in its file exactly once."""
    texts = {path: path.read_text("utf-8") for path in {package / edit.file for edit in fault.edits} if path.exists()}
    found = [(edit, texts.get(package / edit.file, "").count(edit.old)) for edit in fault.edits]
    return [f"{edit.file} has {edit.old!r} {count} times" for edit, count in found if count != 1]


def apply(fault: Fault, package: Path) -> None:
    """Change the files of a copy of the package."""
    for edit in fault.edits:
        path = package / edit.file
        path.write_text(path.read_text("utf-8").replace(edit.old, edit.new), "utf-8")


def run_tests(folder: Path, defects: list[int] | None) -> tuple[int | None, str]:
    """Run these defects' tests, or the properties, on the package in ``folder``: exit status and first test to fail."""
    command = [sys.executable, "-m", "pytest", "-q", "--maxfail=1", "--no-header", "--import-mode=importlib"]
    command += ["-p", "no:cacheprovider", f"--rootdir={ROOT}"]
    if defects is None:
        files = [HERE / name for name in PROPERTIES]
    else:
        files = sorted(HERE.glob("test_defects_*.py"))
        command += ["-k", " or ".join(f"defect_{number:02}" for number in defects)]
    if (ROOT / "pyproject.toml").exists():
        command.append(f"--config-file={ROOT / 'pyproject.toml'}")
    # No byte code: two edits of the same size within a second would look the same to Python's cache
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*command, *map(str, files)],
            cwd=folder,
            env=environment,
            timeout=TIMEOUT,
            check=False,
            capture_output=True,
            text=True,
        )
    except subprocess.TimeoutExpired:
        return None, f"no end within {TIMEOUT} seconds"
    failed = re.search(r"^(?:FAILED|ERROR) \S*?(?:::(\S+)|$)", done.stdout, re.MULTILINE)
    return done.returncode, (failed.group(1) or "") if failed else done.stdout[-500:] + done.stderr[-500:]


def judge(fault: Fault, package: Path, by_properties: bool = False) -> tuple[bool, str]:
    """Put one fault back in a copy of the package: whether its tests, or the properties, catch it, and which one."""
    problems = misplaced(fault, package)
    if problems:
        return False, "NOT FOUND: " + "; ".join(problems)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "sentry_web")
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
        apply(fault, copy)
        status, detail = run_tests(Path(folder), None if by_properties else [fault.defect])
    if status in (None, 1):  # pytest's 1: tests ran, and some failed
        return True, "caught by " + detail
    return False, "SURVIVED" if status == 0 else f"BROKEN (pytest ended with {status}): {detail}"


def main(arguments: list[str]) -> int:
    """Judge all faults, or those of the defects named; print the table."""
    by_properties = "--properties" in arguments
    wanted = {int(argument) for argument in arguments if argument.isdigit()}
    faults = [fault for fault in load_faults() if not wanted or fault.defect in wanted]
    if by_properties:
        faults = [fault for fault in faults if {edit.file for edit in fault.edits} <= ROOMS]
    package = find_package()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(package, Path(folder, "sentry_web"), ignore=shutil.ignore_patterns("__pycache__"))
        status, detail = run_tests(Path(folder), None if by_properties else sorted({fault.defect for fault in faults}))
    if status != 0:
        print(f"the tests fail without any fault: {detail}")
        return 1
    caught = 0
    for fault in sorted(faults, key=lambda fault: fault.defect):
        good, verdict = judge(fault, package, by_properties)
        caught += good
        print(f"{fault.defect:2}  {fault.what:<66}  {verdict}", flush=True)
    print(f"{caught} of {len(faults)} faults caught")
    return 0 if faults and (by_properties or caught == len(faults)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
