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


ROOT = DOCS.parent
HOME = "https://sentry-web.readthedocs.io/en/latest/"


def test_what_links_to_the_site_finds_a_page() -> None:
    for name in ("README.md", "CHANGELOG.md", "pyproject.toml"):
        for target in re.findall(re.escape(HOME) + r'([^\s)>"]*)', (ROOT / name).read_text("utf-8")):
            source = target.replace("_images/", "") if "_images" in target else target.replace(".html", ".md")
            assert (DOCS / (source or "index.md")).is_file(), f"{name}: {target}"


def test_the_readme_is_short_and_works_on_a_package_index() -> None:
    """Relative links and images are broken there."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 180
    inline = re.findall(r"\]\(([^)\s]+)\)", text)
    defined = dict(re.findall(r"^\[(\S+)\]: (\S+)$", text, re.MULTILINE))
    assert all(target.startswith("https://") for target in (*inline, *defined.values()))
    assert set(re.findall(r"\]\[(\w+)\]", text)) == set(defined)
