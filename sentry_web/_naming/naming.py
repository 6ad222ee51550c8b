"""The name of a transaction: the user's, the framework's, or else the path.

It is never the host, and never the same constant for every request. This module knows neither vendors nor protocols.
"""

from __future__ import annotations

from typing import Any, Protocol

from .._request import Name, Request
from . import frameworks, paths

_WRITTEN = frameworks.WRITTEN


class Names(Protocol):
    """The names of one request, as outputs use them."""

    @property
    def early_route(self) -> str | None:
        """The route, if it is known before the application has run; the request is not read for it."""
        ...

    def initial(self) -> Name:
        """Return the name before the application has run."""
        ...

    def find(self) -> Name:
        """Return the best name known now."""
        ...

    def choose(self, name: str) -> None:
        """Set the name, which takes precedence over all others; for hooks and the user."""
        ...

    @property
    def chosen(self) -> str | None:
        """The name that a hook or the user has set, or ``None``."""
        ...

    def find_route(self) -> str | None:
        """Return the best route known now, below the application's root; unlike a name, it is never the path."""
        ...


class Naming:
    """The names of one request, determined anew at each call until the request ends and the name is final.

    Args:
        request: The request.
        style: The option ``transaction_style``: ``"endpoint"``, or the route.
        scope_or_environ: The server's dict, into which frameworks write.
        wrapped: The applications behind the middleware.
        most_paths: The option ``max_path_names``: how many paths are used as names; ``None`` for no limit.
    """

    __slots__ = (
        "_request",
        "_style",
        "_most_paths",
        "_scope_or_environ",
        "_inside",
        "_wrapped",
        "_only_written",
        "_base",
        "_root",
        "_reported",
        "_final",
        "_chosen",
        "_resolved",
        "_observed",
    )

    def __init__(
        self,
        request: Request,
        style: str,
        scope_or_environ: Any,
        wrapped: frameworks.WrappedApplication | None = None,
        most_paths: int | None = None,
    ) -> None:
        self._request = request
        self._style = style
        self._most_paths = most_paths
        self._scope_or_environ: Any = scope_or_environ
        #: The scopes or environs that a bridge has made from it; ``None`` once the name is final.
        self._inside: tuple[Any, ...] | None = ()
        self._wrapped = wrapped
        #: Whether a route can come only from a framework that writes into the scope or environ.
        self._only_written = wrapped is None or not (wrapped.routers or wrapped.fallbacks)
        self._base = (
            frameworks.base_of(scope_or_environ)
            if scope_or_environ.get("SCRIPT_NAME") or scope_or_environ.get("root_path")
            else ""
        )
        #: The application's root, which a route does not have.
        self._root = self._base
        self._reported: tuple[frameworks.RouteFinder, ...] = ()
        self._final: Name | None = None
        self._chosen: Name | None = None
        self._resolved: str | None = None
        self._observed: frameworks.Found | None = None

    def also_in(self, scope_or_environ: Any) -> None:
        """Add a second scope or environ to look into: the one that a bridge has made for the application it wraps."""
        if self._inside is not None:
            self._inside = (scope_or_environ, *self._inside)
            self._only_written = False

    def report_route(self, scope_or_environ: Any, find_route: frameworks.RouteFinder) -> None:
        """Note that a framework handles this request and can find its route.

        A report is accepted only if it is about this request: its dict is this request's or a copy of it. A request
        that is made inside this one, in the same process, has another path.

        Args:
            scope_or_environ: The framework's dict.
            find_route: Returns the route and endpoint that the framework has found.
        """
        if self._inside is not None and (
            any(scope_or_environ is each for each in self._dicts())
            or frameworks.full_path(scope_or_environ) == self._request.path
        ):
            self._reported = (find_route, *self._reported)
            self._only_written = False

    def choose(self, name: str) -> None:
        """Set the name, which takes precedence over all others; for hooks and the user."""
        if self._inside is not None:
            self._chosen = Name(name, "custom")

    def resolve_early(self, route: str | None) -> None:
        """Note the result of ``route_resolver``; the framework's own route takes precedence once it is known."""
        self._resolved = route or None

    @property
    def early_route(self) -> str | None:
        """The route that ``route_resolver`` has found (see :class:`Names`)."""
        return self._resolved

    def initial(self) -> Name:
        """Return the name before the application has run; a path does not count towards ``max_path_names`` yet."""
        route = self._resolved
        return Name(route, "route", route) if route else Name(self._request.path, "url")

    def find(self) -> Name:
        """Return the best name known now."""
        if self._final is not None:
            return self._final
        name = self.find_as(self._style, self._most_paths)
        if self._inside is None:
            self._final = name
        return name

    def find_as(self, style: str, most_paths: int | None) -> Name:
        """Return the best name known now, by the options of another middleware."""
        found = self._observed or self._look()
        route = found.route or self._resolved
        whole = self._below_root(found.route)
        if self._chosen is not None:
            return Name(self._chosen.value, "custom", whole)
        if style == "endpoint" and found.endpoint:
            return Name(found.endpoint, "component", whole)
        if route:
            return Name(route, "route", whole)
        return Name(paths.NAMES.name(self._request.path, most_paths), "url")

    @property
    def chosen(self) -> str | None:
        """The name that a hook or the user has set, or ``None``."""
        return None if self._chosen is None else self._chosen.value

    def find_route(self) -> str | None:
        """Return the best route known now; unlike :meth:`find`, this neither reads the path nor counts it as a name."""
        return self._below_root((self._observed or self._look()).route)

    def _below_root(self, route: str | None) -> str | None:
        """Return a framework's route with the application's root before it; else what ``route_resolver`` has found."""
        if not route:
            return self._resolved
        return f"{self._root}/{route.lstrip('/')}" if self._root else route

    def styled(self, style: str, most_paths: int | None) -> Names:
        """Return the names of the same request by the options of another middleware."""
        return self if (style, most_paths) == (self._style, self._most_paths) else Styled(self, style, most_paths)

    def observe(self) -> None:
        """Look for the route while the application's context is current, since a part of it may be gone later."""
        if self._only_written and self._scope_or_environ.keys().isdisjoint(_WRITTEN):
            return  # nothing to find, as for every request to an application without a framework
        found = self._look()
        if found is not frameworks.NOTHING:
            self._observed = found

    def _look(self) -> frameworks.Found:
        found = frameworks.find(self._dicts(), self._wrapped, self._base, self._reported)
        if found.route and self._scope_or_environ is not None:
            # Starlette keeps the root there, which FastAPI's option ``root_path`` sets
            root = self._scope_or_environ.get("app_root_path", self._base)
            self._root = root.rstrip("/") if isinstance(root, str) else self._base
        return found

    def _dicts(self) -> tuple[Any, ...]:
        """Return the scopes or environs to look into, the innermost first; none once the name is final."""
        scope_or_environ, inside = self._scope_or_environ, self._inside
        return () if scope_or_environ is None or inside is None else (*inside, scope_or_environ)

    def freeze(self) -> None:
        """Make the name final, and release the server's dicts and the application."""
        if self._observed is None and not (self._only_written and self._scope_or_environ.keys().isdisjoint(_WRITTEN)):
            self.observe()
        self._only_written = False
        self._scope_or_environ = self._inside = self._wrapped = None
        self._reported = ()


class Styled:
    """The names of a request by the options of another middleware that reports it."""

    __slots__ = ("_naming", "_style", "_most_paths")

    def __init__(self, naming: Naming, style: str, most_paths: int | None) -> None:
        self._naming = naming
        self._style = style
        self._most_paths = most_paths

    @property
    def early_route(self) -> str | None:
        """The route, if it is known before the application has run."""
        return self._naming.early_route

    def initial(self) -> Name:
        """Return the name before the application has run."""
        return self._naming.initial()

    def find(self) -> Name:
        """Return the best name known now."""
        return self._naming.find_as(self._style, self._most_paths)

    def choose(self, name: str) -> None:
        """Set the name, which takes precedence over all others; for hooks and the user."""
        self._naming.choose(name)

    @property
    def chosen(self) -> str | None:
        """The name that a hook or the user has set, or ``None``."""
        return self._naming.chosen

    def find_route(self) -> str | None:
        """Return the best route known now."""
        return self._naming.find_route()
