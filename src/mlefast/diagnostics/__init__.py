# SPDX-License-Identifier: BSD-3-Clause
"""What can be said of a fit with its rows at hand: diagnostics, effects, tests of the model, a bootstrap."""

from .bootstrap import Bootstrap, bootstrap
from .diagnose import Calibration, Diagnostics, diagnose
from .effects import MarginalEffects, marginal_effects
from .influence import Influence, influence
from .residuals import residuals
from .specification import dispersion_test, information_matrix_test, link_test

__all__ = [
    "Bootstrap",
    "Calibration",
    "Diagnostics",
    "Influence",
    "MarginalEffects",
    "bootstrap",
    "diagnose",
    "dispersion_test",
    "influence",
    "information_matrix_test",
    "link_test",
    "marginal_effects",
    "residuals",
]
