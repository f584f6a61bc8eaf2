# SPDX-License-Identifier: BSD-3-Clause
"""Firth: Jeffreys' prior, which removes the leading bias and keeps estimates finite."""

from __future__ import annotations

from dataclasses import dataclass

from mlefast.errors import OptionError
from mlefast.likelihoods import Bernoulli, Categorical, Likelihood, Poisson

from .base import Penalty


@dataclass(frozen=True)
class Firth(Penalty):
    """Adds -log det I(beta) / 2 to the negative log-likelihood, where I is the Fisher information.

    That is Jeffreys' prior, and removes the bias of order 1 / n from the estimates. For Bernoulli with the logit link,
    categorical and Poisson. The maximum exists for all data, also where labels are separated, if the columns are
    linearly independent; combinations of others are left out.

    For the logit link the estimate solves sum_i w_i (y_i - mu_i + h_i (1/2 - mu_i)) x_i = 0, with h_i the leverage of
    one observation. Standard errors are those of brglm2: from the inverse of the information at the estimate,
    without the prior. `llf` is the log-likelihood at the estimate, `llf - penalty_value` the penalised one,
    which logistf reports; `aic` and `bic` use `llf`. Wald tests are poor where estimates are large, as they are for
    separated labels: use `mlefast.profile`, which gives penalised likelihood-ratio tests and profile intervals.

    References
    ----------
    Firth, Biometrika 80 (1993); Heinze and Schemper, Statistics in Medicine 21 (2002), for separated labels; Kosmidis
    and Firth, Biometrika 98 (2011), for classes, and 108 (2021), for the existence.

    Examples
    --------
    >>> import mlefast
    >>> X, y = [0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1]  # separated: without a penalty there is no maximum
    >>> result = mlefast.fit(X, y, penalty=mlefast.Firth())
    >>> result.params.round(3).tolist(), result.converged
    ([-1.965, 1.31], True)
    """

    name = "firth"
    example = "Firth()"
    errors = "inverse Fisher information"
    meaning = (
        "Standard errors come from the information at the estimate. Where that is large, as for separated labels, Wald "
        "tests are poor: see mlefast.profile."
    )

    def require(self, likelihood: Likelihood) -> None:
        """OptionError if the information is not the Hessian of the negative log-likelihood."""
        super().require(likelihood)
        logit = isinstance(likelihood, Bernoulli) and likelihood.link == "logit"
        if not (logit or isinstance(likelihood, Categorical | Poisson)):
            link = f" with the {likelihood.link} link" if isinstance(likelihood, Bernoulli) else ""
            raise OptionError(
                f"penalty=Firth() is for bernoulli with the logit link, categorical and poisson, not for "
                f"{likelihood.name}{link}. Leave it out, or use Ridge(alpha)."
            )
