"""Sphinx: the guide (MyST Markdown) and the reference (numpydoc), built with warnings as errors.

sphinx-build -W --keep-going -b html docs docs/_build
"""

from __future__ import annotations

import activeclust

project = "activeclust"
author = "The activeclust developers"
copyright = "The activeclust developers, BSD 3-Clause"
version = release = activeclust.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinxcontrib.mermaid",
]
exclude_patterns = ["_build"]
nitpicky = False
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_title = f"activeclust {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 3
suppress_warnings = [
    # pages begin below the title where the README is included
    "myst.header",
]

autodoc_member_order = "bysource"
# what scikit-learn gives every estimator, with references into its own documentation
autodoc_default_options = {
    "exclude-members": "set_fit_request, set_score_request, set_predict_request, get_metadata_routing",
}
autodoc_typehints = "none"  # numpydoc's sections say types with their shapes
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
