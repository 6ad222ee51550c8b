"""The faults that ``put_back.py`` puts back: each makes our package do what shared/defects.md says of the incumbents.

A fault is ``(number of the defect, what goes wrong, edit, …)``, an edit ``(file of the package, exact old text, new
text)``. Every old text is in its file exactly once. Data only: how they are applied is in ``put_back.py``.
"""

# ruff: noqa: E501 - a table: one fault, one line

from __future__ import annotations

Edit = tuple[str, str, str]
Fault = tuple[object, ...]

ASGI, WSGI, ENTRY, EXCHANGE = "asgi.py", "wsgi.py", "_core/entry.py", "_core/exchange.py"
SCOPE, ENVIRON, NAMING = "_request/scope.py", "_request/environ.py", "_naming/naming.py"
RECORDER, SPANS, STREAMED, SCOPES = (
    "_sentry/recorder.py",
    "_sentry/spans.py",
    "_sentry/streamed.py",
    "_sentry/scopes.py",
)

_AWAIT = "            return await app(*scope, "
_SAME_WITHOUT_CHAIN = 'raise __import__("sys").exc_info()[1] from None'
_WRAPPED = "        return response if body is None else body\n"

FAULTS: tuple[Fault, ...] = (
    # --- what application and server see -----------------------------------------------------------------------------
    (1, "a scope without headers raises", (SCOPE, 'get("headers")', 'scope["headers"]'), ("_core/guard.py", "        report(function)\n        return None", "        raise")),
    (1, "an environ without QUERY_STRING raises", (ENVIRON, 'native(get("QUERY_STRING"))', 'self._strings["QUERY_STRING"]'), ("_core/guard.py", "        report(function)\n        return None", "        raise")),
    (1, "an environ without QUERY_STRING is not reported", (ENVIRON, 'native(get("QUERY_STRING"))', 'self._strings["QUERY_STRING"]')),
    (1, "a scope without client is not reported", (SCOPE, '_peer(client)', 'client[0]')),
    (2, "receive() is drained before the application runs", (ASGI, _AWAIT, "            await receive() if kind == 'http' else None\n" + _AWAIT)),
    (2, "wsgi.input is read before the application runs", (WSGI, "            watch_input(environ, exchange.body_read)\n", "            environ['wsgi.input'].read()\n")),
    (7, "WSGI: raise … from None", (WSGI, "a server could close\n            raise\n", "a server could close\n            " + _SAME_WITHOUT_CHAIN + "\n")),
    (7, "ASGI: raise … from None", (ASGI, "            call(pass_on, exchange.failed)\n        raise\n", "            call(pass_on, exchange.failed)\n        " + _SAME_WITHOUT_CHAIN + "\n")),
    (23, "a sized response loses its length", (WSGI, '_SizedBody if hasattr(type(response), "__len__") else _Body', "_Body")),
    (23, "lists are wrapped, too", (WSGI, "type(response) in (list, tuple) or not call(", "not call(")),
    (24, "close() swallows an AttributeError", (WSGI, "        close()\n", "        try:\n            close()\n        except AttributeError:\n            pass\n")),
    (25, "the file wrapper is wrapped", (ENVIRON, "(isinstance(wrapper, type) and isinstance(response, wrapper))", "False")),
    (25, "the transaction of a file never ends", (WSGI, "        _end_now(exchange, response)\n", "")),
    (38, "the response is a generator, whose close() runs nothing before iteration", (WSGI, _WRAPPED, "        return response if body is None else (part for part in body)\n")),
    (49, "what is no coroutine function is taken for ASGI 2", (SCOPE, "    return len(positional) == 1 and not", "    return True or not")),
    (51, "a status line without a reason is not understood", ("_request/http.py", "    code = status.strip()[:3]\n", '        code, _ = status.split(" ", 1)\n')),
    # --- how it ended ------------------------------------------------------------------------------------------------
    (8, "the transaction ends when the application returns", (WSGI, _WRAPPED, "        call(exchange.close)\n" + _WRAPPED)),
    (8, "an abandoned stream never ends", (WSGI, "                finish_dropped(self, self._exchange.abandoned)\n", "                pass\n")),
    (9, "an error in mid-stream leaves the transaction ok", (EXCHANGE, "            self.outcome.failed = True\n            self._capture(error, handled=False)", "            self.outcome.failed = self.state < _STREAMING\n            self._capture(error, handled=False)")),
    (9, "the session ends before the body", (SCOPES, "                isolation.start_session(session_mode=\"request\")\n", "                isolation.start_session(session_mode=\"request\")\n                isolation.end_session()\n")),
    (10, "the transaction ends now", (SPANS, "ended = transaction.start_timestamp + timedelta(seconds=outcome.duration or 0.0)\n        event", "ended = type(transaction.start_timestamp).now(transaction.start_timestamp.tzinfo)\n        event")),
    (10, "the end of the body is not noted", (EXCHANGE, "            self.outcome.ended = perf_counter()\n", "            pass\n")),
    (26, "OSError out of send is an error", ("_core/verdicts.py", "if error is disconnect or any(kind", "if any(kind")),
    (26, "cancellation is an error", ("_core/verdicts.py", '"asyncio.exceptions.CancelledError", ', "")),
    (26, "a framework's ClientDisconnect is an error", ("_core/verdicts.py", "if error is disconnect or any(kind.__name__ in _DISCONNECTS for kind in type(error).__mro__):", "if error is disconnect:")),
    (26, "close() amid the stream is a success", (EXCHANGE, "            self.client_gone()\n        self.close(ended)", "            pass\n        self.close(ended)")),
    (26, "a dropped stream is a success", (EXCHANGE, "self.closed_by_server(ended=", "self.close(ended=")),
    (27, "ASGI: SystemExit passes unseen", (ASGI, "    except BaseException:\n        # Servers", "    except Exception:\n        # Servers")),
    (27, "WSGI: SystemExit passes unseen", (WSGI, "        except BaseException:\n            call(pass_on, exchange.failed)\n            call(exchange.close)", "        except Exception:\n            call(pass_on, exchange.failed)\n            call(exchange.close)")),
    (27, "SystemExit(0) is an error", ("_core/verdicts.py", "isinstance(error, SystemExit) and error.code in (0, None)", "False")),
    (28, "GeneratorExit is an error", ("_core/verdicts.py", '"builtins.GeneratorExit", ', "")),
    (28, "GreenletExit is an error", ("_core/verdicts.py", '"greenlet.GreenletExit", ', "")),
    (29, "start_response(…, exc_info) is not captured", (WSGI, "self._exchange.handled(exc_info[1])", "pass")),
    (29, "start_response(…, exc_info) counts as unhandled", (EXCHANGE, "self._capture(error, handled=True)", "self._capture(error, handled=False)")),
    (30, "a handled 5xx is invisible", ("_core/recordings.py", 'call_each(exchange, [active], "capture_failure", outcome)', "pass")),
    (31, "an exception before the response leaves no status", (EXCHANGE, "            outcome.status = 500 ", "            pass ")),
    (32, "a 404 makes the streamed span an error", (STREAMED, "(outcome.status or 0) >= 500", "(outcome.status or 0) >= 400")),
    (32, "trace_ignore_status_codes is ignored in stream mode", (STREAMED, "outcome.status in self._ignored", "outcome.status in ()")),
    (33, "the refusal of a lifespan is reported", (ASGI, 'if kind != "lifespan" or ', "if True or ")),
    (35, "close code 1011 is a success", (EXCHANGE, '(code == 1011 and closed_by == "server")', "False")),
    (35, "the status of a denial is not recorded", (ASGI, '"websocket.http.response.start"', '"never"')),
    (35, "the close code is not recorded", (EXCHANGE, "            self.outcome.close_code = code\n", "")),
    # --- which request it was ----------------------------------------------------------------------------------------
    (12, "the name's sources are kept after the end", (NAMING, "        self._scope_or_environ = self._inside = self._wrapped = None\n        self._told = ()", "        self._inside = None")),
    (12, "the sampler's scope stays in the trace", (STREAMED, "            private.forget_sampling_context(scope)", "            pass")),
    (13, "the live scope is read late", (ENTRY, "exchange = Exchange(request, ", "exchange = Exchange(type('Live', (), {'__getattr__': lambda _, name: getattr(self._read(scope_or_environ), name)})(), "), (ENTRY, "exchange = Exchange(self._read(scope_or_environ), ", "exchange = Exchange(type('Live', (), {'__getattr__': lambda _, name: getattr(self._read(scope_or_environ), name)})(), ")),
    (14, "WSGI's name is a constant", (NAMING, 'return Name(_paths.NAMES.name(self._request.path, most_paths), "url")', 'return Name("generic WSGI request" if self._request.protocol == "wsgi" else self._request.path, "url")')),
    (14, "the rule that Flask leaves is not looked at", ("_naming/frameworks/__init__.py", "    pallets.look,\n", "")),
    (15, "ASGI's name is the URL", (NAMING, 'return Name(_paths.NAMES.name(self._request.path, most_paths), "url")', 'return Name(self._request.url, "url")')),
    (15, "the route that Starlette leaves is not looked at", ("_naming/frameworks/__init__.py", "    starlette.look,\n", "")),
    (18, "the prefix of a mount is left out", ("_naming/frameworks/starlette.py", "    return templated(mount_of(scope, \"\"), outer)", "    return \"\"")),
    (19, "HEAD and OPTIONS do not continue the trace", ("_sentry/scopes.py", "incoming = incoming_trace(self.request)\n", "incoming = incoming_trace(self.request) if self.request.method in self.config.methods else {}\n")),
    (20, "the mark is in a ContextVar", (ENTRY, "marked = scope_or_environ.get(self._mark)", "marked = current()")),
    (21, "the mark is not kept", (ENTRY, "        scope_or_environ[self._mark] = exchange\n        exchange.start(", "        exchange.start("), (ENTRY, "        scope_or_environ[self._mark] = exchange\n        try:\n            exchange.start_one(", "        try:\n            exchange.start_one(")),
    (21, "the mark is gone before iteration", (WSGI, _WRAPPED, "        environ.pop('sentry_web.exchange', None)\n" + _WRAPPED)),
    (22, "a bridge is not recognised", (ENTRY, "taken = self._bridged(request, scope_or_environ)", "pass")),
    # --- OpenTelemetry -----------------------------------------------------------------------------------------------
    (16, "the span is named by its path", ("_otel/recording.py", 'found = span_name(self._method, ending.get("http.route"), self._naming.chosen)', 'found = span_name(self._method, self._request.path, self._naming.chosen)')),
    (36, "messages have spans unasked", (EXCHANGE, "if config.asks_of_span:", "if True:"), (EXCHANGE, "self.traces_messages or config.record_send_receive", "True"), ("_core/recordings.py", " if active.config.record_send_receive]", "]"), ("_otel/settings.py", 'if asked else', "if True else")),
    (37, "the context is not put back", ("_otel/recording.py", "        context_api.attach(self._former)\n", "")),
    (52, "the size is what is claimed", ("_otel/metrics.py", "self._response_size.record(outcome.body_size, told)", "self._response_size.record(4711, told)")),
    (54, "a hook may fail the request's recording", ("_otel/recording.py", "                call(hook, span, scope_or_environ)", "                hook(span, scope_or_environ)")),
    (55, "headers are captured everywhere", ("_otel/settings.py", '        everything = [re.compile("")] if flag(', '        everything = [re.compile("")] if True or flag(')),
    (56, "an ended request stays active", ("_otel/metrics.py", "self._active).add(-1, known)", "self._active).add(0, known)")),
    # --- what it was -------------------------------------------------------------------------------------------------
    (41, "headers are decoded again and again", (SCOPE, "for name, value in raw]", "for name, value in raw if text(name) or text(value)]")),
    (41, "headers are decoded without a client", (ENTRY, "        outputs = self._waiting(taken)\n", "        self._read(scope_or_environ).headers\n        outputs = self._waiting(taken)\n")),
    (42, "WSGI: a frame of ours has the exception for a local", (WSGI, "        except BaseException:\n            call(pass_on, exchange.failed)\n            call(exchange.close)", "        except BaseException as error:\n            call(exchange.failed, error)\n            call(exchange.close)")),
    (42, "ASGI: a frame of ours has the exception for a local", (ASGI, "    except BaseException:\n        # Servers", "    except BaseException as error:\n        # Servers"), (ASGI, "            call(pass_on, exchange.failed)\n        raise\n", "            call(exchange.failed, error)\n        raise\n")),
    (46, "names are taken as they come", (SCOPE, '(name.decode("latin-1").lower(), ', '(name.decode("latin-1"), ')),
    (46, "names are looked up as they are written", ("_request/http.py", "{key.lower(): value for", "{key: value for")),
    (47, "ASGI: the query is unquoted as a whole", (SCOPE, "text(query)", '__import__("urllib.parse").parse.unquote(text(query))')),
    (47, "WSGI: the query is unquoted as a whole", (ENVIRON, 'native(get("QUERY_STRING"))', '__import__("urllib.parse").parse.unquote(text(get("QUERY_STRING")))')),
    (48, "the path of a unix socket is a host", (SCOPE, "return (name, port) if isinstance(name, str) and isinstance(port, int) else None", "return name, port"), ("_request/http.py", 'if not name or port is None or name.startswith("/"):', "if False:")),
    (48, "a socket without a port has one", (SCOPE, "return (name, port) if isinstance(name, str) and isinstance(port, int) else None", "return name, port")),
)  # fmt: skip
