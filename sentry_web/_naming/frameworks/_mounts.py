"""Mount prefixes: the part of the path that an outer application or router has removed before the framework sees it.

ASGI calls the prefix ``root_path``, WSGI ``SCRIPT_NAME``. The part with which the request reaches the middleware
belongs to the deployment, and not to a route; the part that is added later belongs to a mount.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def base_of(scope_or_environ: Mapping[str, Any]) -> str:
    """Return the current prefix, of either protocol."""
    prefix = scope_or_environ.get("SCRIPT_NAME", scope_or_environ.get("root_path"))
    if not isinstance(prefix, str):
        return ""
    return (_native(prefix) if "SCRIPT_NAME" in scope_or_environ else prefix).rstrip("/")


def _native(text: str) -> str:
    """Return the text of a native string of PEP 3333, whose UTF-8 bytes are decoded as latin-1."""
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "replace")


def mount_of(scope_or_environ: Mapping[str, Any], base: str) -> str:
    """Return the part of the prefix that mounts have added to ``base``, the prefix of the deployment.

    Starlette stores the base in ``app_root_path``, since FastAPI's ``root_path`` option changes it.
    """
    base = str(scope_or_environ.get("app_root_path", base)).rstrip("/")
    prefix = base_of(scope_or_environ)
    return prefix[len(base) :] if prefix.startswith(base + "/") else ""


def path_below(scope_or_environ: Mapping[str, Any]) -> str:
    """Return the path that is left for the framework, without any prefix, and decoded."""
    if "PATH_INFO" in scope_or_environ:
        return _native(scope_or_environ["PATH_INFO"]) or "/"
    path, prefix = scope_or_environ.get("path", ""), base_of(scope_or_environ)
    return (path[len(prefix) :] if prefix and path.startswith(prefix + "/") else path) or "/"


def full_path(scope_or_environ: Mapping[str, Any]) -> str:
    """Return prefix and path, joined once."""
    path = path_below(scope_or_environ)
    prefix = base_of(scope_or_environ)
    return prefix + ("" if path.startswith("/") else "/") + path if prefix else path


def join(mount: str, route: str) -> str:
    """Return the template of a route below a mount; every template begins with a slash."""
    return f"{mount}/{route.lstrip('/')}"


def templated(path: str, parameters: Mapping[Any, Any]) -> str:
    """Replace the segments of a path that equal a parameter's value by ``{name}``, from the right."""
    path += "/"
    for name, value in reversed(list(parameters.items())):
        head, found, tail = path.rpartition(f"/{value}/")
        if found and value not in ("", None):
            path = f"{head}/{{{name}}}/{tail}"
    return path[:-1]
