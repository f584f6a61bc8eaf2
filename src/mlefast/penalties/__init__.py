# SPDX-License-Identifier: BSD-3-Clause
"""What may be added to the negative log-likelihood: penalties, which are priors of the coefficients."""

from .base import Penalty, read_penalty
from .firth import Firth
from .ridge import Ridge

__all__ = ["Firth", "Penalty", "Ridge", "read_penalty"]
