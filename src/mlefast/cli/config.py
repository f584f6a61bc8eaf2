# SPDX-License-Identifier: BSD-3-Clause
"""`mlefast config`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mlefast.config import show_config

from .messages import say

if TYPE_CHECKING:
    import click


def config_command() -> click.Command:
    """The command; click is imported only when the command line runs."""
    import click

    @click.command()
    @click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
    def config(as_json: bool) -> int:
        """Print the instruction set, threads and versions in use, and why."""
        facts = show_config()
        say(json.dumps(facts.as_dict(), indent=2) if as_json else str(facts))
        return 0

    return config
