# SPDX-License-Identifier: BSD-3-Clause
"""Existence of the maximum from what the passes of the fit have found already, without one more.

For a self-concordant loss (|d3| <= d2, and d2 <= |d1| towards open sides) the condition of separation.py holds if the
Newton step v = -H^-1 g moves no linear predictor by 1. By Cauchy and Schwarz (x_i'v)^2 <= v'H v R, where R is the reach
sum_i 1 / (w_i d2_i), so it holds if decrement^2 R < 1.

Near the maximum H is that of a point b0 nearby. Let r = |b - b0| in the norm of H0. On the way from b0 to b a row's d2
falls by exp(|x_i'(b - b0)|) at most. Either that move is at most 1, or w_i d2_i at b0 is less than r^2 (Cauchy and
Schwarz again) while at b it is at least 1 / R. So no d2 falls by more than a factor F = max(e, R r^2), H >= H0 / F, and
the decrement is at most sqrt(F) times what H0 says.
"""

from __future__ import annotations

import math


def reach_margin(decrement: float, reach: float, moved: float, rounding: float) -> float:
    """One less an upper bound of how far the Newton step moves any linear predictor; positive proves existence.

    `decrement` comes from the gradient here and the information of a point that lies `moved` standard errors away, or
    of this one; `rounding` is what rounding may add to it.
    """
    fall = max(math.e, reach * moved * moved) if moved > 0.0 else 1.0
    return 1.0 - (decrement + rounding) * math.sqrt(reach * fall)
