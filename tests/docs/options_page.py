"""The page of all options, from the sources: their types, defaults, explanations and environment variables.

``python -m tests.docs.options_page`` in the checkout writes it between the marks in ``docs/options.md``. The sources of
the OpenTelemetry output are read, not imported, so that the page can be written where OpenTelemetry is not installed.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sentry_web._options import AS_TEXT, PREFIX, Options

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "options.md"
SOURCES = ("_options.py", "_otel/options.py", "_middlewares/instrument.py")
MARKS = {
    name: (f"<!-- {name} -->\n", f"<!-- /{name} -->\n") for name in ("summary", "options", "OpenTelemetry options")
}
#: Options that are explained with their defaults, which the class holds under another name.
DEFAULTS = {"excluded_urls": "None", "trusted_proxies": "None", "proxy_header": "None"}
OTEL_DEFAULTS = {"capture_headers": "False", "send_default_pii": "False"}


class Explained(NamedTuple):
    """An option as its docstring explains it."""

    name: str
    meaning: str
    example: str


def explained(docstring: str | None) -> list[Explained]:
    """Return what the ``Args`` of a docstring say, in their order."""
    _, _, text = inspect.cleandoc(docstring or "").partition("\nArgs:\n")
    text = re.split(r"^\S", text, maxsplit=1, flags=re.MULTILINE)[0]
    found = []
    for entry in re.findall(r"^ {4}(\w+: .*\n(?: {8}.*\n?)*)", f"{text}\n", re.MULTILINE):
        name, _, rest = " ".join(entry.split()).partition(": ")
        meaning, _, example = rest.partition(" Example: ")
        found.append(Explained(name, meaning.replace("``", "`"), example.strip("`.")))
    return found


def types() -> dict[str, str]:
    """Return the type of each option that a ``TypedDict`` declares, its aliases resolved."""
    aliases: dict[str, str] = {}
    declared: dict[str, str] = {}
    for source in SOURCES:
        for node in ast.parse((ROOT / "sentry_web" / source).read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                aliases[node.targets[0].id] = ast.unparse(node.value)
            elif isinstance(node, ast.ClassDef) and any(word.arg == "total" for word in node.keywords):
                fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
                declared.update((ast.unparse(field.target), ast.unparse(field.annotation)) for field in fields)
    declared["capture_headers"] = "bool"  # a parameter of its own
    return {name: plain(text, aliases) for name, text in declared.items()}


def plain(annotation: str, aliases: dict[str, str]) -> str:
    """Return an annotation for people: aliases resolved, forward references without their quotes."""
    resolved = re.sub(r"\b[A-Z]\w+\b", lambda name: aliases.get(name[0], name[0]), annotation)
    return re.sub(r"""['"]([A-Z][\w.]*|(?:list|tuple)\[.*?\])['"]""", r"\1", resolved).replace("'", '"')


def default_of(name: str) -> str:
    """Return the default of an option of every middleware, as one writes it."""
    return DEFAULTS.get(name) or repr(getattr(Options, name)).replace("'", '"')


def variable_of(name: str) -> str:
    return PREFIX + name.upper()


def options() -> list[Explained]:
    """Return the options of every middleware."""
    return explained(Options.__doc__)


def otel_options() -> list[Explained]:
    """Return the options of the OpenTelemetry output only."""
    module = ast.parse((ROOT / "sentry_web" / SOURCES[-1]).read_text("utf-8"))
    (function,) = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "instrument_asgi"]
    found = explained(ast.get_docstring(function))
    return [option for option in found if option.name not in ("app", "positional", "options")]


def summary() -> Iterator[str]:
    yield "| option | default |\n|---|---|\n"
    for option in options():
        yield f"| [`{option.name}`](#{option.name}) | `{default_of(option.name)}` |\n"


def section(option: Explained, kind: str, default: str, variable: str = "") -> Iterator[str]:
    meaning = textwrap.fill(option.meaning, 120, break_long_words=False, break_on_hyphens=False)
    yield f"\n### `{option.name}`\n\n{meaning}\n\n"
    yield f"- type: `{kind}`\n- default: `{default}`\n"
    if variable:
        yield f"- environment variable: `{variable}`; {AS_TEXT[option.name][0]}\n"
    yield f"- example: `{option.example}`\n"


def parts() -> dict[str, str]:
    """Return what belongs between each pair of marks."""
    kinds = types()
    ours = [section(each, kinds[each.name], default_of(each.name), variable_of(each.name)) for each in options()]
    otel = [section(each, kinds[each.name], OTEL_DEFAULTS.get(each.name, "None")) for each in otel_options()]
    return {
        "summary": "".join(summary()),
        "options": "".join(line for lines in ours for line in lines) + "\n",
        "OpenTelemetry options": "".join(line for lines in otel for line in lines) + "\n",
    }


def filled(page: str) -> str:
    """Return the page with today's options between its marks."""
    for name, text in parts().items():
        begin, end = MARKS[name]
        head, _, rest = page.partition(begin)
        _, _, tail = rest.partition(end)
        page = head + begin + text + end + tail
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8")), encoding="utf-8")
