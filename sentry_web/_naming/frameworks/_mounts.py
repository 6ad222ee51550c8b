"""Mount prefixes: what an outer application or router removed from the path before the framework saw it.

ASGI calls the prefix ``root_path``, WSGI ``SCRIPT_NAME``. The part of it that was there when the request reached the
middleware is the deployment's, and no part of a route; what was added since is a mount's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def base_of(scope_or_environ: Mapping[str, Any]) -> str:
    """Return the prefix as it is now, of either protocol."""
    prefix = scope_or_environ.get("SCRIPT_NAME", scope_or_environ.get("root_path"))
    if not isinstance(prefix, str):
        return ""
    return (_native(prefix) if "SCRIPT_NAME" in scope_or_environ else prefix).rstrip("/")


def _native(text: str) -> str:
    """Return the text of a native string of PEP 3333: UTF-8 bytes that were decoded as latin-1."""
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "replace")


def mount_of(scope_or_environ: Mapping[str, Any], base: str) -> str:
    """Return the part of the prefix that mounts added; ``base`` is what was there before.

    Starlette notes the base itself, in ``app_root_path``, since FastAPI's ``root_path`` option changes it.
    """
    base = str(scope_or_environ.get("app_root_path", base)).rstrip("/")
    prefix = base_of(scope_or_environ)
    return prefix[len(base) :] if prefix.startswith(base + "/") else ""


def path_below(scope_or_environ: Mapping[str, Any]) -> str:
    """Return the path that is left for the framework, without any prefix; decoded as its protocol does."""
    if "PATH_INFO" in scope_or_environ:
        return _native(scope_or_environ["PATH_INFO"]) or "/"
    path, prefix = scope_or_environ.get("path", ""), base_of(scope_or_environ)
    return (path[len(prefix) :] if prefix and path.startswith(prefix + "/") else path) or "/"


def full_path(scope_or_environ: Mapping[str, Any]) -> str:
    """Return prefix and path, joined once."""
    path = path_below(scope_or_environ)
    prefix = base_of(scope_or_environ)
    return prefix + path if prefix else path


def join(mount: str, route: str) -> str:
    """Return the template of a route with its mount; every template begins with a slash."""
    return f"{mount}/{route.lstrip('/')}"


def templated(path: str, parameters: Mapping[Any, Any]) -> str:
    """Put ``{name}`` back where the value of a parameter stands between slashes, from the right."""
    path += "/"
    for name, value in reversed(list(parameters.items())):
        head, found, tail = path.rpartition(f"/{value}/")
        if found and value not in ("", None):
            path = f"{head}/{{{name}}}/{tail}"
    return path[:-1]
