# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import pickle

import dask
import dask.array as da
import numpy as np
import pytest

import distributed
import mlefast
from mlefast import _core
from mlefast.data import MemoryDesign
from mlefast.data import distributed as partitions
from mlefast.data import tasks as dask_tasks
from mlefast.data.distributed import DaskDesign, read_partitions
from mlefast.objective import rows_of

LAYOUTS = {"one": (4000,), "three": (1500, 500, 2000), "seven": (0, 1000, 1, 999, 0, 1700, 300)}


def data(seed=0, n=4000, p=3):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * [1.0, 10.0, 0.1] + [0.0, 100.0, 5.0]
    eta = 0.3 + (X - [0.0, 100.0, 5.0]) @ [0.5, -0.05, 3.0]
    return rng, X, eta


def response(likelihood, rng, eta):
    if likelihood == "bernoulli":
        return rng.random(len(eta)) < 1 / (1 + np.exp(-eta))
    if likelihood == "poisson":
        return rng.poisson(np.exp(eta))
    if likelihood == "negative_binomial":
        return rng.negative_binomial(2.0, 2.0 / (2.0 + np.exp(eta)))
    if likelihood == "categorical":
        return np.array(["a", "b", "c"])[
            np.argmax(rng.gumbel(size=(len(eta), 3)) + np.outer(eta, [0.0, 1.0, -0.5]), axis=1)
        ]
    return eta + rng.standard_normal(len(eta))


LIKELIHOODS = ["bernoulli", "poisson", "gaussian", "categorical", "negative_binomial", "laplace"]


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_workers_give_the_numbers_of_memory(client, same_numbers, likelihood) -> None:
    rng, X, eta = data()
    y = response(likelihood, rng, eta)
    found = mlefast.fit(chunked(X), chunked(y), likelihood=likelihood)
    same_numbers(found, mlefast.fit(X, y, likelihood=likelihood))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_partitions_give_the_numbers_of_memory(same_numbers, likelihood, layout) -> None:
    rng, X, eta = data()
    y = response(likelihood, rng, eta)
    rows = LAYOUTS[layout]
    found = mlefast.fit(da.from_array(X, chunks=(rows, 2)), da.from_array(y, chunks=(rows,)), likelihood=likelihood)
    same_numbers(found, mlefast.fit(X, y, likelihood=likelihood))


def chunked(values, rows=(1500, 500, 2000)):
    return da.from_array(values, chunks=(rows, *values.shape[1:]))


def test_the_same_partitions_give_the_same_bits(scheduler) -> None:
    rng, X, eta = data()
    X, y = chunked(X, LAYOUTS["seven"]), response("bernoulli", rng, eta)
    first, second = (mlefast.fit(X, y) for _ in range(2))
    for name in ("params", "bse"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.llf == second.llf


def test_threads_and_workers_give_the_same_bits(client) -> None:
    rng, X, eta = data()
    X, y = chunked(X), response("poisson", rng, eta)
    on_workers = mlefast.fit(X, y, likelihood="poisson")
    with dask.config.set(scheduler="threads"):
        in_threads = mlefast.fit(X, y, likelihood="poisson")
    np.testing.assert_array_equal(on_workers.params, in_threads.params)


@pytest.mark.parametrize("covariance", ["HC1", "HC3", "cluster", "two-way", "expected"])
def test_robust_errors_of_gaps_weights_and_offsets(scheduler, same_numbers, covariance) -> None:
    rng, X, eta = data()
    y = response("poisson", rng, eta).astype(float)
    X[[3, 1600]], y[[10, 3999]] = np.nan, np.nan
    given = {"weights": rng.integers(0, 3, len(y)), "offset": rng.normal(size=len(y)) / 10}
    if covariance in ("cluster", "two-way"):
        given["groups"] = rng.integers(0, [40, 9], (len(y), 2))[:, : 1 + (covariance == "two-way")]
        given["groups"] = given["groups"] if covariance == "two-way" else given["groups"][:, 0]
    options = {"likelihood": "poisson", "missing": "drop"}
    if covariance != "two-way":
        options["covariance"] = covariance
    found = mlefast.fit(chunked(X), chunked(y), **options, **{name: chunked(v) for name, v in given.items()})
    same_numbers(found, mlefast.fit(X, y, **options, **given))
    assert found.dropped > 0


@pytest.mark.parametrize("options", [{"covariance": "HC2"}, {"covariance": "HC3"}, {"groups": 30}])
@pytest.mark.parametrize("likelihood", ["categorical", "bernoulli", "negative_binomial"])
def test_robust_errors_come_from_where_the_rows_are(monkeypatch, same_numbers, likelihood, options) -> None:
    """Of classes too, with weights and rows that lack a value, whose groups are in some partitions only."""
    rng, X, eta = data()
    if likelihood == "categorical":
        y = np.digitize(eta + rng.logistic(size=len(eta)), [-2, 1])
    else:
        y = response(likelihood, rng, eta)
    X[7] = np.nan
    given = {"weights": rng.integers(0, 3, len(y)), "missing": "drop", "likelihood": likelihood, **options}
    if "groups" in options:
        given["groups"] = np.arange(len(y)) // (len(y) // options["groups"])
    wanted = mlefast.fit(X, y, **given)
    monkeypatch.setattr(DaskDesign, "blocks", None)
    same_numbers(mlefast.fit(chunked(X), y, **given), wanted)


def test_a_limit_of_classes_is_that_of_memory() -> None:
    """Class 2 is alone where the last column is 1, so the fit goes on among the others."""
    rng, X, eta = data()
    X = np.column_stack([X, rng.random(len(X)) < 0.2])
    y = np.where(X[:, -1] == 1.0, 2, np.digitize(eta + rng.logistic(size=len(X)), [-2, 1]))
    found, wanted = (mlefast.fit(x, y, likelihood="categorical", on_separation="ignore") for x in (chunked(X), X))
    assert wanted.separation.verdict == found.separation.verdict == "separated"
    np.testing.assert_allclose(found.llf, wanted.llf, rtol=1e-12)


def test_columns_of_single_precision_and_another_solver(scheduler) -> None:
    rng, X, eta = data()
    X, y = X.astype(np.float32), response("bernoulli", rng, eta)
    found = mlefast.fit(chunked(X), y, solver="lbfgs")
    wanted = mlefast.fit(X, y, solver="lbfgs")
    # sums in single precision depend on where the rows are cut; the certificate bounds what that may do
    assert (
        np.abs((found.params - wanted.params) / wanted.bse).max()
        <= found.certificate.distance + wanted.certificate.distance + 1e-12
    )
    assert found.certificate.met


def exponential(eta, y):
    risk = y * np.exp(-eta)
    return eta + risk, 1 - risk, risk


def test_functions_of_python_go_to_the_workers(scheduler, same_numbers) -> None:
    rng, X, eta = data()
    y = rng.exponential(np.exp(eta / 3))
    likelihood = mlefast.UserLikelihood(exponential, name="exponential", convex=True)
    same_numbers(mlefast.fit(chunked(X), y, likelihood=likelihood), mlefast.fit(X, y, likelihood=likelihood))


def test_penalties(scheduler, same_numbers) -> None:
    rng, X, eta = data()
    y = response("bernoulli", rng, eta)
    for penalty in (mlefast.Firth(), mlefast.Ridge(2.0)):
        found, wanted = mlefast.fit(chunked(X), y, penalty=penalty), mlefast.fit(X, y, penalty=penalty)
        same_numbers(found, wanted)


@pytest.mark.parametrize("likelihood", ["bernoulli", "categorical"])
def test_separated_data_are_proved_to_be_so(scheduler, likelihood) -> None:
    rng, X, _ = data(n=400)
    y = (X[:, 1] > 100.0).astype(int)
    if likelihood == "categorical":
        y = y + (X[:, 1] > 110.0)
    X = np.column_stack([X, rng.standard_normal(len(X))])
    options = {"likelihood": likelihood, "on_separation": "ignore"}
    found, wanted = (mlefast.fit(x, y, **options) for x in (chunked(X, (100, 0, 300)), X))
    assert found.separation.verdict == wanted.separation.verdict == "separated"
    np.testing.assert_array_equal(found.params, wanted.params)  # all of them infinite or 0 in the limit
    assert found.separation.columns == wanted.separation.columns


def test_columns_that_depend_on_others(scheduler) -> None:
    rng, X, eta = data()
    X, y = np.column_stack([X, X @ [1.0, 2.0, 0.0]]), response("bernoulli", rng, eta)
    with pytest.warns(mlefast.RankWarning):
        found = mlefast.fit(chunked(X), y)
    with pytest.warns(mlefast.RankWarning):
        wanted = mlefast.fit(X, y)
    (alias,) = found.aliased
    assert alias.name == "x4" and [column for column, _ in alias.combination] == ["x1", "x2"]
    np.testing.assert_allclose([factor for _, factor in alias.combination], [1.0, 2.0], rtol=1e-12)
    np.testing.assert_allclose(found.params, wanted.params, rtol=1e-11)  # refined by columns, not by squares


def test_the_likelihood_at_given_parameters(scheduler) -> None:
    rng, X, eta = data()
    y = response("bernoulli", rng, eta)
    params = [0.1, 0.2, 0.0, -0.1]
    found, wanted = mlefast.evaluate(chunked(X), y, params), mlefast.evaluate(X, y, params)
    for part, whole in zip(found, wanted, strict=True):
        np.testing.assert_allclose(part, whole, rtol=1e-12, atol=1e-12 * np.abs(whole).max())


def test_a_pass_sends_no_rows_and_moves_none(client) -> None:
    """What comes here is counted: of 4 MB of rows one sample, and sums."""
    n, p = 100_000, 5
    rng = np.random.default_rng(0)
    X = da.from_array(rng.standard_normal((n, p)), chunks=(25_000, p)).persist()
    y = rng.random(n) < 0.5
    distributed.wait(X)
    before = client.who_has(distributed.futures_of(X))
    seen = []
    plain = dask.compute

    def compute(*tasks, **options):
        answers = plain(*tasks, **options)
        seen.append(len(pickle.dumps(answers)))
        return answers

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dask, "compute", compute)
        for _ in range(3):
            result = mlefast.fit(X, y)
    sample = n // 16 * p * 8
    assert sum(seen) < 3 * (1.1 * sample + 20 * len(before) * 1000)
    assert result.passes > 3
    # each block is where it was and nowhere else, however often it has been asked
    assert client.who_has(distributed.futures_of(X)) == before


def test_what_comes_here_comes_from_workers_that_are_where_the_scheduler_is(client, monkeypatch) -> None:
    assert dask_tasks._on_one_host()
    elsewhere = {"workers": {"tcp://10.0.0.7:4000": {}, client.scheduler.address: {}}}
    monkeypatch.setattr(client, "scheduler_info", lambda: elsewhere)
    assert not dask_tasks._on_one_host()
    asked = []
    plain = dask.compute
    monkeypatch.setattr(dask, "compute", lambda *tasks, **options: asked.append(options) or plain(*tasks, **options))
    X = da.ones((64, 2), chunks=(16, 2))
    assert dask_tasks.gathered(X)[0].shape == (64, 2)
    assert asked == [{}]


def test_samples_are_the_same_rows_here_and_there(monkeypatch) -> None:
    """Those that are few come here, the others stay where they lie."""
    rng, X, eta = data()
    y = response("bernoulli", rng, eta)
    wanted = mlefast.fit(X, y)
    design = read_partitions(chunked(X, LAYOUTS["seven"]))
    here = design.every(7)
    monkeypatch.setattr(partitions, "_FEW_ELEMENTS", 0)
    there = design.every(7)
    assert isinstance(here, MemoryDesign) and isinstance(there, DaskDesign)
    assert here.rows == there.rows == len(X[::7])
    for sample in (here, there):
        np.testing.assert_array_equal(np.vstack([x for _, x in sample.blocks()]), X[::7])
        np.testing.assert_array_equal(sample.take(np.array([500, 0, 571])), X[::7][[500, 0, 571]])
    found = mlefast.fit(chunked(X), y)
    assert np.abs(found.params - wanted.params).max() <= 1e-12 * np.abs(wanted.params).max()


@pytest.mark.parametrize("few", [0, 2_000, 1 << 23])
def test_samples_of_samples(monkeypatch, few) -> None:
    """All of them there, the smaller one here, or both."""
    monkeypatch.setattr(partitions, "_FEW_ELEMENTS", few)
    rng, X, eta = data()
    y, weights = response("poisson", rng, eta).astype(float), rng.uniform(size=len(X))
    params, leaf = np.array([0.1, 0.2, 0.001, 0.1]), _core.Leaf("poisson_log")
    rows = rows_of(read_partitions(chunked(X)), y, weights, None, True).every(4).every(3)
    found = rows.evaluate(params, leaf, 1, 1)
    wanted = _core.Rows((X[::12],), y[::12], weights[::12], None, True).evaluate(params, leaf, 1, 1)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-13)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-12)


def test_columns_can_be_left_out_twice() -> None:
    _, X, _ = data(p=3)
    part = read_partitions(chunked(X)).select(np.array([True, False, True])).select(np.array([False, True]))
    np.testing.assert_array_equal(part.take(np.arange(0, 4000, 999)), X[::999, 2:])
    assert part.names == ("x3",)
