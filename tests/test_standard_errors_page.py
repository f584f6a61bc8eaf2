# SPDX-License-Identifier: BSD-3-Clause
"""docs/standard-errors.md: every row of its tables gives the numbers of the program it names.

Numbers of R 4.2.2 (sandwich 3.0.2, survey 4.1.1), pyfixest 0.60.0 and glum 3.4.1 for statsmodels' data; statsmodels is
called. Stata's are those of R where its manual has the same formula.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm

import mlefast

PAGE = (Path(__file__).parent.parent / "docs" / "standard-errors.md").read_text()
LEAST = {
    "vcov(lm(y ~ X))": "8.41337092094e+00 5.51883241517e-03 2.42282507390e-02",
    "vcovHC(lm(y ~ X))": "1.25800943937e+01 7.11115725569e-03 5.82754256943e-02",
    'vcovHC(lm(y ~ X), type = "HC1")': "1.04273740095e+01 6.77807578593e-03 4.88968843954e-02",
    "vcovCL(lm(y ~ X), cluster = ~firm)": "1.81362799927e+01 1.62004454371e-02 8.54778168847e-02",
    "vcovCL(lm(y ~ X), cluster = ~firm + year)": "1.74239918429e+01 1.66764707346e-02 8.00812066693e-02",
    "vcov(lm(y ~ X, weights = w))": "9.38251790371e+00 6.69673644912e-03 2.52847544974e-02",
    "vcovHC(lm(y ~ X, weights = w))": "1.86143154712e+01 7.30712967817e-03 7.00248097958e-02",
    "regress y X, vce(hc2)": "1.13979089838e+01 6.91607472547e-03 5.31008196995e-02",
    'feols("y ~ X", vcov="iid")': "8.41337092094 0.00551883241517 0.024228250739",
    'feols("y ~ X", vcov="hetero")': "10.4273740095 0.00677807578593 0.0488968843954",
    'feols("y ~ X", vcov="HC3")': "12.6667550812 0.00716014399275 0.058676868505",
    'feols("y ~ X", vcov={"CRV1": "firm"})': "18.1362799927 0.0162004454371 0.0854778168847",
}
LEAST |= {
    "regress y X": LEAST["vcov(lm(y ~ X))"],
    "regress y X, vce(robust)": LEAST['vcovHC(lm(y ~ X), type = "HC1")'],
    "regress y X, vce(hc3)": LEAST["vcovHC(lm(y ~ X))"],
    "regress y X, vce(cluster firm)": LEAST["vcovCL(lm(y ~ X), cluster = ~firm)"],
}
LOGIT = {
    "vcov(glm(y ~ X, binomial))": "2.12658885046e-01 3.89750001615e-03 1.27273283475e-02",
    "vcov(glm(y ~ X, binomial(probit)))": "1.28445582396e-01 2.38054737606e-03 7.65968530599e-03",
    "sandwich(glm(y ~ X, binomial))": "2.10487123151e-01 3.80974750826e-03 1.26491496418e-02",
    "vcovHC(glm(y ~ X, binomial))": "2.10659014676e-01 3.81238635153e-03 1.26600269972e-02",
    "vcovCL(glm(y ~ X, binomial), cluster = ~job)": "3.50236429410e-01 2.78068014188e-03 2.97645329678e-02",
    'vcovCL(glm(y ~ X, binomial), cluster = ~job, type = "HC1")': "3.50291467743e-01 2.78111711527e-03 2.97692103518e-02",
    "svyglm(y ~ X, svydesign(~1, weights = ~w), quasibinomial)": "2.64732740187e-01 4.61760952549e-03 1.53837930731e-02",
    "std_errors(X, y, robust=True)": "0.210536737088 0.00381064550415 0.0126521311739",
}
LOGIT |= {
    "logit y X": LOGIT["vcov(glm(y ~ X, binomial))"],
    "logit y X, vce(cluster job)": LOGIT["vcovCL(glm(y ~ X, binomial), cluster = ~job)"],
    "svyset [pweight = w]": LOGIT["svyglm(y ~ X, svydesign(~1, weights = ~w), quasibinomial)"],
    # HC0 times n / (n - 1)
    "logit y X, vce(robust)": " ".join(
        str(float(error) * (6366 / 6365) ** 0.5) for error in LOGIT["sandwich(glm(y ~ X, binomial))"].split()
    ),
}


def least_squares() -> dict[str, object]:
    table = sm.datasets.grunfeld.load_pandas().data
    names = {"X": table[["value", "capital"]], "y": table["invest"], "firm": table["firm"], "year": table["year"]}
    return names | {"w": table["year"] - 1934.0, "wanted": LEAST}


def logistic_regression() -> dict[str, object]:
    table = sm.datasets.fair.load_pandas().data
    names = {"X": table[["age", "educ"]], "y": (table["affairs"] > 0).astype(float), "job": table["occupation"]}
    return names | {"w": table["yrs_married"], "wanted": LOGIT}


def rows(name: str) -> list[tuple[str, str, str]]:
    table = PAGE.split(f"<!-- table: {name} -->\n")[1].split("\n\n")[0]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in table.splitlines()[2:]]


@pytest.mark.parametrize("data", [least_squares, logistic_regression])
def test_the_tables(data) -> None:
    names = data()
    wanted, found = names.pop("wanted"), rows(data.__name__.replace("_", " "))
    design = sm.add_constant(names["X"])
    names |= {"n": len(design), "p": 3, "sqrt": np.sqrt, "Bernoulli": mlefast.Bernoulli}
    names |= {"fit": lambda *args, **options: mlefast.fit(*args, tol=1e-10, **options)}
    theirs = {"C": design} | {name: getattr(sm, name) for name in ("OLS", "WLS", "GLM", "Logit")}
    for program, call, ours in found:
        calls, codes = re.findall("`([^`]+)`", call), re.findall("`([^`]+)`", ours)
        if program == "statsmodels":
            quiet = calls[0].replace(".fit(", ".fit(disp=False, tol=1e-12, " if "Logit" in calls[0] else ".fit(")
            bse = np.asarray(eval(quiet, names | theirs).bse)
        else:
            bse = np.array(wanted[calls[0]].split(), float)
        factor = eval(codes[1], dict(names)) if len(codes) > 1 else 1.0
        error = eval(codes[0], dict(names)).bse * factor
        np.testing.assert_allclose(error, bse, rtol=2e-8, err_msg=f"{program}: {call}")
    named = {re.findall("`([^`]+)`", call)[0] for program, call, _ in found if program != "statsmodels"}
    assert named == set(wanted)
