"""Transparent even when we fail: every function of ours raises in turn, and everything of sentry-sdk that can raise.

The functions are found by introspection (``breaking``), so that a new one is covered without being listed. A few cases
take every path; which function runs in which case is watched, not listed either.
"""

from __future__ import annotations

import logging
import os
import types
from collections import defaultdict
from functools import partial
from typing import Any

import pytest
import sentry_sdk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sentry_sdk.consts import DEFAULT_OPTIONS

from sentry_web.testing import Accept, Raise, Receive, Script, Send, Wrap, WsScript
from sentry_web.testing.sdk import HAS_STREAMED_SPANS, HAS_TRANSACTIONS, STREAM

from .breaking import Breaker, Function, InternalError, forget_results, functions, functions_of_sdk, watching
from .cases import CASES, PLAIN, Case
from .properties import ALL_DRIVERS, ASGI_DRIVERS, TRACED, sdk

pytestmark = [
    # Since sentry-sdk 2.75, which has ``data_collection``; most users still have it
    pytest.mark.filterwarnings("ignore:The send_default_pii option is deprecated"),
    # By the SDK's own middlewares; not by ours
    pytest.mark.filterwarnings("ignore:The `trace_ignore_status_codes` parameter is ignored in span streaming"),
]

#: What is reported has gaps, since functions fail.
JUDGED = False
FUNCTIONS = functions()

#: What may not fail: through these, and nothing else, the application's own calls and the server's go.
ENTRY_POINTS = {
    "_sentry.hooks.redacting": "what the SDK calls, as any hook; what it does is guarded",
    "asgi.AsgiMiddleware.__call__": "what the server calls",
    "asgi._DoubleCallable.__call__": "what the server calls (ASGI 2)",
    "asgi._converse": "what awaits the application",
    "asgi._Connection.receive": "what the application calls",
    "asgi._Connection._receive_traced": "what the application calls",
    "asgi._Connection.send": "what the application calls",
    "asgi._Connection._send_with_more": "what the application calls",
    "asgi._LifespanConnection.send": "what the application calls",
    "wsgi.WsgiMiddleware.__call__": "what the server calls",
    "wsgi._run": "what calls the application",
    "wsgi._close": "what calls the application's close()",
    "wsgi._StartResponse.__call__": "what the application calls",
    "wsgi._StartResponse.write": "what the application calls",
    "wsgi._Body.__iter__": "what the server calls",
    "wsgi._Body.close": "what the server calls",
    "wsgi._Body.__del__": "what the interpreter calls",
    "wsgi._SizedBody.__len__": "what the server calls",
    "wsgi._Parts.__iter__": "what the server calls",
    "wsgi._Parts.__next__": "what the server calls",
    "_request.wsgi_input._Tee.read": "what the application calls",
    "_request.wsgi_input._Tee.readline": "what the application calls",
    "_request.wsgi_input._from_server": "what calls the server",
    "_request.wsgi_input._Tee.readlines": "what the application calls",
    "_request.wsgi_input._Tee.__getattr__": "what the application calls",
    "_request.wsgi_input._Tee.__setattr__": "what the application calls",
    "_request.wsgi_input._Tee.__delattr__": "what the application calls",
    "_request.wsgi_input._Tee.__dir__": "what the application calls",
    "_request.wsgi_input._Tee.__repr__": "what the application calls",
    "_request.wsgi_input._Tee.__class__": "what the application calls",
    "_request.wsgi_input._Tee.__copy__": "what the application calls",
    "_request.wsgi_input._Tee.__deepcopy__": "what the application calls",
    "_request.wsgi_input._Tee.__reduce_ex__": "what the application calls",
    "_request.wsgi_input._read": "what the application calls",
    "_request.wsgi_input._read_into": "what the application calls",
    "_request.wsgi_input._peek": "what the application calls",
    "_request.wsgi_input._whole": "what the application calls",
    "_request.wsgi_input._seek": "what the application calls",
    "_request.wsgi_input._iter": "what the application calls",
    "_request.wsgi_input._next": "what the application calls",
    "_request.wsgi_input._enter": "what the application calls",
    "_request.wsgi_input._exit": "what the application calls",
    "_request.wsgi_input._Lines.__iter__": "what the application calls",
    "_request.wsgi_input._Lines.__next__": "what the application calls",
    "_sentry.redaction.RedactingScope._merge_scopes": "what sentry-sdk calls in the application's own call",
    "_sentry.redaction.MergedScope.apply_to_telemetry": "what sentry-sdk calls in the application's own call",
    "_sentry._speedups.serializer.serialize": "what sentry-sdk's client calls",
    "_sentry._speedups.attributes.format_attribute": "what sentry-sdk calls for each attribute",
    "_sentry._speedups.attributes.serialize_attribute": "what sentry-sdk's batchers call",
    "_sentry._speedups.attributes._is_uniform": "the same",
    "_sentry._speedups.attributes.to_json": "what sentry-sdk calls as a span ends",
    "_sentry._speedups.attributes.to_transport_format": "what sentry-sdk's batchers call",
    "_sentry._speedups.attributes.estimate_size": "the same",
    "_sentry._speedups.child_spans._child": "the same as start_child() of the SDK, within it",
    "_sentry._speedups.child_spans._id_of": "what these ask for the id of a span",
    "_sentry._speedups.child_spans.start": "what the application calls, by start_span()",
    "_sentry._speedups.child_spans.start_streamed": "the same",
    "_sentry._speedups.log_records.extra_from_record": "what sentry-sdk's handlers call",
    "_sentry._speedups.log_records.remembering.can_record": "the same",
    "_sentry._speedups.merged_scopes.merge": "what sentry-sdk calls in the application's own call",
    "_sentry._speedups.merged_scopes.PartlyMerged.__getattr__": "the same",
    "_sentry._speedups.merged_scopes.PartlyMerged.apply_to_telemetry": "the same",
    "_sentry._speedups.merged_scopes._may_send_users": "the same",
    "_sentry._speedups.source_lines.get_lines_from_file": "what sentry-sdk calls for each frame",
    "_sentry._speedups.sampling.decide": "what sentry-sdk calls, also for segments of the application's own",
    "_sentry.transactions.RequestTransaction.start_child": "what the application calls, by start_span()",
    "_core.guard._Probe.__del__": "run at import, for the process",
    "_core.guard._count": "the same",
    "_core.guard.call": "the guard itself",
    "_core.guard.report": "the guard itself",
    "_core.guard._is_of_signal_handler": "the guard itself, of what has failed: see tests/core/test_guard.py",
    "_core.guard._code_of": "the same",
}

#: Without these the SDK's ambient scopes cannot be put back; all else must still be the same.
RESTORING = (
    "_core.context.leave_all",
    "_core.context.ContextStack.leave",
    "_core.nested.NestedExchange.leave",
    "_otel.recording.Running.__exit__",
    "_sentry._speedups.context.Running.__exit__",
    "_sentry.scopes.Running.__exit__",
)

#: What no case can reach, or need.
UNREACHED = {
    "_privacy.secrets.Secrets._add_joined_cookies": "more than one Cookie header: tests/privacy/test_secrets.py",
    "_privacy.secrets.readings_of": "values with escapes: tests/privacy/test_secrets.py",
    "_privacy.secrets._unquoted": "a cookie in quotes: tests/privacy/test_secrets.py",
    **dict.fromkeys(
        ("_privacy.secrets.Secrets._add_beginning", "_privacy.secrets.Secrets._within_bounds"),
        "more and longer secrets than are searched for: tests/privacy/test_secrets.py",
    ),
    **dict.fromkeys(
        ("_sentry.compat.drop_links", "_sentry.redaction._blank_links"),
        "links of spans, which sentry-sdk 3 has: tests/sentry/test_redaction.py",
    ),
    **dict.fromkeys(
        ("_sentry.hooks._done", "_sentry.hooks.redacting", "_sentry.redaction.RedactingScope.redact_telemetry"),
        "with releases whose scopes do not see logs: tests/sentry/test_hooks.py",
    ),
    **dict.fromkeys(
        ("_request.parsing._decoder_that_collects", "_request.parsing._decoder_that_collects.collect"),
        "a body with more than 1,500 keys: tests/request/test_parsing.py",
    ),
    "_request.parsing._unquote": "a form with escapes: tests/request/test_parsing.py",
    "_options.bad": "raises at construction, by intent",
    "_core.entry._check_application": "the same",
    "_options.Options.__setattr__": "the same",
    **dict.fromkeys(
        (f"_core.exchange.Exchange.{name}" for name in ("__copy__", "__deepcopy__", "__reduce_ex__", "__repr__")),
        "what applications do with scope and environ: see test_copied_dicts.py",
    ),
    "_naming.paths.PathNames.__init__": "made at import, for the process",
    "_naming.paths.PathNames.clear": "for tests",
    "_sentry.redaction.blank_all": "where a request could not be read: see test_fail_closed.py",
    "_sentry.redaction.blank": "where redaction itself has failed: see test_several_functions_raise_now_and_then",
    "_request.request.Request.__init__": "each protocol reads its own way: see tests/request/test_request.py",
    "_request.request.Request._read": "each protocol has its own",
    "_request.request.Request._read_headers": "each protocol has its own",
    "_core.exchange.Exchange.body_ending": "a disconnect in the midst of the last part: see tests/test_asgi.py",
    "_request.request.Request.may_have": "each protocol has its own",
    "_core.nested.NestedExchange.extra_headers": "not asked for: its flag says that there are none",
    "_core.nested.NestedExchange.message_begins": "not asked for: its flag says that there are none",
    **{
        name: "for command lines and test clients: see tests/core/test_wrapper.py"
        for name in FUNCTIONS
        if name.startswith("_core.wrapper.")
    },
    **{
        name: "a default of the base class, which outputs override"
        for name in FUNCTIONS
        if name.startswith(("recorder.BaseRecorder.", "recorder.BaseRecording."))
    },
    "_core.guard._Finisher.__init__": "made at import, for the process",
    "_core.guard._Finisher._run": "started once a process",
    **{
        name: "run once a process, by the first middleware: see tests/sentry/speedups"
        for name in FUNCTIONS
        if name.startswith("_sentry._speedups.")
        and name.split(".")[-1] in ("use", "probe", "install", "_agrees", "_give", "_handlers", "_keep", "remembering")
    },
    **{
        name: "a part of a probe"
        for name in FUNCTIONS
        if name.startswith("_sentry._speedups.")
        and (
            name.startswith(("_sentry._speedups.forks._", "_sentry._speedups.sampling._", "_sentry._speedups.probing."))
            or name.split(".")[-1] in ("_applied", "_rest", "_shown", "_sets_scopes", "_static", "_streamed", "__str__")
            or name.endswith("_the_same")
        )
    },
    "_sentry._speedups.source_lines.Files.__init__": "run as the module is imported",
    "_sentry._speedups.leave_to_sdk": "where the speedups are off: see tests/sentry/speedups",
    "_privacy.shapes.may_have_shapes": "where a text has the beginning of a token: see tests/privacy/test_redactor.py",
    "_sentry._speedups.merged_scopes._has": "where more is asked of a merged scope: see tests/sentry/speedups",
    "_core.guard._Finisher.put": "for what the garbage collector finds: see tests/core/test_guard.py",
    "_core.guard._Finisher.forget_thread": "after a fork: see tests/core/test_guard.py",
    "_sentry.compat.start_profile": "where a profiler is on: see tests/sentry/test_compat.py",
    "_sentry.compat.trace_header_of": "where a segment's name has a secret: see tests/sentry/test_redaction.py",
    "_request.request.Request._read_path": "that of no protocol",
    **dict.fromkeys(
        (
            "_sentry.scopes.RequestScopes.running",
            "_sentry.scopes.Running.__enter__",
            "_sentry.scopes.Running.__exit__",
            "_sentry.scopes.Running.__init__",
        ),
        "where context variables are not set directly: with SENTRY_WEB_NO_SPEEDUPS=1",
    ),
    "_sentry._speedups.serializer.uninstall": "for tests",
    **dict.fromkeys(
        (
            "_sentry._speedups.serializer._Broken.__repr__",
            "_sentry._speedups.serializer._Represented.__repr__",
            "_sentry._speedups.serializer._Represented.__sentry_repr__",
            "_sentry._speedups.serializer._custom_repr",
            "_sentry._speedups.serializer._modules",
        ),
        "run once a process, by the probe: perhaps before this module",
    ),
    "_sentry.compat.Marker.__bool__": "asked by the SDK's own middlewares",
    "asgi._Connection._note_sent": "each kind of connection has its own",
    **{
        name: "tests/frameworks/test_faults.py breaks it, with the frameworks themselves"
        for name in FUNCTIONS
        if name.startswith("_naming.frameworks.")
    },
    "_privacy.secrets._as_utf8": "for a value whose bytes are UTF-8 by chance: see tests/privacy/test_secrets.py",
    "_core.recordings.captured_for": "a request inside another one: see tests/core/test_recordings.py",
    **dict.fromkeys(
        [f"recorder.CapturedInside.{name}" for name in ("__init__", "add", "clear")],
        "a request inside another one: see tests/test_recorder.py",
    ),
    "_request.http.combine_headers": "where a header is repeated: see tests/request/test_http.py",
    "_otel.propagation._is_silent": "where no header tells of a trace or proxy: see tests/otel/test_propagation.py",
    "_otel.propagation.RequestGetter.__init__": "made at import, for the process",
    "_otel.propagation.added_headers": "needs a global response propagator: see tests/otel/test_propagation.py",
    "_otel.recording.OpenTelemetryRecording.response_headers": "the same",
    "_otel.propagation.RequestGetter.keys": "asked by few propagators: see tests/otel/test_propagation.py",
    "_otel.propagation._ListSetter.set": "needs a global response propagator: see tests/otel/test_propagation.py",
    "_core.entry._report_route": "tests/frameworks/test_faults.py breaks it too",
    **dict.fromkeys(
        ("_naming.naming.Styled.early_route", "_naming.naming.Styled.chosen", "_naming.naming.Styled.find_route"),
        "asked by OpenTelemetry's output within a middleware of other options: see tests/naming/test_naming.py",
    ),
    "_naming.naming.Naming.report_route": "tests/frameworks/test_faults.py breaks it too",
    **{name: "a hook of the user's choice: see HOOKS" for name in FUNCTIONS if name.startswith("resolvers.")},
}

UNREACHED.update(
    {
        **{
            name: "where a function of ours has failed: tests/conformance/test_fail_closed.py"
            for name in FUNCTIONS
            if name.startswith(("_core.closed.", "_sentry.closed."))
        },
        **dict.fromkeys(
            (
                "_core.entry.Entry._open_closed",
                "_core.exchange.Exchange.close_one",
                "_core.guard._sees_request",
                "_core.guard.mark_failures",
                "_sentry.recorder.SentryRecorder.closed",
                "_sentry.recorder.SentryRecording.running_closed",
                "_sentry.redaction.BlankingScope.apply_to_telemetry",
                "_sentry.redaction.RedactingProcessor.misses_body",
                "_sentry.redaction.blank_telemetry",
            ),
            "where a function of ours has failed: tests/conformance/test_fail_closed.py",
        ),
        **dict.fromkeys(
            (
                "_sentry.redaction._leave_out",
                "_sentry.redaction._show",
                "_privacy.canonical._numeric",
                "_privacy.canonical._in_capitals",
                "_privacy.likeness._is_random_run",
                "_privacy.redactor.Redactor.redact_text",
                "_privacy.redactor._Values.beginning_with",
                "_privacy.redactor._Values.beginnings",
                "_privacy.redactor._replace_cut",
                "_privacy.redactor._replace_each",
                "_privacy.secrets._parameter",
                "_privacy.secrets._quoted_pair",
                "_privacy.secrets._unquoted.<lambda>",
            ),
            "for secrets of a kind that no case has: tests/privacy, and test_fail_closed breaks them too",
        ),
    }
)

UNREACHED.update(
    {
        **{
            name: "at import, or as options are validated; raises at construction, by intent"
            for name in FUNCTIONS
            if name.startswith("_options.")
        },
        "_core.entry.is_recorded": "asked by WebIntegration: see tests/test_integration.py",
        "_core.nested.NestedExchange.refused": "a lifespan has one exchange",
        **dict.fromkeys(
            (
                "_sentry.compat._given_options",
                "_sentry.compat._imported",
                "_sentry._speedups.serializer._Longer.__len__",
                "_sentry._speedups.serializer._always_fits",
                "_sentry._speedups.serializer._counts_before_copying",
            ),
            "run at import",
        ),
        "_sentry._speedups.serializer._copied_first": "with older releases of sentry-sdk",
        "_sentry.compat.name_package": "run once a process, by the first middleware",
        "_sentry.compat.asgi_parameters": "where positional arguments are given: tests/sentry/test_init.py",
        **dict.fromkeys(
            ("_sentry.compat._named_no_op", "_sentry.compat.start_unsent_segment"),
            "where tracing is off in stream mode: tests/conformance/test_like_the_sdk.py",
        ),
        **dict.fromkeys(
            (
                "_sentry.compat.link_span",
                "_sentry.streaming.Segment.link",
                "_sentry.transactions.TransactionRoot.link",
            ),
            "where the caller's trace is not continued: tests/sentry/test_recorder.py",
        ),
        "_sentry.recorder._warn_once": "within a middleware of the SDK: see tests/test_integration.py",
        "_sentry.aftermath._is_repeated": "for what servers log afterwards: see tests/sentry/test_aftermath.py",
        "_otel.recording.OpenTelemetryRecording._capture_late": "for background work: tests/otel/test_recording.py",
    }
)

#: The most cases in which one function is broken, spread over all in which it runs; more where properties run longer.
MOST = 4 if settings.default.max_examples <= 40 else 12


@pytest.fixture(scope="module")
def ways() -> dict[types.CodeType, list[Case]]:
    """In which cases which code of ours runs. Each case is proved transparent on the way."""
    found: dict[types.CodeType, list[Case]] = defaultdict(list)
    forget_results()
    for case in CASES:
        with watching() as seen:
            actual = case.outcome()
        assert case.expected() == actual, case
        for code in frozenset(seen):
            found[code].append(case)
    return found


def spread(cases: list[Case]) -> list[Case]:
    """Some of the cases, evenly."""
    step = max(1, len(cases) // MOST)
    return cases[::step]


def check(case: Case, breaker: Breaker, broken: list[Function]) -> None:
    """Run the case with these functions broken; compare all that does not need them."""
    expected = case.expected()
    actual = case.outcome(breaker, broken)
    ignore = ("scope_restored",) if any(item.name in RESTORING for item in broken) else ()
    difference = expected.diff(actual, ignore)
    if difference:
        pytest.fail(f"{case}, broken: {', '.join(item.name for item in broken)}\n{difference}")


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - ENTRY_POINTS.keys()))
@pytest.mark.parametrize("calls", [None, frozenset({0})], ids=["always", "at first"])
def test_a_function_of_ours_raises(name, calls, ways):
    broken = FUNCTIONS[name]
    for case in spread(ways.get(broken.code, [])):
        check(case, Breaker(calls), [broken])


#: What makes transactions beside the module that does, in no case where spans are streamed by default.
OF_TRANSACTIONS = {
    "_sentry._speedups.discard_transaction",
    "_sentry._speedups.sampling.discard",
    "_sentry._speedups.sampling.start",
    "_sentry._speedups.start_transaction",
    "_sentry.compat.baggage_of",
    "_sentry.compat.stop_profiles",
}


#: What sentry-sdk 2 alone asks for: a mode, an option, and the events that it makes of log records.
SINCE_3_UNUSED = {
    "_sentry.compat.discard_streamed_span",
    "_sentry.compat.ignore_logger",
    "_sentry.settings._is_streaming",
    "_sentry._speedups.serializer._Writer._keys_to_write",
}


#: What the oldest sentry-sdk, which has neither streamed spans nor ``data_collection``, does not ask for.
YOUNG = {
    "_privacy.policy._no_header",
    "_sentry._speedups.attributes.set_attributes",
    "_sentry._speedups.merged_scopes._merged",
    "_sentry._speedups.serializer._counted_first",
    "_sentry._speedups.set_attributes",
    "_sentry.attributes.body_attribute",
    "_sentry.attributes.segment_attributes",
    "_sentry.compat.discard_streamed_span",
    "_sentry.compat.ignore_logger",
    "_sentry.compat.links_of",
    "_sentry.compat.segment_of",
    "_sentry.compat.set_server_segment",
    "_sentry.redaction.RedactingProcessor._redact_trace_header",
    "_sentry.redaction.RedactingProcessor.redact_span",
    "_sentry.redaction._redacted",
    "_sentry.settings._is_streaming",
}


def makes_transactions(name: str) -> bool:
    return name in OF_TRANSACTIONS or name.startswith("_sentry.transactions.")


def test_every_function_runs_in_some_case(ways):
    """A function that no case reaches is not proved; what is new needs a case, or a reason here."""
    unreached = {name for name, function in FUNCTIONS.items() if function.code not in ways}
    if os.environ.get("SENTRY_WEB_NO_SPEEDUPS"):
        unreached = {name for name in unreached if not name.startswith("_sentry._speedups.")}
    if not HAS_TRANSACTIONS:
        unreached -= SINCE_3_UNUSED
    if not HAS_STREAMED_SPANS:
        unreached -= YOUNG
    if not HAS_TRANSACTIONS or STREAM.items() <= DEFAULT_OPTIONS.items():
        unreached = {name for name in unreached if not makes_transactions(name)}
    unreached -= UNREACHED.keys() | ENTRY_POINTS.keys()
    assert not unreached, "\n".join(sorted(unreached))


def test_lists_are_up_to_date():
    listed = {*ENTRY_POINTS, *UNREACHED}
    if not HAS_TRANSACTIONS:
        listed = {name for name in listed if not makes_transactions(name)}
    if not HAS_STREAMED_SPANS:
        listed = {name for name in listed if not name.startswith("_sentry.streaming.")}
    assert listed <= FUNCTIONS.keys()
    assert set(RESTORING) <= FUNCTIONS.keys()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    case=st.sampled_from(CASES),
    names=st.sets(st.sampled_from(sorted(FUNCTIONS.keys() - ENTRY_POINTS.keys())), min_size=1, max_size=3),
    calls=st.one_of(st.none(), st.frozensets(st.integers(0, 20), min_size=1, max_size=4)),
)
def test_several_functions_raise_now_and_then(case, names, calls):
    check(case, Breaker(calls), [FUNCTIONS[name] for name in sorted(names)])


def raising(*args: Any, **kwargs: Any) -> Any:
    """A hook, sampler, processor or filter of the user's that fails."""
    raise InternalError("the user's own")


#: What users hang into the SDK: options of ``sentry_sdk.init``.
USERS_OPTIONS = sorted(
    {"traces_sampler", "before_send", "before_send_transaction", "before_breadcrumb", "error_sampler"}.intersection(
        DEFAULT_OPTIONS
    )
)
#: What users hang into ours.
HOOKS: dict[str, Any] = {
    "route_resolver": raising,
    "continue_traces": raising,
    "on_request": raising,
    "on_response": raising,
    "failed_request_status_codes": type("Codes", (), {"__contains__": raising})(),
}


@pytest.mark.parametrize("option", USERS_OPTIONS)
def test_an_option_of_the_sdk_raises(option):
    for case in plain_cases():
        assert case.expected(**{option: raising}) == case.outcome(**{option: raising}), case


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_raises(hook):
    for case in spread(CASES):
        assert case.expected() == case._replace(wrap=Wrap.ours(**{hook: HOOKS[hook]})).outcome(), case


@pytest.mark.parametrize(
    "scope", [sentry_sdk.get_global_scope, sentry_sdk.get_isolation_scope, sentry_sdk.get_current_scope]
)
def test_an_event_processor_raises(scope):
    """Added by the user before the request; a processor cannot be taken off again, so it stops by itself."""
    failing = True

    def processor(event: Any, hint: Any) -> Any:
        return raising() if failing else event

    def add(app: Any) -> Any:
        scope().add_event_processor(processor)
        return app

    for case in plain_cases():
        with sdk(case.mode):
            actual = case.run(wrap=case.outermost(add).around(case.wrap))
        assert case.expected() == actual, case
    failing = False


@pytest.mark.parametrize("broken", ["filter", "handler"])
def test_logging_raises(broken, monkeypatch):
    """Where we report that we have failed."""
    logger = logging.getLogger("sentry_web")
    handler = logging.Handler()
    handler.handle = raising  # type: ignore[method-assign]
    monkeypatch.setattr(logger, "filters", [raising] if broken == "filter" else [])
    monkeypatch.setattr(logger, "handlers", [handler])
    failing = FUNCTIONS["_core.exchange.Exchange.response_started"]
    for case in spread(CASES):
        check(case, Breaker(), [failing])


def plain_cases() -> list[Case]:
    """Cases in which the application itself does not use the SDK, so that it may fail altogether."""
    plain: list[Case] = []
    for driver in ALL_DRIVERS:
        for steps, request in PLAIN:
            script = Script(steps)
            plain.extend(Case(driver, repr(script), mode, partial(driver.run, script, request)) for mode in TRACED)
    for driver in ASGI_DRIVERS:
        script = WsScript((Accept(), Receive(), Send(), Raise()), ("x",))
        plain.extend(Case(driver, repr(script), mode, partial(driver.run_websocket, script)) for mode in TRACED)
    return plain


#: Integrations that other tests have switched on call these around the application's own tasks and threads, so that the
#: bare application fails with them, too. Ours calls it in ``SentryRecording.leaves_to``, which is broken above.
CALLED_BY_INTEGRATIONS = {"sentry_sdk.client._Client.get_integration"}


def test_a_function_of_the_sdk_raises(subtests):
    """Those that run because of us."""
    found: dict[types.CodeType, list[Case]] = defaultdict(list)
    forget_results()
    for case in plain_cases():
        with watching() as seen:
            case.outcome()
        with watching() as without:
            case.expected()
        for code in seen - without:
            found[code].append(case)
    known = functions_of_sdk()
    for code, cases in found.items():
        if code in known and known[code].name not in CALLED_BY_INTEGRATIONS:
            with subtests.test(known[code].name):
                for case in cases[:: max(1, len(cases) // 4)]:
                    check(case, Breaker(), [known[code]])
