# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of a fit, by matplotlib: `result.plot.coefficients()` and its like."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import draw
from .errors import MissingPackageError, OptionError, warnings_as
from .result import Result
from .summary import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .profile_likelihood import Profile

_ROW = 0.3  # inches
_WIDTH = 6.4
_HEIGHT = 4.0
_CHANGES = {  # what a coefficient is, by link
    "logit": "change of the log odds per unit",
    "probit": "change of the probit per unit",
    "cloglog": "change of log(-log(1 - p)) per unit",
    "log": "change of the log of the mean per unit",
    "identity": "change per unit",
}


@dataclass(frozen=True, repr=False)
class Plot:
    """Pictures of a result. Each method draws into `ax`, or into a new figure, and returns the Axes.

    Needs matplotlib: pip install "mlefast[plot]".

    Examples
    --------
    >>> import mlefast
    >>> result = mlefast.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], names=["hour"])
    >>> ax = result.plot.coefficients()
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['hour']
    """

    result: Result

    def coefficients(self, terms: Sequence[str] | None = None, *, alpha: float = 0.05, ax: Axes | None = None) -> Axes:
        """Estimates with Wald intervals, a row for each term and for categorical a colour for each class.

        Parameters
        ----------
        terms : sequence of str, optional
            Which ones, in this order; default: all but the intercept and shape parameters, whose units are others.
        alpha : float, default 0.05
            One minus the coverage of the intervals.
        ax : matplotlib Axes, optional
            Default: those of a new figure.

        Returns
        -------
        Axes
            Infinite coefficients are arrows at the edge; estimates without an interval are hollow; what is not
            determined says so.

        Raises
        ------
        OptionError
            If a term is unknown, or none is left.
        MissingPackageError
            If matplotlib is not installed.
        """
        result = self.result
        chosen = _terms(result, terms)
        with np.errstate(invalid="ignore"):  # of infinite coefficients
            interval = result.conf_int(alpha)
        others = () if result.params.ndim == 1 or result.classes is None else result.classes[1:]
        classes = [shorten(str(label)) for label in others]
        ax = _axes(ax, _height(len(chosen), len(classes)))
        names = [shorten(result.names[j]) for j in chosen]
        draw.coefficients(ax, names, result.params[..., chosen], interval[..., chosen, :], classes)
        ax.set_xlabel(f"{_CHANGES.get(result.link, 'coefficient')}\n({100 * (1 - alpha):.12g} % intervals)")
        ax.set_title(_title(result), loc="left", fontsize="medium", parse_math=False)
        return ax

    def trace(self, *, ax: Axes | None = None) -> Axes:
        """How the search came to the maximum: the distance to it, in standard errors, after each pass over the data.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Default: those of a new figure.

        Returns
        -------
        Axes
            On a logarithmic axis the upper bounds that the search knew (the Newton decrement), the estimate with the
            distance of its certificate, and what was asked for. Distances below 1e-17 are drawn there.

        Raises
        ------
        OptionError
            If the result has no trace, as Laplace has none.
        MissingPackageError
            If matplotlib is not installed.
        """
        result = self.result
        if not result.trace:
            raise OptionError(
                f"trace: this {result.likelihood} fit has no search by passes that could be drawn. See "
                "result.certificate for how far the estimate is from the maximum."
            )
        ax = _axes(ax)
        passes, distances = np.array([[state.passes, state.distance] for state in result.trace]).T
        end = float(result.passes), result.certificate.distance
        draw.trace(ax, passes, distances, end, result.certificate.tol)
        ax.set_title(f"{result.solver}, {result.nobs:.15g} observations", loc="left", fontsize="medium")
        return ax

    def profile(self, profile: Profile, parameter: str | None = None, *, ax: Axes | None = None) -> Axes:
        """The profile of the likelihood in one parameter, beside the parabola that Wald's interval takes it for.

        Parameters
        ----------
        profile : Profile
            What `mlefast.profile` has found for this result.
        parameter : str, optional
            Which of its parameters; not needed if it has one.
        ax : matplotlib Axes, optional
            Default: those of a new figure.

        Returns
        -------
        Axes
            Twice the drop of the (penalised) log-likelihood by the value of the parameter. Points were computed, the
            line between them is interpolated in the root of the drop. The interval ends where the drop reaches the
            horizontal line.

        Raises
        ------
        OptionError
            If the parameter is unknown or must be named, is not determined, or the profile is of another fit.
        MissingPackageError
            If matplotlib is not installed.
        """
        from scipy.special import chdtri

        k = _position(profile, parameter)
        name, curve = profile.names[k], profile.curves[k]
        if not len(curve):
            raise OptionError(f"profile: {name} is not determined by the data, so it has no profile.")
        labels = self.result.parameter_names
        if name not in labels:
            raise OptionError(f"profile: this fit has no parameter {name!r}. Give the profile of this result.")
        ax = _axes(ax)
        error = float(self.result.bse.ravel()[labels.index(name)])
        lower, upper = profile.intervals[k].tolist()
        draw.profile(ax, curve, (lower, upper), float(chdtri(1.0, profile.alpha)), error)
        ax.set_xlabel(f"coefficient of {shorten(name)}", parse_math=False)
        penalised = "" if self.result.penalty is None else "penalised "
        ax.set_ylabel(f"twice the drop of the {penalised}log-likelihood")
        ends = f"[{lower:.4g}, {upper:.4g}]"
        ax.set_title(f"{100 * (1 - profile.alpha):.12g} % interval {ends}", loc="left", fontsize="medium")
        return ax

    def calibration(self, X: Any, y: Any, *, ax: Axes | None = None, **data: Any) -> Axes:
        """Whether y is on average what the fit says: averages of y and of the fitted means in deciles of the latter.

        Parameters
        ----------
        X, y
            As in the call of `fit` that made the result; for a formula X is the table.
        ax : matplotlib Axes, optional
            Default: those of a new figure.
        **data
            weights, offset, exposure, missing and threads, as in that call.

        Returns
        -------
        Axes
            Points on the diagonal are right. For Bernoulli with 95 % intervals of an average, from the fitted means.

        Raises
        ------
        DataError
            If these are not the data of the fit.
        OptionError
            If the likelihood is Laplace or categorical.
        MissingPackageError
            If matplotlib is not installed.
        """
        from .diagnostics import diagnose

        groups = diagnose(self.result, X, y, top=0, **data).calibration
        if groups is None:
            raise OptionError(f"calibration: not for the {self.result.likelihood} likelihood.")
        ax = _axes(ax)
        bernoulli = self.result.likelihood == "bernoulli"
        spread = np.sqrt(groups.fitted * (1.0 - groups.fitted) / groups.counts) if bernoulli else None
        draw.calibration(ax, groups.fitted, groups.observed, spread)
        ax.set_xlabel("average of the fitted means" + bernoulli * " (probabilities)")
        ax.set_ylabel(f"average of {_title(self.result)}", parse_math=False)
        return ax

    def residuals(self, X: Any, y: Any, *, ax: Axes | None = None, **data: Any) -> Axes:
        """Quantile residuals by fitted means: standard normal, whatever the likelihood, if the model is right.

        Parameters
        ----------
        X, y, ax, **data
            As in `calibration`.

        Returns
        -------
        Axes
            19 of 20 points should lie between the dotted lines, and the averages of 20 groups of rows near zero at all
            fitted means. Of more than 100,000 rows some are drawn; all count in the averages.

        Raises
        ------
        DataError
            If these are not the data of the fit.
        OptionError
            If the likelihood has no such residuals.
        MissingPackageError
            If matplotlib is not installed.

        References
        ----------
        Dunn and Smyth, Journal of Computational and Graphical Statistics 5 (1996).
        """
        from .diagnostics import residuals

        result = self.result
        values = residuals(result, X, y, kind="quantile", **data)
        fitted = result.predict(X, offset=_known(data.get("offset"), data.get("exposure")))
        known = np.isfinite(values) & np.isfinite(fitted)
        ax = _axes(ax)
        draw.residuals(ax, fitted[known], values[known])
        if result.link == "log":
            ax.set_xscale("log")
        ax.set_xlabel(f"fitted mean of {_title(result)}", parse_math=False)
        ax.set_ylabel("quantile residual")
        ax.set_title("standard normal if the model is right", loc="left", fontsize="medium")
        return ax

    def leverage(self, X: Any, y: Any, *, ax: Axes | None = None, **data: Any) -> Axes:
        """Which rows determine the fit: standardised residuals by leverages.

        Parameters
        ----------
        X, y, ax, **data
            As in `calibration`.

        Returns
        -------
        Axes
            Areas grow with Cook's distances, and the five largest have the number of their row, from 0. The dashed line
            is twice the average leverage. Of more than 100,000 rows some are drawn, these five always.

        Raises
        ------
        DataError
            If these are not the data of the fit.
        OptionError
            If rows have no leverage in such a fit.
        MissingPackageError
            If matplotlib is not installed.

        References
        ----------
        Cook, Technometrics 19 (1977).
        """
        from .diagnostics import influence

        found = influence(self.result, X, y, **data)
        columns = found.leverages, found.standardised_residuals, found.cooks_distances
        known = np.isfinite(columns).all(axis=0)
        ax = _axes(ax)
        draw.leverage(ax, found.rows[known], *(column[known] for column in columns))
        ax.set_xlabel("leverage (share of its own fit that a row determines)")
        ax.set_ylabel("standardised residual")
        return ax


def _known(offset: Any, exposure: Any) -> Any:
    """The known part of the linear predictor."""
    if exposure is None:
        return offset
    return np.log(np.asarray(exposure, dtype=np.float64)) + (0.0 if offset is None else np.asarray(offset))


def as_svg(draw_into: Callable[..., object], terms: int = 0, classes: int = 0) -> bytes:
    """A picture as SVG, without a window and always the same; with room for as many terms if there are any."""
    require_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, _height(terms, classes) if terms else _HEIGHT), layout="constrained")
    # text stays text: a browser has letters that the fonts of matplotlib lack
    options: Any = {"svg.fonttype": "none", "svg.hashsalt": "mlefast"}
    file = io.BytesIO()
    # about such letters, and names that leave little room
    with matplotlib.rc_context(options), warnings_as("ignore", UserWarning):
        draw_into(ax=figure.add_subplot())
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def require_matplotlib() -> None:
    """MissingPackageError if matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingPackageError('Pictures need matplotlib: pip install "mlefast[plot]".')


def _height(terms: int, classes: int) -> float:
    """Inches for a row per term."""
    return 1.2 + _ROW * terms * max(1.0, 0.4 * classes)


def _axes(ax: Any, height: float = _HEIGHT) -> Any:
    """The Axes to draw into."""
    if ax is not None:
        return ax
    require_matplotlib()
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(_WIDTH, height), layout="constrained")[1]


def _title(result: Result) -> str:
    """What the coefficients are about."""
    if result.classes is None:
        return shorten(result.response)
    if result.params.ndim > 1:
        return f"{shorten(result.response)}, against {shorten(str(result.classes[0]))}"
    return f"{shorten(result.response)} = {shorten(str(result.classes[-1]))}"


def _terms(result: Result, terms: Sequence[str] | None) -> list[int]:
    """Positions of the terms to draw."""
    shapes = len(result.family.estimated)
    if terms is None:
        chosen = list(range(int(result.intercept), len(result.names) - shapes))
        if not chosen:
            raise OptionError('coefficients: the model has no columns. To draw the intercept give terms=["Intercept"].')
        return chosen
    asked = [terms] if isinstance(terms, str) else list(terms)
    for name in asked:
        if name not in result.names:
            raise OptionError(f"terms: {name!r} is unknown; the fit has {', '.join(result.names[:8])}.")
    if not asked:
        raise OptionError("terms is empty. Name the terms to draw, or leave it out.")
    return [result.names.index(name) for name in asked]


def _position(profile: Profile, parameter: str | None) -> int:
    if parameter is None and len(profile.names) == 1:
        return 0
    if parameter not in profile.names:
        said = "must be named" if parameter is None else f"{parameter!r} is unknown"
        raise OptionError(f"parameter: {said}; the profile has {', '.join(profile.names[:8])}.")
    return profile.names.index(parameter)
