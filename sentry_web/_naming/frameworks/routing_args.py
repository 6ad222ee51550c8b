"""``wsgiorg.routing_args``, the WSGI convention for routers, which contains only the matched values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._found import Found
from ._mounts import join, mount_of, path_below, templated
from ._wrapped import WrappedApplication


def look(environ: Mapping[str, Any], wrapped: WrappedApplication, base: str) -> Found | None:
    """Return a template made from the path, with the keyword values replaced by their names.

    See https://wsgi.readthedocs.io/en/latest/specifications/routing_args.html.
    """
    arguments = environ.get("wsgiorg.routing_args")
    if not isinstance(arguments, (tuple, list)) or len(arguments) != 2 or not isinstance(arguments[1], Mapping):
        return None
    positional = {f"arg{number}": value for number, value in enumerate(arguments[0])}
    parameters = {**positional, **arguments[1]}
    if not parameters:
        return None
    return Found(join(mount_of(environ, base), templated(path_below(environ), parameters)))
