# SPDX-License-Identifier: BSD-3-Clause
"""Imports point one way, optional packages stay out of the way, and importing mlefast is cheap."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import mlefast

SOURCE = Path(__file__).parent.parent / "src" / "mlefast"
# what each floor may import of mlefast; the library never imports `reference`
ALLOWED = {
    "_core": set(),
    "errors": set(),
    "reference": set(),
    "likelihoods": {"_core", "errors"},
    "data": {"_core", "errors"},
    "penalties": {"errors", "likelihoods"},
    "objective": {"_core", "errors", "likelihoods", "data"},
    "solvers": {"errors", "objective"},
    "inference": {"errors", "objective"},
    "config": {"_core"},
    "options": {"_core", "errors"},
    "result": {
        "errors", "data", "likelihoods", "penalties", "objective", "inference", "solvers", "options", "prediction",
        "predictors", "summary", "interchange", "tidy", "plot",
    },
    "prediction": {"errors", "data", "inference", "likelihoods"},
    "predictors": {"errors", "data", "likelihoods", "options", "result"},
    "summary": {"errors", "result"},
    "interchange": {"config", "errors", "data", "inference", "likelihoods", "objective", "penalties", "solvers", "result"},
    "tidy": {"options", "result"},
    "draw": set(),
    "plot": {"draw", "errors", "diagnostics", "result", "summary", "profile_likelihood"},
    "report": {"config", "errors", "plot", "result", "summary"},
    "observations": {"_core", "errors", "data", "likelihoods", "objective", "options"},
    "evaluate": {"errors", "likelihoods", "model", "observations", "options"},
    "model": {"_core", "errors", "likelihoods", "objective", "solvers", "observations"},
    "search": {"errors", "likelihoods", "objective", "solvers", "model", "options"},
    "existence": {"objective", "solvers", "inference", "model"},
    "penalised": {"errors", "objective", "penalties", "solvers", "model", "search"},
    "refinement": {"_core", "likelihoods", "objective", "solvers", "model"},
    "sandwich": {"errors", "data", "likelihoods", "objective", "model", "options"},
    "limit": {"objective", "solvers", "inference", "model", "existence", "penalised", "refinement"},
    "assessment": {
        "data", "objective", "solvers", "inference", "model", "existence", "limit", "penalised", "refinement", "sandwich",
    },
    "advice": {"errors", "data", "result"},
    "again": {
        "_core", "errors", "likelihoods", "objective", "observations", "options", "predictors", "model", "result",
    },
    "comparison": {
        "errors", "data", "inference", "likelihoods", "objective", "observations", "options", "model", "result", "again",
    },
    "robust": {"errors", "likelihoods", "objective", "again", "result", "sandwich"},
    "profile_likelihood": {"again", "errors", "likelihoods", "objective", "penalties", "solvers", "options", "model", "result"},
    "diagnostics": {
        "_core", "again", "errors", "data", "inference", "likelihoods", "objective", "penalties", "options", "predictors",
        "result", "fit",
    },
    "quantile_fit": {"errors", "data", "likelihoods", "objective", "solvers", "inference", "model", "assessment"},
    "fit": {
        "_core", "errors", "likelihoods", "penalties", "penalised", "solvers", "observations", "options", "model", "sandwich", "assessment", "advice",
        "quantile_fit", "result",
    },
    "formula": {
        "errors", "data", "likelihoods", "penalties", "solvers", "options", "predictors", "result", "fit",
    },
    "cli": {
        "config", "errors", "data", "diagnostics", "likelihoods", "options", "penalties", "solvers", "result", "interchange", "plot",
        "report", "fit", "formula",
    },
    "__main__": {"cli"},
}  # fmt: skip
# optional packages, and the files that may import them, inside functions only
OPTIONAL = {
    "pandas": {"summary.py", "data/table.py"},
    "polars": set(),
    "pyarrow": {
        "data/files.py",
        "data/frame.py",
        "data/parquet.py",
        "data/source.py",
        "data/stream.py",
        "data/survey.py",
        "formula/stream.py",
    },
    "narwhals": {"data/frame.py", "data/table.py", "data/vectors.py", "tidy.py"},
    "matplotlib": {"plot.py"},
    "formulaic": {"formula/matrix.py", "formula/terms.py"},
    "click": {"cli/__init__.py", "cli/config.py", "cli/fit.py"},
    "rich": {"cli/progress.py"},
    "dask": {"data/distributed.py", "data/tasks.py"},
    "distributed": set(),
}
# what `import mlefast` leaves to those who need it
LATER = {
    "again", "comparison", "config", "diagnostics", "formula", "interchange", "plot", "prediction", "predictors",
    "profile_likelihood", "quantile_fit", "report", "robust", "summary", "tidy", "data.files", "data.frame", "data.table",
    "data.source", "data.stream", "data.survey", "objective.stream",
    "inference.hypotheses", "inference.multiple", "inference.recession", "inference.wald", "likelihoods.native",
    "solvers.multistart", "solvers.quantile", "solvers.scoring",
}  # fmt: skip
FILES = sorted(SOURCE.rglob("*.py"))


def type_checking_lines(tree: ast.Module) -> set[int]:
    """Lines under `if TYPE_CHECKING:`, which never run."""
    return {
        line
        for node in tree.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for line in range(node.lineno, node.end_lineno + 1)
    }


def imports(path: Path):
    """(absolute module name, whether it is imported at module level) of each import that can run."""
    tree = ast.parse(path.read_text())
    skipped = type_checking_lines(tree)
    package = ["mlefast", *path.relative_to(SOURCE).parts[:-1]]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom) or node.lineno in skipped:
            continue
        top = node.col_offset == 0
        if isinstance(node, ast.Import):
            yield from ((alias.name, top) for alias in node.names)
        else:
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (
                (f"{module}.{alias.name}" if module in ("mlefast", "") else module, top) for alias in node.names
            )


def floor(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_one_way(path: Path) -> None:
    own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if own == "__init__":
        return
    for module, _ in imports(path):
        if module.startswith("mlefast."):
            assert floor(module) == own or floor(module) in ALLOWED[own], f"{own} must not import {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_optional_packages_are_imported_late_and_in_one_place(path: Path) -> None:
    for module, top in imports(path):
        package = module.split(".")[0]
        if package in OPTIONAL:
            assert not top, f"{package} is imported with the module"
            assert path.relative_to(SOURCE).as_posix() in OPTIONAL[package], package


def test_every_floor_is_in_the_table() -> None:
    found = {path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in FILES} - {"__init__"}
    assert found == set(ALLOWED)


def modules_after(code: str) -> set[str]:
    """What a fresh process has loaded once it has run a line of code."""
    code = f"import sys; {code}; print(*sorted(sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_mlefast_loads_little() -> None:
    loaded = modules_after("import numpy, scipy.linalg, mlefast") - modules_after("import numpy, scipy.linalg")
    others = {module.split(".")[0] for module in loaded if not module.startswith("_cython")}
    assert others - sys.stdlib_module_names == {"mlefast"}
    assert not {f"mlefast.{module}" for module in LATER} & loaded


def test_names_that_come_later_are_not_those_of_modules() -> None:
    """The import of a module binds its name in the package, and would hide the other."""
    modules = {path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in FILES}
    assert not {name for names in mlefast._LATER.values() for name in names} & modules
    assert {name for names in mlefast._LATER.values() for name in names} <= set(mlefast.__all__)


def test_filters_of_warnings_are_changed_in_one_place() -> None:
    """Where threads wait for each other; the command line has its process for itself."""
    users = {path.relative_to(SOURCE).as_posix() for path in FILES if "catch_warnings" in path.read_text()}
    assert users == {"errors.py", "cli/messages.py"}


def test_files_stay_readable() -> None:
    for path in [*FILES, *SOURCE.rglob("*.px[di]"), *SOURCE.rglob("*.h")]:
        code = [line for line in path.read_text().splitlines() if line.strip()]
        assert len(code) < 700, path  # about 400 lines of code; docstrings and comments are not counted against it


def test_the_installed_package_has_no_sources_of_extensions() -> None:
    spec = importlib.util.find_spec("mlefast")
    assert spec is not None and spec.origin is not None
    installed = Path(spec.origin).parent
    if installed != SOURCE:
        assert not [path for kind in ("*.pyx", "*.pxi", "*.pxd", "*.c", "*.h") for path in installed.rglob(kind)]
