"""How the documentation is built: `python -m sphinx -W docs docs/build/html`.

Everything that can be said from the code is written from it at the start of a build, into
`docs/generated/`: see `generated_pages.py`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from generated_pages import sentences_of_parameters, write_pages

from lfads_nb import __version__

project = "lfads_nb"
author = "The lfads_nb developers"
project_copyright = author
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = [
    "build",
    "images",
    "static",
    "generated/matlab_names.md",
]  # the last is included
suppress_warnings = ["myst.header"]  # the notebooks and the README start sections as they like

# Nothing here needs a network, neither to build nor to read: formulas are plain text, no MathJax.
# Notebooks are kept without outputs, and the tests run them; a build trains nothing.
nb_execution_mode = "off"
myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3

autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_use_param = False  # what follows a colon here is a sentence, not a type to link
napoleon_use_rtype = False
default_role = "code"
add_module_names = False
toc_object_entries = False

html_theme = "pydata_sphinx_theme"
html_title = "lfads_nb"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "navigation_depth": 2,
    "show_toc_level": 2,
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "secondary_sidebar_items": {"**": ["page-toc"], "troubleshooting": [], "coming_from": []},
}
html_context = {"default_mode": "light"}


def setup(app):
    """Write the pages that come from the code before any page is read."""
    write_pages(Path(__file__).parent / "generated")
    app.connect("autodoc-process-docstring", sentences_of_parameters, priority=400)
