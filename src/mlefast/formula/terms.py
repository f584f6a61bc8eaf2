# SPDX-License-Identifier: BSD-3-Clause
"""The terms of a formula: its two sides, and the columns that they read."""

from __future__ import annotations

import ast
import builtins
import difflib
import re
from typing import Any

from mlefast.errors import FormulaError, MissingPackageError


def _formulaic() -> Any:
    try:
        import formulaic
    except ImportError:
        raise MissingPackageError('Formulas need formulaic: pip install "mlefast[formula]".') from None
    return formulaic


def required_columns(formula: str) -> list[str]:
    """Names of the columns that a formula uses, the response first.

    Parameters
    ----------
    formula : str
        Such as "late ~ hour + C(carrier)".

    Returns
    -------
    list of str
        Each name once.

    Raises
    ------
    FormulaError
        If the formula cannot be read.
    """
    left, right = sides(formula)
    return list(dict.fromkeys([*variables(left), *variables(right)]))


def sides(formula: str) -> tuple[Any, Any]:
    """The two sides of a formula, or a FormulaError in one sentence."""
    formulaic = _formulaic()
    try:
        parsed = formulaic.Formula(formula)
    except Exception as error:  # formulaic raises many kinds, also plain ones, for bad syntax
        complaint = first_line(error)
        if complaint.startswith("The `.` operator"):
            complaint = "'.' for all other columns is not supported. Name the columns."
        raise FormulaError(f"the formula {formula!r} cannot be read: {complaint}") from None
    left, right = getattr(parsed, "lhs", None), getattr(parsed, "rhs", None)
    if left is None or right is None or not len(left):
        raise FormulaError(f'the formula {formula!r} has no response: write it as "y ~ x1 + x2".')
    if isinstance(left, tuple) or isinstance(right, tuple) or len(left) != 1:
        raise FormulaError(f'the formula {formula!r} must have one response and one right side: "y ~ x1 + x2".')
    if not variables(left):
        raise FormulaError(f"the left side of the formula {formula!r} names no column. Put the response there.")
    return left, right


def first_line(error: Exception) -> str:
    """The first line of a message, as a sentence without colours."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = re.sub(r"\x1b\[[0-9;]*m", "", lines[0]) if lines else type(error).__name__
    return text.rstrip(".") + "."


def variables(terms: Any) -> list[str]:
    """Names of the columns that the terms of one side read, sorted."""
    return sorted({name for term in terms for factor in term.factors for name in columns_read(factor)})


def bare_columns(terms: Any) -> list[str]:
    """Names of the columns that stand in the terms as they are, so that text among them becomes a category unasked."""
    factors = [factor for term in terms for factor in term.factors]
    return sorted({str(factor.expr) for factor in factors if factor.eval_method.value == "lookup"})


def columns_read(factor: Any) -> set[str]:
    """Names of the columns that a factor reads; FormulaError if it calls a function that formulas do not know.

    Formulaic 1.2 has `required_variables` for this, but it is empty for `bs(x)`, `center(x)` and their like.
    """
    kind = factor.eval_method.value
    if kind != "python":
        return {str(factor.expr)} if kind == "lookup" else set()
    from formulaic.transforms import TRANSFORMS

    quoted: dict[str, str] = {}

    def stand_in(name: re.Match[str]) -> str:
        return quoted.setdefault(name[1], f"_quoted_{len(quoted)}")

    try:
        tree = ast.parse(re.sub("`([^`]+)`", stand_in, factor.expr), mode="eval")
    except SyntaxError as error:
        raise FormulaError(f"the term {factor.expr} cannot be read: {error.msg}.") from None
    nodes = list(ast.walk(tree))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    # variables of lambdas and comprehensions are not columns
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
    functions = {id(call.func) for call in calls}
    for node in names:
        if id(node) in functions and node.id not in {*TRANSFORMS, *dir(builtins), *own}:
            close = difflib.get_close_matches(node.id, TRANSFORMS, n=3)
            hint = f"Did you mean {', '.join(map(repr, close))}?" if close else "Compute the column before the fit."
            raise FormulaError(f"the formula calls {node.id}(), a function that formulas do not know. {hint}")
    columns = {node.id for node in names if id(node) not in functions} - own - set(TRANSFORMS)
    original = {name: column for column, name in quoted.items()}
    return {original.get(name, name) for name in columns} | {
        str(text.value)
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Q"
        for text in call.args
        if isinstance(text, ast.Constant)
    }
