"""The pages of the site: every page is in the contents, and what is included exists."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
INDEX = (DOCS / "index.md").read_text("utf-8")


def test_every_page_is_in_the_table_of_contents() -> None:
    """Sphinx says so too; here it is known without it."""
    listed = re.findall(r"^[a-z0-9-]+$", "".join(re.findall(r"```{toctree}(.*?)```", INDEX, re.DOTALL)), re.MULTILINE)
    assert sorted([*listed, "index"]) == sorted(page.stem for page in DOCS.glob("*.md"))


def test_what_pages_include_and_show_is_there() -> None:
    for page in DOCS.glob("*.md"):
        text = page.read_text("utf-8")
        for name in re.findall(r"^(?:```{(?:literal)?include} |!\[.*?\]\()([^\s)]+)", text, re.MULTILINE):
            assert (DOCS / name).is_file(), f"{page.name}: {name}"
