# SPDX-License-Identifier: BSD-3-Clause
"""Maximum-likelihood fits of models to tabular data: fast, with standard errors and a proof with every answer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# first: where it cannot be loaded, as in most sub-interpreters, it says so in a line, and NumPy in fifty
from . import _core as _core
from .errors import (
    ConvergenceWarning,
    DataError,
    FormulaError,
    LabelWarning,
    MissingPackageError,
    MlefastError,
    MlefastWarning,
    OptionError,
    RankError,
    RankWarning,
    SeparationError,
    SeparationWarning,
)
from .evaluate import Evaluation, evaluate, likelihood, loglik, nll
from .fit import fit
from .likelihoods import (
    Bernoulli,
    Categorical,
    Gamma,
    Gaussian,
    Laplace,
    NegativeBinomial,
    Poisson,
    StudentT,
    UserLikelihood,
)
from .penalties import Firth, Ridge
from .result import Result

if TYPE_CHECKING:
    from .comparison import likelihood_ratio_test, score_test
    from .config import __version__, show_config
    from .diagnostics.bootstrap import Bootstrap, bootstrap
    from .diagnostics.diagnose import Calibration, Diagnostics, diagnose
    from .diagnostics.effects import MarginalEffects, marginal_effects
    from .diagnostics.influence import Influence, influence
    from .diagnostics.residuals import residuals
    from .diagnostics.specification import dispersion_test, information_matrix_test, link_test
    from .formula import fit_formula
    from .inference.multiple import adjust_pvalues
    from .inference.wald import HypothesisTest
    from .predictors import Prediction
    from .profile_likelihood import Profile, profile
    from .robust import with_covariance

# Modules that no plain fit needs, which are loaded when one of their names is asked for. None of these may be called
# like a module of the package: the import of that module would take its place.
_LATER = {
    "comparison": ("likelihood_ratio_test", "score_test"),
    "config": ("__version__", "show_config"),
    "diagnostics": (
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
    ),
    "formula": ("fit_formula",),
    "inference.multiple": ("adjust_pvalues",),
    "inference.wald": ("HypothesisTest",),
    "predictors": ("Prediction",),
    "profile_likelihood": ("Profile", "profile"),
    "robust": ("with_covariance",),
}


def __getattr__(name: str) -> Any:
    """The names of `_LATER`."""
    for module, names in _LATER.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "Bernoulli",
    "Bootstrap",
    "Calibration",
    "Categorical",
    "ConvergenceWarning",
    "DataError",
    "Diagnostics",
    "Evaluation",
    "Firth",
    "FormulaError",
    "Gamma",
    "Gaussian",
    "HypothesisTest",
    "Influence",
    "LabelWarning",
    "Laplace",
    "MarginalEffects",
    "MissingPackageError",
    "MlefastError",
    "MlefastWarning",
    "NegativeBinomial",
    "OptionError",
    "Poisson",
    "Prediction",
    "Profile",
    "RankError",
    "RankWarning",
    "Result",
    "Ridge",
    "SeparationError",
    "SeparationWarning",
    "StudentT",
    "UserLikelihood",
    "__version__",
    "adjust_pvalues",
    "bootstrap",
    "diagnose",
    "dispersion_test",
    "evaluate",
    "fit",
    "fit_formula",
    "influence",
    "information_matrix_test",
    "likelihood",
    "likelihood_ratio_test",
    "link_test",
    "loglik",
    "marginal_effects",
    "nll",
    "profile",
    "residuals",
    "score_test",
    "show_config",
    "with_covariance",
]
