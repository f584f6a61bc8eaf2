# SPDX-License-Identifier: BSD-3-Clause
"""Maximum-likelihood fits of models to tabular data: fast, with standard errors and a proof with every answer."""

from __future__ import annotations

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
from .profile import Profile, profile
from .result import Result
from .robust import with_covariance

__all__ = [
    "Bernoulli",
    "Categorical",
    "ConvergenceWarning",
    "DataError",
    "Evaluation",
    "Firth",
    "FormulaError",
    "Gamma",
    "Gaussian",
    "HypothesisTest",
    "LabelWarning",
    "Laplace",
    "MissingPackageError",
    "MlefastError",
    "MlefastWarning",
    "NegativeBinomial",
    "OptionError",
    "Poisson",
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
    "evaluate",
    "fit",
    "fit_formula",
    "likelihood",
    "likelihood_ratio_test",
    "loglik",
    "nll",
    "profile",
    "score_test",
    "show_config",
    "with_covariance",
]
