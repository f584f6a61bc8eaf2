# SPDX-License-Identifier: BSD-3-Clause
"""The extensions, which TOML cannot describe: one pass per instruction set, from one source.

MLEFAST_DEBUG=1 turns Cython's checks of bounds on; MLEFAST_SANITIZE=1 builds with AddressSanitizer and
UndefinedBehaviorSanitizer (GCC or Clang); MLEFAST_OPENMP=0 builds without OpenMP, for one thread.
"""

import os
import platform
import sys
import sysconfig
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

sys.path.insert(0, "release")
from sdist import ReproducibleSdist

CORE = Path("src/mlefast/_core")
DEBUG = os.environ.get("MLEFAST_DEBUG") == "1"
SANITIZE = os.environ.get("MLEFAST_SANITIZE") == "1"
OPENMP = os.environ.get("MLEFAST_OPENMP") != "0"
MSVC = sys.platform == "win32"
MACOS = sys.platform == "darwin"
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
# One wheel for every CPython from 3.11 on. It costs about 3 us of the 45 that an evaluation of 100 x 5 takes, and
# nothing that can be measured of a fit of 1,000 x 10. Free-threaded Python has no stable ABI yet.
STABLE_ABI = not (FREE_THREADED or DEBUG or SANITIZE)
# The switches change no file times, so what they build must not lie where an ordinary build looks for its own.
BUILD = "build" + "/debug" * DEBUG + "/sanitize" * SANITIZE + "/serial" * (not OPENMP)

if MSVC:
    COMPILE, LINK = ["/O2"], []
    LEVELS = {"base": [], "v3": ["/arch:AVX2"], "v4": ["/arch:AVX512"]}
else:
    COMPILE, LINK = ["-O3", "-ffp-contract=fast", "-fno-math-errno", "-g0"], []
    LEVELS = {
        "base": [],
        "v3": ["-march=x86-64-v3"],
        "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
    }
if platform.machine().lower() not in ("x86_64", "amd64") or MACOS:
    LEVELS = {"base": []}
if SANITIZE:
    COMPILE = ["-O1", "-g", "-ffp-contract=fast", "-fno-omit-frame-pointer"]
    # Python's own -fwrapv would define signed overflow, which then is not reported
    COMPILE += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-wrapv"]
    LINK = ["-fsanitize=address,undefined"]
if OPENMP and MSVC:
    COMPILE += ["/openmp"]  # not /openmp:llvm, whose runtime must not be passed on
elif OPENMP and MACOS:
    # Apple's clang has OpenMP without a runtime; libomp is found by CPPFLAGS and LDFLAGS of the one who builds
    COMPILE, LINK = [*COMPILE, "-Xpreprocessor", "-fopenmp"], [*LINK, "-lomp"]
elif OPENMP:
    COMPILE, LINK = [*COMPILE, "-fopenmp"], [*LINK, "-fopenmp"]

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "nonecheck": DEBUG,
    "cdivision": True,
    "freethreading_compatible": True,
}
SOURCES = sorted(str(path) for kind in ("*.pxi", "*.pxd", "include/**/*.h") for path in CORE.glob(kind))


def extension(name: str, flags: list[str]) -> Extension:
    """One compiled module of the core."""
    return Extension(
        f"mlefast._core.{name}",
        [str(CORE / f"{name}.pyx")],
        include_dirs=[str(CORE / "include")],
        depends=[*SOURCES, "setup.py"],
        define_macros=[("Py_LIMITED_API", "0x030B0000")] if STABLE_ABI else [],
        py_limited_api=STABLE_ABI,
        extra_compile_args=[*COMPILE, *flags],
        extra_link_args=LINK,
    )


modules = [extension("_probe", []), *(extension(f"_pass_{isa}", flags) for isa, flags in LEVELS.items())]
setup(
    cmdclass={"sdist": ReproducibleSdist},
    ext_modules=cythonize(modules, build_dir=f"{BUILD}/cython", compiler_directives=DIRECTIVES),
    options={
        "build": {"build_base": BUILD},
        "build_ext": {"parallel": os.cpu_count() or 1},
        "bdist_wheel": {"py_limited_api": "cp311"} if STABLE_ABI else {},
    },
)
