"""Values within values: pairs of a name and a value, JSON in a text, and the query of a URL in a text."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .._request.parsing import TooLargeError, parse_json
from .rules import Rule

#: Stands for JSON that is too large to be searched.
TOO_LARGE: Any = object()
#: Maximum work for the values within the values of one request: a URL, and an object with keys of its own, are one, a
#: pair, and a value of a query that has to be decoded, two, and JSON that has to be parsed four.
_MOST_WORK = 500
#: Keys of a pair: ``{"name": "password", "value": "…"}``.
_NAMES = frozenset(("name", "key", "field", "param", "parameter", "attribute", "property", "id", "k", "n"))
_VALUES = frozenset(("value", "values", "val", "content", "data", "v"))


class Budget:
    """The work that may still be done for values within values, since clients choose how many there are."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _MOST_WORK

    def spend(self, work: int = 1) -> None:
        """Count some work that is about to be done.

        Raises:
            TooLargeError: It is too much.
        """
        self._left -= work
        if self._left < 0:
            raise TooLargeError("too many values within values")


def is_pair_name(key: str) -> bool:
    """Return whether a key may be that of the name in a pair."""
    return key.lower() in _NAMES


def parts_of_pair(keys: Collection[str]) -> tuple[list[str], list[str]]:
    """Return those keys of an object that may be that of the name, and that of the value, of a pair."""
    if len(keys) > len(_NAMES):
        return [], []
    values = [key for key in keys if key.lower() in _VALUES]
    return (list(filter(is_pair_name, keys)), values) if values else ([], [])


def hides_value(pair: Mapping[str, Any], rule: Rule) -> set[str] | None:
    """Return the keys whose values are secret since the pair names them so; ``None`` if this is no such pair."""
    names, values = parts_of_pair(pair)
    return set(values) if any(isinstance(pair[key], str) and rule.is_sensitive(pair[key]) for key in names) else None


def nested_json(text: str, budget: Budget) -> Any:
    """Return the JSON that a text is: an object, an array, ``TOO_LARGE``, or ``None`` for any other text."""
    text = text.strip()
    if text[:1] not in ("{", "[") or text[-1:] not in ("}", "]"):
        return None
    budget.spend(4)
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
