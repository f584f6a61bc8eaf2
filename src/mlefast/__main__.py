# SPDX-License-Identifier: BSD-3-Clause
"""`python -m mlefast` is the command line."""

import sys

from .cli import main

sys.exit(main())
