"""The commands of ``sentry-web``: their options and exit statuses.

A command is a function here that takes its options and calls the package behind it (``demo``, ``cli``),
which is imported only then. The rest of the package may not import this module.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Literal, NoReturn

try:
    import click
    from rich.console import Console
except ImportError as error:  # pip installs the script with or without the extra
    extras = "cli,testing" if "check" in sys.argv[1:2] else "cli"
    raise SystemExit(
        f'sentry-web: "{error.name}" is not installed; an extra brings it: pip install "sentry-web[{extras}]"'
    ) from None

if TYPE_CHECKING:
    from sentry_web.cli.target import Loaded
    from sentry_web.testing import Verdict
    from sentry_web.testing.privacy import Report

__all__ = ["main"]


_STREAM = "Let sentry-sdk send spans as they end, not whole transactions. sentry-sdk 3 always does."


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sentry-web")
def main() -> None:
    """One middleware for WSGI and ASGI that reports errors, requests and traces to Sentry."""


def _read_env_file(context: click.Context, parameter: click.Parameter, path: str | None) -> None:
    """Set the environment variables that a file sets, before other options look for theirs."""
    if path is None:
        return
    try:
        from dotenv import load_dotenv
    except ImportError:
        _refuse('"python-dotenv" is not installed; the extra brings it: pip install "sentry-web[cli]"')
    load_dotenv(path)  # what is set already stays, as with Flask and uvicorn


_APP_DIR = click.option(
    "--app-dir",
    default=".",
    type=click.Path(exists=True, file_okay=False),
    help="Import TARGET from there.  [default: the current directory]",
)


@main.command(short_help="Serve a shop both ways; compare the reports.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")
@click.option("--details", is_flag=True, help="Print a table for each request.")
@click.option("--stream", is_flag=True, help=_STREAM)
@click.option("--bugsink", "viewer", flag_value="bugsink", help="Show the errors in Bugsink's user interface.")
@click.option("--spotlight", "viewer", flag_value="spotlight", help="Show errors and traces in Spotlight's.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Where the user interface listens; 0: any.")
@click.option("--open", "browse", is_flag=True, help="Open the user interface in your browser.")
def demo(*, as_json: bool, details: bool, stream: bool, viewer: str | None, port: int, browse: bool) -> None:
    """Serve one bookshop by WSGI and by ASGI, and compare what is reported to Sentry.

    Everything is on loopback: both servers, real HTTP requests to both, and an ingest endpoint that receives
    what sentry-sdk sends. The exit status is 0 when both protocols reported the same, and 1 when not.

    With --bugsink or --spotlight, which must be installed, the reports go there instead, and can be looked at until
    Ctrl-C; the exit status is 2 where the tool is missing.
    """
    if viewer is not None:
        _present(viewer, port, stream=stream, browse=browse)
        return
    from sentry_web.demo import printing, show

    console = _console()
    with printing.progress(console, of=show.STEPS) as step:
        result = show.run(stream=stream, step=step)
    if as_json:
        click.echo(printing.as_json(result))
    else:
        printing.print_result(result, console, details=details)
    sys.exit(1 if result.differences else 0)


def _present(viewer: str, port: int, *, stream: bool, browse: bool) -> None:
    """Show the demo in a user interface of the user's own, until Ctrl-C."""
    from sentry_web.demo import presentation

    try:
        presentation.present(viewer, port, _console(), stream=stream, browse=browse)
    except presentation.MissingToolError as error:
        _refuse(str(error))
    except RuntimeError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


@main.command(short_help="Serve an application; print its reports.")
@click.argument("target")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
@click.option("--dsn", envvar="SENTRY_DSN", default="", show_envvar=True, help="Send there instead of printing.")
@click.option("--interface", default="auto", show_default=True, type=click.Choice(["auto", "wsgi", "asgi"]))
@click.option(
    "--server",
    type=click.Choice(["uvicorn", "hypercorn", "granian", "gunicorn", "waitress", "werkzeug"]),
    help="What serves it, installed by you.  [default: uvicorn for ASGI, werkzeug for WSGI]",
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes that serve.")
@click.option("--reload", is_flag=True, help="Start anew whenever a source file has changed.")
@click.option("--factory", is_flag=True, help="Call TARGET, which returns the application.")
@_APP_DIR
@click.option(
    "--env-file",
    type=click.Path(exists=True, dir_okay=False),
    is_eager=True,
    expose_value=False,
    callback=_read_env_file,
    help="Set environment variables from a file of NAME=VALUE lines.",
)
@click.option("--environment", help="Sentry's environment.  [env var: SENTRY_ENVIRONMENT]")
@click.option("--release", help="Sentry's release.  [env var: SENTRY_RELEASE]")
@click.option(
    "--traces-sample-rate",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.0, 1.0),
    help="Share of requests that are traced, and so shown.",
)
@click.option(
    "--transaction-style",
    default="endpoint",
    show_default=True,
    type=click.Choice(["endpoint", "url"]),
    help="Name a transaction by its view or by its route.",
)
@click.option("--send-default-pii", is_flag=True, help="Report addresses, cookies and other personal data.")
@click.option("--stream", is_flag=True, help=_STREAM)
def run(
    *,
    target: str,
    host: str,
    port: int,
    dsn: str,
    interface: str,
    server: str | None,
    workers: int,
    reload: bool,
    factory: bool,
    app_dir: str,
    environment: str | None,
    release: str | None,
    traces_sample_rate: float,
    transaction_style: Literal["endpoint", "url"],
    send_default_pii: bool,
    stream: bool,
) -> None:
    """Serve TARGET, a "module:attribute" that is a WSGI or ASGI application, instrumented.

    TARGET may be a factory, such as "module:create_app", or only a module that has an "app", an "application" or a
    factory of that name.

    Each request, error and trace is printed as a card, or sent to Sentry where there is a DSN. The exit
    status is 2 for a TARGET that is not there, and 1 when it cannot be loaded or the port is taken.
    """
    from sentry_web.cli import run as run_module
    from sentry_web.cli.sdk import personal_data

    sdk = {
        "environment": environment,
        "release": release,
        "traces_sample_rate": traces_sample_rate,
        **personal_data(sent=send_default_pii),
        # Only where asked for: older releases of sentry-sdk do not know it.
        **({"trace_lifecycle": "stream"} if stream else {}),
    }
    options = run_module.RunOptions(
        target, host, port, dsn, interface, factory, transaction_style, sdk, server, workers, reload, app_dir
    )
    try:
        run_module.run(options, _console())
    except run_module.RunError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_status)


@main.command(short_help="Find what breaks a promise of this package.")
@click.argument("target")
@click.argument("other", required=False)
@click.option(
    "--kind",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "app", "wsgi-middleware", "asgi-middleware"]),
    help="What TARGET is.",
)
@click.option("--factory", is_flag=True, help="Call TARGET, which returns the application.")
@_APP_DIR
@click.option("--path", "paths", multiple=True, help="A path of the application; may be given several times.")
@click.option("--examples", default=100, show_default=True, type=click.IntRange(1), help="How many for each property.")
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(1.0), help="How long in all.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
@click.option("--privacy", is_flag=True, help="Send planted secrets through an application; report which would leave.")
@click.option("--add-middleware", is_flag=True, help="With --privacy: test it inside this package's middleware.")
def check(
    *,
    target: str,
    other: str | None,
    kind: str,
    factory: bool,
    app_dir: str,
    paths: tuple[str, ...],
    examples: int,
    seconds: float,
    as_json: bool,
    privacy: bool,
    add_middleware: bool,
) -> None:
    """Look for requests with which TARGET, a "module:attribute", breaks a promise of this package.

    TARGET is a middleware, or an application (which is then really called, with generated requests). With OTHER, TARGET
    is a WSGI middleware and OTHER the ASGI one beside it, and both must report the same. What is found is printed with
    a script that shows it. With --privacy, TARGET is an application, and the report says of each place in a request
    whether a secret there would leave the process, and where. Ctrl-C prints what was found until then. The exit status
    is 0 when nothing was found, 1 when something was, 2 for a TARGET that is not there or is neither, and 130 after
    Ctrl-C.
    """
    started = time.monotonic()
    from sentry_web.cli import checking
    from sentry_web.testing import Wrap, WrongSubjectError
    from sentry_web.testing.privacy import privacy_report

    try:
        loaded = _loaded(target, factory=factory, directory=app_dir)
        subject, name = loaded.app, None if loaded.is_made else loaded.name
        if other is not None:
            subject, name = Wrap(wsgi=subject, asgi=_loaded(other, directory=app_dir).app), None
        if privacy:
            with checking.interruption() as event:
                wrap = add_middleware or None
                verdict: Report | Verdict = privacy_report(
                    subject, paths=paths, name=name, wrap=wrap, stop=event.is_set
                )
                interrupted = event.is_set()
        else:
            left = max(0.0, seconds - (time.monotonic() - started))  # loading the target may take seconds
            verdict, interrupted = checking.check_until_interrupted(
                subject, kind=kind, examples=examples, seconds=left, paths=paths, name=name
            )
    except ModuleNotFoundError as error:
        _refuse(f'"{error.name}" is not installed; an extra brings it: pip install "sentry-web[cli,testing]"')
    except WrongSubjectError as error:
        _refuse(f'"{target}": {error}.')
    except KeyboardInterrupt:  # while the target is loaded, or the second one
        sys.exit(130)
    click.echo(json.dumps(verdict.as_dict(), indent=2) if as_json else str(verdict))
    sys.exit(130 if interrupted else 0 if verdict.ok else 1)


@main.command(
    name="exec",
    short_help="Run a server or any command with Sentry.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def exec_command(command: tuple[str, ...]) -> None:
    """Run a command, such as a server with your application, with Sentry and without a changed line.

    \b
    SENTRY_DSN=… sentry-web exec -- gunicorn shop:app
    SENTRY_DSN=… sentry-web exec -- uvicorn shop:app
    SENTRY_DSN=… sentry-web exec -- python manage.py runserver

    SENTRY_DSN, SENTRY_ENVIRONMENT, SENTRY_RELEASE, SENTRY_TRACES_SAMPLE_RATE, SENTRY_SEND_DEFAULT_PII and
    SENTRY_TRACE_LIFECYCLE set up sentry-sdk; SENTRY_WEB_ and the name of an option of a middleware in capitals set that
    option. Where the application calls sentry_sdk.init itself, that counts, and the integration is added.
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with this character
    from sentry_web.cli.exec import ExecError, execute

    try:
        execute(list(command))
    except ExecError as error:
        _refuse(str(error))


def _loaded(target: str, *, factory: bool = False, directory: str = ".") -> Loaded:
    """Return what the target names; where there is no such thing, the process ends with exit status 2."""
    from sentry_web.cli.target import TargetError, load

    try:
        return load(target, factory=factory, directory=directory)
    except TargetError as error:
        _refuse(str(error))
    except Exception as error:  # noqa: BLE001 - whatever the user's module raises
        _refuse(f'"{target}" could not be loaded: {type(error).__name__}: {error}')


def _refuse(message: str) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(2)


def _console() -> Console:
    """Where commands print: no markup and no highlighting, since much of it is other people's text."""
    return Console(markup=False, highlight=False, emoji=False)
