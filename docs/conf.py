"""The configuration of the documentation: ``nox -s docs`` builds it, with warnings as errors."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]

project = "sentry_web"
author = "The sentry_web authors"
project_copyright = f"2026, {author}"
release = re.findall(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)[0]
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown"}
exclude_patterns: list[str] = []
nitpicky = False  # types of other projects have no target here: there is no intersphinx, which needs the network

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings explain the parameters; the signatures are long enough
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Options", "params_style")]
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
