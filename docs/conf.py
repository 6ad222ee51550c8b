"""The configuration of the documentation: ``nox -s docs`` builds it, with warnings as errors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from docutils import nodes
from docutils.parsers.rst import Directive

from sentry_web.cli import commands

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]

project = "sentry_web"
author = "The sentry_web authors"
project_copyright = f"2026, {author}"
release = re.findall(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)[0]
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["screenshots"]
nitpicky = False  # types of other projects have no target here: there is no intersphinx, which needs the network

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings explain the parameters; the signatures are long enough
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

pygments_style = "default"
pygments_dark_style = "monokai"
html_theme = "furo"
html_title = f"sentry_web {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#5b3fa0", "color-brand-content": "#5b3fa0"},
    "dark_css_variables": {"color-brand-primary": "#b9a3f2", "color-brand-content": "#b9a3f2"},
}


# --- The help of the commands, as they print it ----------------------------------------------------------------------


class CommandHelp(Directive):
    """``{command-help} run``: what ``sentry-web run --help`` prints."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the help text as a literal block."""
        name = self.arguments[0]
        group = click.Context(commands.main, info_name="sentry-web", terminal_width=100, max_content_width=100)
        context = click.Context(
            commands.main.commands[name], parent=group, info_name=name, terminal_width=88, max_content_width=88
        )
        text = context.command.get_help(context)
        block = nodes.literal_block(text, text)
        block["language"] = "text"
        return [block]


def link_options(*event: Any) -> None:
    """Name the page of options where a docstring has all of them."""
    lines: list[str] = event[-1]
    if "Options:" in lines:
        lines[lines.index("Options:") :] = ["The options are explained on the page :doc:`options`.", ""]


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("command-help", CommandHelp)
    app.connect("autodoc-process-docstring", link_options, priority=400)  # before napoleon, which has 500
