# SPDX-License-Identifier: BSD-3-Clause
"""Maximum-likelihood fits of models to tabular data: fast, with standard errors and a proof with every answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .comparison import likelihood_ratio_test, score_test
from .config import __version__, show_config
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
from .formula import fit_formula
from .inference import HypothesisTest, adjust_pvalues
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
from .predictors import Prediction
from .profile import Profile, profile
from .result import Result
from .robust import with_covariance

if TYPE_CHECKING:
    from .diagnostics import (
        Bootstrap,
        Calibration,
        Diagnostics,
        Influence,
        MarginalEffects,
        bootstrap,
        diagnose,
        dispersion_test,
        influence,
        information_matrix_test,
        link_test,
        marginal_effects,
        residuals,
    )


def __getattr__(name: str) -> Any:
    """Names of the floor `diagnostics`, which is loaded when one of them is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import diagnostics

    return getattr(diagnostics, name)


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
