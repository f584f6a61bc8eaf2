# SPDX-License-Identifier: BSD-3-Clause
"""The certificate's bound for rounding, against gradients and maxima in 50 digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import mlefast
from mlefast.likelihoods import find_likelihood
from mlefast.model import specify
from mlefast.observations import observe

from .conftest import LOSSES, exactly
from .references import negative_binomial, student_t
from .test_conditioning import draw


@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson", "gaussian"])
@pytest.mark.parametrize("size", [1.0, 30.0])
def test_the_gradient_is_as_exact_as_the_bound_says(likelihood, size):
    rng = np.random.default_rng(11)
    x = rng.standard_normal((400, 4)) + np.array([0.0, 1.0, 100.0, 1e4])
    params = np.array([0.2, 0.3, -0.2, 0.1, 0.05]) * (size if likelihood == "gaussian" else 1.0)
    y = draw(likelihood, params[0] + (x - x.mean(axis=0)) @ params[1:], rng)
    family = find_likelihood(likelihood)
    model = specify(observe(x, y, family), family, True, 1)
    objective = model.objective()
    moments = objective.moments(params)
    centre, scale = exactly(model.space.centre), exactly(model.space.scale)
    with mp.workdps(50):
        rows = [[mpf(1), *((v - c) * s for v, c, s in zip(exactly(r), centre, scale, strict=True))] for r in x]
        beta = exactly(params)
        slopes = [LOSSES[likelihood](mp.fdot(r, beta), v)[1] for r, v in zip(rows, exactly(y), strict=True)]
        precision = 1 / mpf(moments.scale) ** 2
        wanted = [precision * mp.fdot(slopes, column) for column in zip(*rows, strict=True)]
        errors = np.array([float(abs(mpf(float(g)) - w)) for g, w in zip(moments.gradient, wanted, strict=True)])
    bound = objective.rounding(params, moments, moments.hessian.diagonal())
    assert (errors <= bound).all()
    assert (bound <= 1e-9 * np.sqrt(moments.hessian.diagonal())).all()  # which are one over standard errors


@pytest.mark.parametrize("likelihood", ["negative_binomial", "student_t"])
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_so_it_is_with_shape_parameters(likelihood, size):
    """Counts up to some 10,000; errors of that size."""
    rng = np.random.default_rng(12)
    x = rng.standard_normal((400, 2)) + np.array([0.0, 100.0])
    eta = 0.2 * x[:, 0] - 0.1 * (x[:, 1] - 100.0)
    if likelihood == "negative_binomial":
        y = rng.poisson(rng.gamma(2.0, size * np.exp(eta) / 2.0)).astype(float)
    else:
        y = size * (eta + rng.standard_t(3.0, 400))
    family, density = find_likelihood(likelihood), {"negative_binomial": negative_binomial, "student_t": student_t()}
    model = specify(observe(x, y, family), family, True, 1)
    objective = model.objective()
    params = model.coordinates.from_user(mlefast.fit(x, y, likelihood=likelihood).params)
    moments = objective.moments(params)
    centre, scale = exactly(model.space.centre), exactly(model.space.scale)
    h = mpf(10) ** -25
    with mp.workdps(70):
        rows = [[mpf(1), *((v - c) * s for v, c, s in zip(exactly(r), centre, scale, strict=True))] for r in x]
        at, labels = exactly(params), exactly(y)

        def loss(j, by):
            there = [p + by * (i == j) for i, p in enumerate(at)]
            return mp.fsum(
                density[likelihood]([mp.fdot(r, there[:3])], there[3:], v) for r, v in zip(rows, labels, strict=True)
            )

        wanted = [(loss(j, h) - loss(j, -h)) / (2 * h) for j in range(len(at))]
        errors = np.array([float(abs(mpf(float(g)) - w)) for g, w in zip(moments.gradient, wanted, strict=True)])
    bound = objective.rounding(params, moments, moments.hessian.diagonal())
    assert (errors <= bound).all()
    assert (bound <= 1e-9 * np.sqrt(moments.hessian.diagonal())).all()


@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson", "gaussian"])
@pytest.mark.parametrize("tol", [1e-2, 1e-6, 1e-11])
@pytest.mark.parametrize("apart", [1.0, 1e-3, 1e-6])
def test_the_true_distance_is_what_the_certificate_says(likelihood, tol, apart, reference):
    rng = np.random.default_rng(5)
    z = rng.standard_normal((100, 2))
    x = np.column_stack([z[:, 0], z[:, 0] + apart * z[:, 1]])
    y = draw(likelihood, 0.5 + 0.6 * z[:, 0] - 0.4 * z[:, 1], rng)
    result = mlefast.fit(x, y, likelihood=likelihood, tol=tol)
    exact, inverse, loss = reference(np.column_stack([np.ones(100), x]), y, LOSSES[likelihood], start=result.params)
    variance = 2 * loss / 100 if likelihood == "gaussian" else mpf(1)
    off = [abs(mpf(float(b)) - exact[j]) / mpmath.sqrt(variance * inverse[j, j]) for j, b in enumerate(result.params)]
    certificate = result.certificate
    assert certificate.met and certificate.distance + certificate.rounding <= tol
    # the certificate is of second order: it may miss the square of the distance
    assert float(max(off)) <= 1.1 * certificate.distance + certificate.rounding + certificate.distance**2


def test_a_tolerance_below_rounding_is_not_met_and_the_warning_says_so():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((200, 3))
    y = rng.random(200) < 0.4
    with pytest.warns(mlefast.ConvergenceWarning, match="rounding, which may account for .*Raise tol"):
        result = mlefast.fit(x, y, tol=1e-15)
    assert not result.certificate.met and result.certificate.distance <= 1e-15 < result.certificate.rounding
    assert "+-" in result.summary().as_text() if hasattr(result.summary(), "as_text") else "+-" in str(result.summary())
