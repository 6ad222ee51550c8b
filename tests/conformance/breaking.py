"""Finds every function of the core by introspection and makes it raise, so that a new one is covered unlisted.

A function is broken by exchanging its code, not its name: then it is broken for all who hold it, be it by import, in a
table, bound or in a partial. What may be broken is decided in ``test_faults``.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from asgiref.sync import SyncToAsync

import sentry_web
from sentry_web._request import environ
from sentry_web.testing.sdk import HAS_STREAMED_SPANS, HAS_TRANSACTIONS

#: What no request of the cases passes through; of the last two: tests/test_integration.py, tests/test_instrumentor.py.
_ELSEWHERE = ("testing", "pytest_plugin", "cli", "demo", "_middlewares", "integration", "instrumentor")
#: Packages of vendors that are not there.
_NOT_INSTALLED = () if importlib.util.find_spec("opentelemetry") else ("_otel",)
#: Modules that cannot be imported with every sentry-sdk: 3.x has no transactions.
_NEEDS = {"sentry_web._sentry.transactions": HAS_TRANSACTIONS, "sentry_web._sentry.streaming": HAS_STREAMED_SPANS}
NOT_WITH_THIS_SDK = tuple(name for name, found in _NEEDS.items() if not found)


class InternalError(RuntimeError):
    """What a broken function raises."""


class Function(NamedTuple):
    """A function of ours: its name, the function object, and the chain of code constants to a nested one."""

    name: str
    function: types.FunctionType
    nested: tuple[types.CodeType, ...] = ()

    @property
    def code(self) -> types.CodeType:
        """Its own code."""
        return self.nested[-1] if self.nested else self.function.__code__


def functions() -> dict[str, Function]:
    """Every function, method, property, lambda and nested function of the core, by name."""
    names = [info.name for info in pkgutil.walk_packages(sentry_web.__path__, "sentry_web.")]
    left_out = (*_ELSEWHERE, *_NOT_INSTALLED)
    modules = [
        importlib.import_module(name)
        for name in names
        if name.split(".")[1] not in left_out and name not in NOT_WITH_THIS_SDK
    ]
    outer = [function for module in modules for function in _of_module(module)]
    return {function.name: function for each in outer for function in _with_nested(each)}


def functions_of_sdk() -> dict[types.CodeType, Function]:
    """Every function, method and property of sentry-sdk's modules that are imported, by code."""
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "sentry_sdk"]
    return {function.code: function for module in modules for function in _of_module(module)}


def _of_module(module: types.ModuleType) -> Iterator[Function]:
    for value in vars(module).values():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(value):
            yield from _of_class(value)
        else:
            yield from _unwrapped(module.__name__, value)


def _of_class(owner: type) -> Iterator[Function]:
    if Protocol in owner.__bases__:  # says what others do
        return
    for attribute in vars(owner).values():
        for part in (getattr(attribute, "fget", None), getattr(attribute, "__func__", None), attribute):
            yield from _unwrapped(owner.__module__, part)


def _unwrapped(module: str, value: Any) -> Iterator[Function]:
    plain = inspect.unwrap(value) if callable(value) else None
    if isinstance(plain, types.FunctionType) and plain.__code__.co_filename == sys.modules[module].__file__:
        yield Function(f"{module.removeprefix('sentry_web.')}.{plain.__qualname__}", plain)


def _with_nested(outer: Function) -> Iterator[Function]:
    yield outer
    for constant in outer.code.co_consts:
        if isinstance(constant, types.CodeType) and (constant.co_name[0] != "<" or constant.co_name == "<lambda>"):
            yield from _with_nested(
                Function(f"{outer.name}.{constant.co_name}", outer.function, (*outer.nested, constant))
            )


class Breaker:
    """Breaks functions for the length of a ``with`` block, once it is armed.

    Args:
        calls: Which calls raise, counted from 0 since the arming; ``None``: all.
        error: The class of what they raise.
    """

    def __init__(self, calls: frozenset[int] | None = None, error: type[BaseException] = InternalError) -> None:
        self.armed = False
        self.fired = 0
        self._calls = calls
        self._error = error
        self._count = 0

    def arm(self, app: Any) -> Any:
        """The wrap of a middleware that does nothing but arm: what is built is built, what runs now is a request."""
        self.armed = True
        return app

    def disarm(self, app: Any) -> Any:
        """The innermost wrap: a case of several requests builds a middleware again, after the first has run."""
        self.armed = False
        return app

    def trip(self) -> None:
        """Raise, if it is time."""
        if not self.armed or is_of_sdk(threading.current_thread()):
            return
        number, self._count = self._count, self._count + 1
        if self._calls is None or number in self._calls:
            self.fired += 1
            raise self._error("fault")

    @contextmanager
    def breaking(self, *broken: Function) -> Iterator[None]:
        """Break these functions inside the block."""
        codes = [(item.function, item.function.__code__) for item in broken]
        try:
            for item in broken:
                item.function.__code__ = _exchanged(item.function, item.function.__code__, item.nested, self.trip)
            yield
        finally:
            self.armed = False
            for function, code in reversed(codes):
                function.__code__ = code


def is_of_sdk(thread: threading.Thread) -> bool:
    """Whether this is one of the SDK's own threads, which can neither help nor harm a request."""
    target = getattr(thread, "_target", None)
    return str(getattr(target, "__module__", "")).startswith("sentry_sdk")


def _exchanged(
    function: types.FunctionType,
    code: types.CodeType,
    nested: tuple[types.CodeType, ...],
    trip: Callable[[], None],
) -> types.CodeType:
    if not nested:
        original = types.FunctionType(code, function.__globals__, code.co_name, None, function.__closure__)
        original.__defaults__, original.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
        return _tripping(code, trip, original)
    # A nested function gets its closure when it is made, so its original cannot be kept; it raises at every call
    inner = _tripping(nested[0], trip, None) if len(nested) == 1 else _exchanged(function, nested[0], nested[1:], trip)
    return code.replace(co_consts=tuple(inner if constant is nested[0] else constant for constant in code.co_consts))


def _tripping(code: types.CodeType, trip: Callable[[], None], original: Callable[..., Any] | None) -> types.CodeType:
    """Code in the place of ``code`` that trips, then does what ``original`` does."""

    def hook(*args: Any, **kwargs: Any) -> Any:
        trip()
        return original(*args, **kwargs) if original is not None else None

    template = _template(code.co_freevars, bool(code.co_flags & inspect.CO_GENERATOR))
    constants = tuple(hook if constant == "HOOK" else constant for constant in template.co_consts)
    return template.replace(co_consts=constants, co_name=code.co_name)


def _template(free: tuple[str, ...], generates: bool) -> types.CodeType:
    """The code of a function that calls a constant, with the free variables of the function that it replaces."""
    source = f"""
def make({", ".join(free)}):
    def template(*args, **kwargs):
        hook = "HOOK"
        {"yield from" if generates else "return"} hook(*args, **kwargs)
        {", ".join(free)}
"""
    (outer,) = (constant for constant in compile(source, __file__, "exec").co_consts if inspect.iscode(constant))
    (code,) = (constant for constant in outer.co_consts if inspect.iscode(constant))
    assert code.co_freevars == free
    return code


#: The code that was called, of the block that is watched now. One for all, since a thread keeps its profile function.
_seen: list[set[types.CodeType]] = []


def _look(frame: types.FrameType, event: str, argument: Any) -> None:
    if event == "call" and _seen:
        _seen[-1].add(frame.f_code)


def forget_results() -> None:
    """Empty the caches of our functions: what an earlier test has asked for is found again by running."""
    for module in [module for name, module in sys.modules.items() if name.startswith("sentry_web.")]:
        for value in list(vars(module).values()):
            if isinstance(value, functools._lru_cache_wrapper):
                value.cache_clear()
    environ._HEADERS.clear()  # a cache, too, though not by a decorator


@contextmanager
def watching() -> Iterator[set[types.CodeType]]:
    """Collect the code of all functions that are called inside the block, on every thread started there too.

    And on the one thread in which asgiref's bridge runs WSGI: it is made once, by whichever test came first.
    """
    before = sys.getprofile()
    bridge = SyncToAsync.single_thread_executor
    _seen.append(set())
    threading.setprofile(_look)
    bridge.submit(sys.setprofile, _look).result(timeout=10)
    sys.setprofile(_look)
    try:
        yield _seen[-1]
    finally:
        sys.setprofile(before)
        bridge.submit(sys.setprofile, None).result(timeout=10)
        threading.setprofile(None)  # type: ignore[arg-type]
        _seen.pop()
