# SPDX-License-Identifier: BSD-3-Clause
"""A likelihood from scratch: Weibull survival times with censoring, and the full summary.

y holds the time, negative where the observation ended before the event (right censoring). With the shape k the hazard
integrated up to time t is (t / exp(eta))^k; what a row contributes is that, less the log-density's other terms if the
event was seen.
"""

import numpy as np

import mlefast


def weibull(eta, y, log_k):
    k, time, seen = np.exp(log_k), np.abs(y), y > 0
    hazard = np.exp(k * (np.log(time) - eta))
    nll = hazard - seen * (log_k + k * (np.log(time) - eta) - np.log(time))
    return nll, k * (seen - hazard), k**2 * hazard


rng = np.random.default_rng(0)
age, treated = rng.uniform(40, 80, 5000), rng.random(5000) < 0.5
time = np.exp(6.0 - 0.05 * age + 0.4 * treated) * rng.weibull(1.5, 5000)
end = rng.uniform(5, 60, 5000)
y = np.where(time < end, time, -end)

result = mlefast.fit(
    np.column_stack([age, treated]),
    y,
    likelihood=mlefast.UserLikelihood(weibull, parameters={"log(k)": 0.0}, name="weibull"),
    names=["age", "treated"],
)
print(result.summary())
