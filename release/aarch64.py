# SPDX-License-Identifier: BSD-3-Clause
"""Cross-build the wheel for Linux on ARM64 and run its tests, emulated: `make wheel-aarch64`.

The Python is the one of tests/aarch64.sh. Programs that it starts run natively, except itself.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from make_wheel import PATH, ROOT, make_sdist, make_wheel, packages, run


def main(python: Path) -> None:
    """Make and try with the emulated Python; repair and audit with the tools of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        strip = shutil.which("aarch64-linux-gnu-strip")
        assert strip is not None, "tests/aarch64.sh installs it"
        (work / "bin").mkdir()
        (work / "bin" / "strip").symlink_to(strip)
        libraries = python.parent.parent / "root" / "usr" / "lib" / "aarch64-linux-gnu"
        wheel = make_wheel(make_sdist(work), work, python, f"{work / 'bin'}:{PATH}", libraries)
        installed = work / "installed"
        binary = ["--only-binary", ":all:"]
        run(python, "-m", "pip", "install", "--quiet", *binary, "--target", installed, wheel, *packages())
        run(python, ROOT / "release" / "installed.py", cwd=work, pythonpath=str(installed))
    print(f"{wheel.relative_to(ROOT)} works, emulated")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
