"""``sentry-web exec``: a command's Python processes report, without a changed line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sentry_web import WebIntegration, _options
from sentry_web.cli import exec as exec_module
from sentry_web.cli import main

SHOP = """
import json
import sentry_sdk
import flask
from wsgiref.util import setup_testing_defaults

sent = []

class Transport(sentry_sdk.transport.Transport):
    def capture_envelope(self, envelope):
        sent.extend(item.payload.json for item in envelope.items)

%s
app = flask.Flask("shop")

@app.get("/broken")
def broken():
    raise LookupError("broken")

sentry_sdk.get_client().transport = Transport()
app.test_client().get("/broken", query_string={"token": "1-terces-yrev"[::-1]})
sentry_sdk.flush()
web = sentry_sdk.get_client().get_integration("sentry_web")
def name_of(item):
    (name,) = {span["name"] for span in item.get("items", ())} or {item.get("transaction")}
    return name

names = [name_of(item) for item in sent if item]
print(json.dumps([web and web._options, names, "1-terces-yrev"[::-1] in repr(sent)]))
"""


def run(tmp_path: Path, code: str, **environment: str) -> Any:
    """Run a script by ``sentry-web exec``, and return what it prints last."""
    import json

    script = tmp_path / "shop_script.py"
    script.write_text(code)
    command = [
        sys.executable,
        "-c",
        "from sentry_web.cli import main; main()",
        "exec",
        "--",
        sys.executable,
        str(script),
    ]
    environment = {**os.environ, **environment, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "sitecustomize" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


DSN = {"SENTRY_DSN": "http://key@127.0.0.1:9/1", "SENTRY_TRACES_SAMPLE_RATE": "1.0"}
#: The application's own line; its DSN is the environment's.
INIT = "sentry_sdk.init(traces_sample_rate=1.0)"


@pytest.mark.parametrize("own", ["", INIT], ids=["none of its own", "its own init"])
def test_a_script_reports_what_is_filtered(tmp_path: Path, own: str) -> None:
    options, names, leaks = run(tmp_path, SHOP % own, **DSN, SENTRY_WEB_CAPTURE_BODY="never")
    assert options == {"capture_body": "never", "prefers_style": False}
    # sentry-sdk 3's integration of Flask names by the route, whichever style is asked for
    assert names in (["broken", "broken"], ["/broken", "/broken"])
    assert not leaks


def test_without_a_dsn_nothing_is_initialised(tmp_path: Path) -> None:
    code = "import json, sys; print(json.dumps('sentry_sdk' in sys.modules))"
    assert run(tmp_path, code, SENTRY_DSN="") is False


def test_the_users_own_sitecustomize_runs_too(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.seen = True\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    assert run(tmp_path, "import json; print(json.dumps(seen))", PYTHONPATH=path) is True


def test_a_failure_of_ours_does_not_stop_the_process(tmp_path: Path) -> None:
    (tmp_path / "flask.py").write_text("")
    assert run(tmp_path, "print(1)", **{**DSN, "SENTRY_DSN": "no DSN"}) == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SENTRY_WEB_TRANSACTION_STYLE", "route"),
        ("SENTRY_WEB_CONTINUE_TRACES", "perhaps"),
        ("SENTRY_WEB_FAILED_REQUEST_STATUS_CODES", "5xx"),
        ("SENTRY_WEB_ON_REQUEST", "no.such.module:hook"),
        ("SENTRY_TRACES_SAMPLE_RATE", "often"),
        ("SENTRY_SEND_DEFAULT_PII", "maybe"),
    ],
)
def test_a_bad_variable_is_named_before_anything_runs(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    result = CliRunner().invoke(main, ["exec", "--", sys.executable, "-c", "raise SystemExit(3)"])
    assert result.exit_code == 2
    assert variable in result.output
    assert value in result.output


@pytest.mark.parametrize(("command", "message"), [([], "What is to be run?"), (["no-such-command"], "was not found")])
def test_what_cannot_be_run(command: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["exec", "--", *command])
    assert result.exit_code == 2
    assert message in result.output


#: A value of each option as text, and what it means.
TEXTS: dict[str, tuple[str, Any]] = {
    "transaction_style": ("url", "url"),
    "excluded_urls": ("/healthz, /ready$", "/healthz, /ready$"),
    "trusted_proxies": ("10.0.0.0/8, 192.0.2.1/32", ["10.0.0.0/8", "192.0.2.1/32"]),
    "proxy_header": ("x-forwarded-for", "x-forwarded-for"),
    "sensitive_keys": ("colour, shape", ["colour", "shape"]),
    "harmless_keys": ("token_count", ["token_count"]),
    "continue_traces": ("False", False),
    "failed_request_status_codes": ("429, 500-502", frozenset({429, 500, 501, 502})),
    "capture_body": ("always", "always"),
    "capture_response_headers": ("etag, x-.*", ["etag", "x-.*"]),
    "record_send_receive": ("on", True),
    "route_resolver": ("os.path:basename", os.path.basename),
    "on_request": ("os.path:join", os.path.join),
    "on_response": ("os.path:join", os.path.join),
    "max_path_names": ("none", None),
    "trace_response_headers": ("traceresponse", ["traceresponse"]),
    "speedups": ("0", False),
}


def test_each_option_can_be_written_as_text() -> None:
    given = {f"SENTRY_WEB_{name.upper()}": text for name, (text, _) in TEXTS.items()}
    options = _options.options_of(given)
    assert options == {name: value for name, (_, value) in TEXTS.items()}
    WebIntegration(**options)
    assert set(_options.AS_TEXT) == set(_options.StyledOptionTypes.__annotations__)


@pytest.mark.parametrize(("text", "value"), [("*", "*"), ("2", 2)])
def test_trusted_proxies_have_three_forms(text: str, value: Any) -> None:
    assert _options.options_of({"SENTRY_WEB_TRUSTED_PROXIES": text}) == {"trusted_proxies": value}


def test_an_integration_of_the_users_own_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    own = WebIntegration(capture_body="always")
    with_ours: Callable[[Any], list[Any]] = exec_module._with_ours
    assert with_ours([own]) == [own]
    (added,) = with_ours(None)
    assert isinstance(added, WebIntegration)
