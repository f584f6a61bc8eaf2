# SPDX-License-Identifier: BSD-3-Clause
"""Settings of the documentation site, which `make docs` builds."""

from __future__ import annotations

from typing import Any

from numpydoc.xref import DEFAULT_LINKS

import mlefast
from mlefast.likelihoods import Likelihood
from mlefast.penalties import Penalty

project = "mlefast"
copyright = "mlefast developers, BSD-3-Clause"
version = release = mlefast.__version__

RECORDS = ("inference.Certificate", "inference.Separation", "inference.Alias", "objective.Passes", "solvers.Iteration",
           "solvers.multistart.Optimum", "summary.Summary", "plot.Plot", "config.Config")  # fmt: skip

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "sphinx_copybutton"]
default_role = "code"
highlight_language = "none"
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings have types and shapes
autosummary_generate = False
maximum_signature_line_length = 88
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
# types of parameters are links if they are classes of these pages, never to the other sites that numpydoc knows
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {word: word for word in DEFAULT_LINKS}
numpydoc_xref_aliases |= {path.rpartition(".")[2]: f"mlefast.{path}" for path in RECORDS}
numpydoc_xref_aliases |= {name: f"mlefast.{name}" for name in mlefast.__all__ if name[0].isupper()}

html_theme = "furo"
html_title = f"mlefast {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_show_sphinx = False
copybutton_exclude = ".linenos, .gp, .go"  # prompts and output


def without_signature(
    app: Any, what: str, name: str, thing: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None] | None:
    """Records are made by calls of functions, never by the user: how their classes are called is of no interest."""
    made_by_users = what != "class" or issubclass(thing, Likelihood | Penalty)
    return None if made_by_users or signature is None else ("", None)


def setup(app: Any) -> None:
    """Connect the above."""
    app.connect("autodoc-process-signature", without_signature)
