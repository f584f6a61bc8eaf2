# SPDX-License-Identifier: BSD-3-Clause
"""The result of a fit: plain numbers, with statsmodels' names."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from mlefast.data import MemoryDesign, counted
from mlefast.inference import Alias, Certificate, Separation
from mlefast.likelihoods import Likelihood
from mlefast.objective import Passes
from mlefast.penalties import Penalty

from .options import read_flag, read_number

if TYPE_CHECKING:
    import pandas as pd

    from mlefast.inference.wald import HypothesisTest
    from mlefast.solvers import Iteration
    from mlefast.solvers.multistart import Optimum

    from .plot import Plot
    from .predictors import Change, Prediction
    from .summary import Summary

Vector = NDArray[np.float64]


_APART = 1.5  # ratio of standard errors from which on the variance model is doubtful


class Encoder(Protocol):
    """What a fit of a formula keeps to read new tables."""

    def __call__(self, data: Any) -> MemoryDesign:
        """The columns of a table."""
        ...

    def offset(self, data: Any, offset: Any) -> Any:
        """The offset for a table: what the user gives, a column of that name, or the column of the fit."""
        ...

    def changes(self, data: Any, discrete: bool) -> Iterator[Change]:
        """The columns as each variable of a table changes."""
        ...

    def groups(self, data: Any, groups: Any) -> Any:
        """Labels for the rows of a table: what the user gives, or the columns of these names."""
        ...

    def terms(self) -> dict[str, tuple[str, ...]]:
        """The terms of the formula but the intercept, and the names of their columns."""
        ...


def _natural(name: str, value: float) -> tuple[str, float]:
    """A parameter itself, where its logarithm was estimated."""
    if name.startswith("log("):
        with np.errstate(over="ignore"):
            return name[4:-1], float(np.exp(value))
    return name, value


def doubtful_variance(names: tuple[str, ...], robust_ratio: Vector) -> str | None:
    """What it means if errors that hold whatever the variance are others than those of the model."""
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.flatnonzero(np.abs(np.log(robust_ratio.ravel())) > math.log(_APART))
    if not apart.size:
        return None
    shown = ", ".join(names[j] for j in apart[:5]) + (", ..." if apart.size > 5 else "")
    return (
        f"Robust and model-based errors differ by more than a factor of {_APART} for {shown}: the variance model is "
        "doubtful."
    )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Result:
    """A maximum-likelihood estimate and what it is worth. It is frozen and holds no data.

    Attributes
    ----------
    params : array of shape (p,), float64
        Estimates in the order of `names`; NaN where the data do not determine them. Where the maximum does not exist
        (see `separation`), inf or -inf for what runs there in every direction in which the likelihood grows for ever,
        NaN for what may go either way, and the limits of the others. For categorical of shape
        (K - 1, p), with a row for each class but the first, the reference; so are `bse`, `tvalues` and `pvalues`.
    names : tuple of str
        Names of the parameters, `Intercept` first if there is one; for categorical those of one class.
    response : str
        The name of y.
    intercept : bool
        Whether the first parameter is an intercept.
    covariance : array of shape (p, p), for categorical ((K - 1) p, (K - 1) p)
        See `cov_params`.
    covariance_type : str
        Its kind, as the argument `covariance` of `fit` names it.
    family : Likelihood
        The likelihood that was fitted; `likelihood` and `link` are its names.
    use_t : bool
        Whether tests and intervals use the t distribution, as they do for Gaussian with n - p in the scale.
    llf, llnull : float
        Log-likelihood at the estimate (its supremum where the maximum does not exist), and of the model with an
        intercept (and the offset) only, in nats.
    deviance, null_deviance : float
        Twice the loss above the least that the rows can have, in the units of the loss: for Gaussian the residual sum
        of squares, for Bernoulli and Poisson twice the log-likelihood that a perfect fit gains; as in R.
    constant : bool
        Whether there is an intercept, or a combination of the columns that is constant.
    nobs : float
        Number of observations: the sum of the frequency weights.
    rank : int
        Number of parameters that the data determine.
    dropped : int
        Rows left out because a value was missing.
    converged : bool
        Whether the certificate is met and the maximum is proved to exist.
    certificate : Certificate
        Distance to the exact maximum in standard errors.
    separation : Separation
        Whether the maximum exists, with the proof.
    aliased : tuple of Alias
        Parameters that are not determined, and the combination that their columns are.
    passes : Passes
        How often the data were read, a sample of the rows counting as its share: a float, whose `by_order` tells how
        many of these reads were for eta or the NLL alone, for a gradient, and for a gradient and a Hessian.
    optima : tuple of Optimum
        With `multistart`: the distinct maxima that were found (params, nll, count), the best first.
    trace : tuple of Iteration
        Where the search was after each pass (passes, nll, step, distance); of more than 50 iterations some. Empty for
        Laplace, whose steps are none in the likelihood.
    iterations, solver, solver_reason, seconds, threads, isa
        How the estimate was found.
    classes : array of shape (K,) or None
        The labels; for Bernoulli `predict` gives the probability of the last, for categorical that of each.
    scale : float
        Scale of the distribution (sigma of Gaussian, of which statsmodels' scale is the square; the dispersion of
        Gamma, b of Laplace), 1 where it has none.
    weight_kind : str
        What the weights mean: "frequency", "precision" or "sampling".
    clusters : tuple of int
        Numbers of groups of rows, one for each way of grouping; empty unless errors are clustered.
    fingerprint : int or None
        A checksum of y and the weights, by which fits of the same rows are known.
    penalty : Penalty or None
        What was added to the negative log-likelihood; `llf` is without it.
    penalty_value : float
        The penalty at the estimate, in nats.
    df_effective : float or None
        With a `Ridge`: the effective number of parameters, which takes the place of `rank` in `df_model`, `df_resid`,
        `aic` and `bic`.
    ranges : array of shape (p, 2) or None
        Where more than one estimate has the largest likelihood, as happens to Laplace: the least and the greatest value
        of each parameter among these; None where the estimate is the only one.
    robust_ratio : array of the shape of `params` or None
        With `covariance="HC0"`: its standard errors, divided by those of the model.
    formula : str or None
        The formula, of a fit by one.
    encoder : Encoder or None
        How that formula reads new tables, for `predict`.

    Examples
    --------
    >>> import mlefast
    >>> result = mlefast.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1])
    >>> result.params.round(3).tolist(), round(result.llf, 3)
    ([-1.362, 0.908], -2.347)
    """

    family: Likelihood
    names: tuple[str, ...]
    response: str
    classes: NDArray[Any] | None
    intercept: bool
    constant: bool
    params: Vector
    covariance: NDArray[np.float64]
    covariance_type: str
    use_t: bool
    llf: float
    llnull: float
    deviance: float
    null_deviance: float
    nobs: float
    rank: int
    dropped: int
    converged: bool
    certificate: Certificate
    separation: Separation
    aliased: tuple[Alias, ...]
    passes: Passes
    iterations: int
    solver: str
    solver_reason: str
    seconds: float
    threads: int
    isa: str
    scale: float = 1.0
    ranges: NDArray[np.float64] | None = None
    optima: tuple[Optimum, ...] = ()
    penalty: Penalty | None = None
    penalty_value: float = 0.0
    df_effective: float | None = None
    trace: tuple[Iteration, ...] = ()
    robust_ratio: Vector | None = None
    weight_kind: str = "frequency"
    clusters: tuple[int, ...] = ()
    fingerprint: int | None = None
    formula: str | None = None
    encoder: Encoder | None = None

    def __post_init__(self) -> None:
        self._protect()

    @property
    def likelihood(self) -> str:
        """The name of the likelihood."""
        return self.family.name

    @property
    def link(self) -> str:
        """The name of the link."""
        return self.family.link

    @property
    def family_at_estimate(self) -> Likelihood:
        """The likelihood with the estimates of its own parameters."""
        if not self.family.estimated:
            return self.family
        return self.family.at(self.params[self._coefficients :].tolist())

    @property
    def shape(self) -> dict[str, float]:
        """Estimates of the likelihood's own parameters, such as {"alpha": 0.5}, from those of their logarithms."""
        return dict(map(_natural, self.family.estimated, self.params[self._coefficients :].tolist()))

    def shape_interval(self, alpha: float = 0.05) -> dict[str, tuple[float, float]]:
        """Confidence intervals of `shape`, from those of the logarithms.

        Parameters
        ----------
        alpha : float, default 0.05
            One minus the coverage, between 0 and 1.

        Returns
        -------
        dict of str to (lower end, upper end)
        """
        if not self.family.estimated:
            return {}
        ends = self.conf_int(alpha)[self._coefficients :].tolist()
        return {
            _natural(name, lower)[0]: (_natural(name, lower)[1], _natural(name, upper)[1])
            for name, (lower, upper) in zip(self.family.estimated, ends, strict=True)
        }

    @property
    def _equations(self) -> int:
        """Linear predictors of a row."""
        return 1 if self.params.ndim == 1 else len(self.params)

    @property
    def _coefficients(self) -> int:
        """Number of parameters that belong to columns."""
        return len(self.names) - len(self.family.estimated)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled result; arrays are read-only again."""
        self.__dict__.update(state)
        self._protect()

    def _protect(self) -> None:
        separation = self.separation
        own = (self.params, self.covariance, self.classes, self.robust_ratio)
        for array in (*own, separation.direction, separation.limit):
            if array is not None:
                array.setflags(write=False)

    @property
    def bse(self) -> Vector:
        """Standard errors of the parameters, in their shape."""
        return np.sqrt(np.diagonal(self.covariance)).reshape(self.params.shape)

    @property
    def tvalues(self) -> Vector:
        """Estimates divided by their standard errors; NaN for shape parameters, where zero means nothing.

        They are t statistics with `df_resid` degrees of freedom if `use_t`, otherwise z statistics.
        """
        statistics = self.params / self.bse
        statistics[..., self._coefficients :] = np.nan
        return statistics

    @property
    def pvalues(self) -> Vector:
        """Two-sided p-values of `tvalues`."""
        from scipy.special import ndtr, stdtr

        lower = -np.abs(self.tvalues)
        return np.asarray(2.0 * (stdtr(self.df_resid, lower) if self.use_t else ndtr(lower)))

    def conf_int(self, alpha: float = 0.05) -> NDArray[np.float64]:
        """Wald confidence intervals.

        Parameters
        ----------
        alpha : float, default 0.05
            One minus the coverage, between 0 and 1.

        Returns
        -------
        array of shape (p, 2), for categorical (K - 1, p, 2)
            Lower and upper ends.
        """
        from .predictors import quantile_of

        alpha = read_number("alpha", alpha, 0.0, 1.0, "a number between 0 and 1, such as 0.05 for 95 % intervals")
        half = quantile_of(self, alpha) * self.bse
        return np.stack([self.params - half, self.params + half], axis=-1)

    def cov_params(self) -> NDArray[np.float64]:
        """Covariance matrix of the parameters, of the kind that `covariance_type` names.

        Of shape (p, p); for categorical a row and a column for each of the flattened `params`, class after class.
        """
        return self.covariance

    def wald_test(self, hypothesis: Any, *, use_f: bool | None = None) -> HypothesisTest:
        """Wald's test of linear equations among the parameters, with the covariance of the result.

        Parameters
        ----------
        hypothesis : str, sequence of str, array of shape (q, p), or a pair (array, values of shape (q,))
            Equations such as "x1 = x2 = 0" or "2*x1 - x2 = 1, x3 = 0"; names, of parameters that are zero; or a matrix
            R and values r of R params = r, by default zero. Parameters of classes have names such as "b: x1" and count
            in the order of the flattened `params`.
        use_f : bool, optional
            Whether to use F with `df_resid` rather than chi-squared; by default as `use_t` says.

        Returns
        -------
        HypothesisTest
            With statistic, df, df_denom and pvalue.

        Raises
        ------
        OptionError
            If the hypothesis cannot be read, has redundant equations or is about what the data do not determine.

        References
        ----------
        Wald, Transactions of the American Mathematical Society 54 (1943).

        Examples
        --------
        >>> import mlefast
        >>> result = mlefast.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1])
        >>> print(result.wald_test("x1 = 0"))
        x1 = 0: chi2(1) = 0.7004, p = 0.4027
        """
        from mlefast.inference.hypotheses import read_hypothesis
        from mlefast.inference.wald import wald

        asked = read_hypothesis(hypothesis, self.parameter_names)
        label = hypothesis if isinstance(hypothesis, str) else f"{len(asked.values)} equations"
        if not isinstance(hypothesis, str) and all(isinstance(part, str) for part in hypothesis):
            label = ", ".join(hypothesis)
        return wald(self.params.ravel(), self.covariance, asked, label, self._denominator(use_f))

    def wald_test_terms(self, *, use_f: bool | None = None) -> dict[str, HypothesisTest]:
        """Wald's test that all coefficients of a term are zero, for each term of the formula; without one, each column.

        Parameters
        ----------
        use_f : bool, optional
            As for `wald_test`.

        Returns
        -------
        dict of str to HypothesisTest
            The intercept and columns that are not determined are left out. `mlefast.adjust_pvalues` corrects the
            p-values for their number.
        """
        from mlefast.inference.hypotheses import read_hypothesis
        from mlefast.inference.wald import wald

        columns = self.names[self.intercept : self._coefficients]
        terms = {name: (name,) for name in columns} if self.encoder is None else self.encoder.terms()
        flat, names, tests = self.params.ravel(), self.parameter_names, {}
        unit = np.eye(flat.size)
        for term, members in terms.items():
            places = [self.names.index(name) for name in members if name in self.names]
            rows = [j for k in range(0, flat.size, len(self.names)) for j in (k + place for place in places)]
            rows = [j for j in rows if not np.isnan(flat[j])]
            if rows:
                asked = read_hypothesis(unit[rows], names)
                tests[term] = wald(flat, self.covariance, asked, term, self._denominator(use_f))
        return tests

    def _denominator(self, use_f: bool | None) -> float | None:
        """Degrees of freedom of the scale for F tests, None for chi-squared ones."""
        wanted = self.use_t if use_f is None else read_flag("use_f", use_f)
        return self.df_resid if wanted else None

    @property
    def rsquared(self) -> float:
        """Share of the null deviance that the model explains, 1 - deviance / null_deviance: R-squared for Gaussian."""
        return 1.0 - self.deviance / self.null_deviance if self.null_deviance else float("nan")

    @property
    def _parameters(self) -> float:
        """Parameters that are determined, with a prior the effective number of them."""
        return self.rank if self.df_effective is None else self.df_effective

    @property
    def _free(self) -> float:
        """Estimated numbers: parameters that are determined, and the scale if there is one."""
        return self._parameters + (self.family.scale_name is not None)

    @property
    def _pseudo(self) -> bool:
        """Whether `llf` is a pseudo-likelihood, whose differences are no statistics."""
        return self.weight_kind == "sampling"

    @property
    def aic(self) -> float:
        """Akaike's criterion, -2 llf + 2 k; as in R a scale that is estimated counts in k, so that families compare.

        NaN for sampling weights, whose `llf` is no likelihood of the sample; so is `bic`.
        """
        return float("nan") if self._pseudo else -2.0 * self.llf + 2.0 * self._free

    @property
    def bic(self) -> float:
        """Schwarz's criterion, -2 llf + log(nobs) k, with the k of `aic`."""
        return float("nan") if self._pseudo else -2.0 * self.llf + float(np.log(self.nobs)) * self._free

    @property
    def df_model(self) -> float:
        """Parameters that are determined, without the intercept or, in its place, a constant among the columns."""
        return self._parameters - self.constant * self._equations - len(self.family.estimated)

    @property
    def df_resid(self) -> float:
        """Observations minus parameters that are determined."""
        return self.nobs - self._parameters

    @property
    def prsquared(self) -> float:
        """McFadden's pseudo R-squared, 1 - llf / llnull (NaN where llnull is 0)."""
        return 1.0 - self.llf / self.llnull if self.llnull else float("nan")

    @property
    def llr(self) -> float:
        """Likelihood-ratio statistic against the model with an intercept only, 2 (llf - llnull)."""
        return 2.0 * (self.llf - self.llnull)

    @property
    def llr_pvalue(self) -> float:
        """p-value of `llr`, chi-squared, `df_model` degrees of freedom.

        NaN without covariates, with a penalty or with sampling weights.
        """
        from scipy.special import chdtrc

        if self.penalty is not None or self._pseudo or not self.df_model > 0:
            return float("nan")
        return float(chdtrc(self.df_model, max(0.0, self.llr)))

    @overload
    def predict(self, X: Any, *, offset: Any = None, interval: None = None) -> Vector: ...

    @overload
    def predict(self, X: Any, *, offset: Any = None, interval: float) -> Prediction: ...

    def predict(self, X: Any, *, offset: Any = None, interval: float | None = None) -> Vector | Prediction:
        """Mean of y for new rows: for Bernoulli the probability of `classes[-1]`, for categorical that of each class.

        Parameters
        ----------
        X : array-like or frame of shape (n, p)
            Covariates in the order of the fit; for a formula, a table with the columns it names.
        offset : array-like of shape (n,), optional
            Known part of the linear predictor; for a formula also the name of a column. Default: the column that was
            the offset of the fit, if it was one, otherwise zero; so with the exposure. For arrays the offset holds its
            logarithm as well.
        interval : float, optional
            Coverage of confidence intervals of the means, such as 0.95; default: no intervals.

        Returns
        -------
        array of shape (n,), for categorical (n, K), float64
            NaN for rows with a missing value, which a formula refuses. Coefficients that are not determined count as
            zero. Where the maximum does not exist, the limit: rows that `separation.direction` separates have the mean
            that infinite coefficients give, such as 0 or 1. With `interval` a `Prediction`: mean, lower, upper, eta and
            se_eta.

        Raises
        ------
        DataError
            If the columns do not fit the model.
        OptionError
            If the interval is no number between 0 and 1, or coefficients are infinite, around which there is none.

        Warns
        -----
        RankWarning
            If a column that was left out of the fit, as a combination of others, is not that combination here.

        Examples
        --------
        >>> import mlefast
        >>> result = mlefast.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1])
        >>> found = result.predict([1.5], interval=0.95)
        >>> found.mean.round(3).tolist(), found.lower.round(3).tolist(), found.upper.round(3).tolist()
        ([0.5], [0.1], [0.9])
        """
        from .prediction import mean
        from .predictors import predict_interval, predictors_of

        rows = predictors_of(self, X, offset)
        params, names = self.params[..., : self._coefficients], self.names[: self._coefficients]
        middle = mean(self.family, params, self.separation, self.aliased, names, rows.design, rows.offset)
        return middle if interval is None else predict_interval(rows, middle, interval)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """A name for each of the flattened `params`: for categorical such as "b: x1"."""
        if self.params.ndim == 1 or self.classes is None:
            return self.names
        return tuple(f"{label}: {name}" for label in self.classes[1:] for name in self.names)

    @property
    def doubtful_variance(self) -> str | None:
        """A sentence if `robust_ratio` is far from 1 for some parameters."""
        return None if self.robust_ratio is None else doubtful_variance(self.parameter_names, self.robust_ratio)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns of X, without the intercept and shape parameters."""
        return self.names[self.intercept : self._coefficients]

    def summary(self, alpha: float = 0.05) -> Summary:
        """Everything a reader of the fit needs, as text, HTML, LaTeX or a data frame.

        Parameters
        ----------
        alpha : float, default 0.05
            One minus the coverage of the confidence intervals.

        Returns
        -------
        Summary
            `str()` gives text; `as_html()`, `as_latex()` and `frame()` the others.
        """
        from .summary import summarise

        return summarise(self, alpha)

    def summary_frame(self, alpha: float = 0.05) -> pd.DataFrame:
        """The table of coefficients as a pandas data frame, a row per parameter."""
        return self.summary(alpha).frame()

    def tidy(self, conf_int: bool = False, alpha: float = 0.05) -> Any:
        """The coefficients as a frame with the columns of R's broom.

        Parameters
        ----------
        conf_int : bool, default False
            Whether to add the ends of Wald confidence intervals.
        alpha : float, default 0.05
            One minus their coverage.

        Returns
        -------
        pandas or polars data frame, or dict of lists
            A row per parameter; what is installed decides, pandas first. Columns: term, estimate, std.error, statistic,
            p.value, and with `conf_int` conf.low and conf.high; for categorical y.level, the class, before them.

        Raises
        ------
        OptionError
            If `alpha` is no number between 0 and 1.

        References
        ----------
        Robinson, *broom: an R package for converting statistical analysis objects into tidy data frames* (2014).

        Examples
        --------
        >>> import mlefast
        >>> frame = mlefast.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]).tidy()
        >>> list(frame), list(frame["term"])
        (['term', 'estimate', 'std.error', 'statistic', 'p.value'], ['Intercept', 'x1'])
        """
        from .tidy import tidy

        return tidy(self, conf_int, alpha)

    def glance(self) -> Any:
        """The fit in one row, with the columns of R's broom; the kind of frame is that of `tidy`.

        Columns: null.deviance, df.null, logLik, AIC, BIC, deviance, df.residual, nobs, and sigma, the residual standard
        error, NaN where the likelihood has none. The null model has an intercept (and the offset) only.

        Examples
        --------
        >>> import mlefast
        >>> frame = mlefast.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]).glance()
        >>> round(float(frame["deviance"][0]), 3), float(frame["df.residual"][0])
        (4.695, 2.0)
        """
        from .tidy import glance

        return glance(self)

    def to_json(self) -> str:
        """Everything about the fit as the text of a JSON object, from which `from_json` makes it again, exactly.

        Keys are the names of the attributes; `likelihood` is the name and `likelihood_options` what else it was given;
        `coefficients` is a table for readers, with 95 % intervals. NaN is null, infinities are the strings "Infinity"
        and "-Infinity". `mlefast fit --json` prints the same.

        Raises
        ------
        OptionError
            If the likelihood is a `UserLikelihood`: JSON cannot hold a function.
        DataError
            If a label is of a type that JSON does not have.
        """
        from .interchange import to_json

        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Result:
        """The result that `to_json` wrote, also by an earlier version of mlefast.

        Of a fit by formula all comes back but the way the formula reads tables, so `predict` refuses; pickles hold it.
        Nothing in the text is run, whereas a pickle runs code: read only pickles that are your own.

        Raises
        ------
        DataError
            If the text is something else, damaged, or of a newer format.

        Examples
        --------
        >>> import mlefast
        >>> result = mlefast.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1])
        >>> again = mlefast.Result.from_json(result.to_json())
        >>> again.params.tolist() == result.params.tolist(), again.certificate == result.certificate
        (True, True)
        """
        from .interchange import from_json

        return from_json(text)

    @property
    def plot(self) -> Plot:
        """Pictures of the fit, by matplotlib; see `mlefast.plot.Plot`."""
        from .plot import Plot

        return Plot(self)

    def __repr__(self) -> str:
        """One line."""
        state = "converged" if self.converged else "NOT CONVERGED"
        return (
            f"<mlefast.Result: {self.likelihood}, {counted(self.params.size, 'parameter')}, {self.nobs:.15g} "
            f"observations, log-likelihood {self.llf:.6g}, {state}>"
        )

    def _repr_html_(self) -> str:
        return self.summary().as_html()
