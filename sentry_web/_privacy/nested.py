"""Values within values: pairs of a name and a value, JSON in a text, and the query of a URL in a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._request.parsing import TooLargeError, parse_json
from .rules import Rule

#: Stands for JSON that is too large to be searched.
TOO_LARGE: Any = object()
#: Keys of a pair: ``{"name": "password", "value": "…"}``.
_NAMES = frozenset(("name", "key", "field", "param", "parameter", "attribute", "property", "id", "k", "n"))
_VALUES = frozenset(("value", "values", "val", "content", "data", "v"))


def is_pair_name(key: str) -> bool:
    """Return whether a key may be that of the name in a pair."""
    return key.lower() in _NAMES


def hides_value(pair: Mapping[str, Any], rule: Rule) -> set[str] | None:
    """Return the keys whose values are secret since the pair names them so; ``None`` if this is no such pair."""
    values = {key for key in pair if key.lower() in _VALUES}
    if not values or len(pair) > len(_NAMES):
        return None
    names = [item for key, item in pair.items() if is_pair_name(key) and isinstance(item, str)]
    return values if any(map(rule.is_sensitive, names)) else None


def nested_json(text: str) -> Any:
    """Return the JSON that a text is: an object, an array, ``TOO_LARGE``, or ``None`` for any other text."""
    text = text.strip()
    if text[:1] not in ("{", "[") or text[-1:] not in ("}", "]"):
        return None
    try:
        return parse_json(text)
    except (TooLargeError, RecursionError):
        return TOO_LARGE
    except ValueError:
        return None


def nested_queries(text: str) -> list[str]:
    """Return the query of a URL, and its fragment if that is like a query (RFC 6749, 4.2.2)."""
    address, _, fragment = text.partition("#")
    return [part for part in (address.partition("?")[2], fragment) if "=" in part]
