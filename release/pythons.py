# SPDX-License-Identifier: BSD-3-Clause
"""The CPythons of this machine that a wheel serves."""

from __future__ import annotations

import glob
import json
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

OLDEST = (3, 11)
ASK = """
import json, platform, sys, sysconfig
threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
print(json.dumps([platform.python_implementation(), sys.version_info[:3], threaded, sys.executable]))
"""


@dataclass(frozen=True, order=True)
class Python:
    """A CPython: its version, whether it is free-threaded, and where it is."""

    version: tuple[int, ...]
    free_threaded: bool
    path: str

    def __str__(self) -> str:
        """As in the names of programs, 3.14t."""
        return ".".join(map(str, self.version)) + "t" * self.free_threaded


def found() -> list[Python]:
    """One for each version, from the path and from pyenv; also where HOME is not that of the user."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    homes = {os.environ.get("HOME", ""), pwd.getpwuid(os.getuid()).pw_dir}
    roots = [os.environ.get("PYENV_ROOT", ""), *(f"{home}/.pyenv" for home in sorted(homes))]
    patterns = [f"{folder}/python3.[0-9]*" for folder in folders if folder]
    patterns += [f"{root}/versions/*/bin/python3" for root in roots if root]
    programs = [path for pattern in patterns for path in sorted(glob.glob(pattern)) if not path.endswith("-config")]
    unique: dict[str, Python] = {}
    for program in programs:
        python = _ask(program)
        if python is not None:
            unique.setdefault(str(python), python)
    return sorted(unique.values())


def _ask(program: str) -> Python | None:
    """What a program says of itself; None if it is no CPython that is served, or does not answer."""
    done = subprocess.run([program, "-Ic", ASK], capture_output=True, text=True, check=False)
    if done.returncode or not Path(program).is_file():
        return None
    implementation, version, free_threaded, path = json.loads(done.stdout)
    if implementation != "CPython" or tuple(version[:2]) < OLDEST:
        return None
    return Python(tuple(version), free_threaded, path)


if __name__ == "__main__":
    for python in found():
        print(python, python.path)
