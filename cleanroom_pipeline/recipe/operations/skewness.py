"""SKEWNESS: a root, a logarithm or the square of each number.

Here: the three functions and their argument. Not here: outliers (outliers.py).
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import case, double, integer, number, paren
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    TARGET,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.rewriting import new_column
from cleanroom_pipeline.recipe.plan import DOUBLE, Column, Frame

SKEW_FUNCTION = Parameter(
    "skewFunction",
    Kind.CHOICE,
    "what is done to each number",
    required=True,
    choices=("ROOT", "LOG", "SQUARE"),
)
SKEW_VALUE = Parameter(
    "value", Kind.NUMBER, "which root (else 2), or the logarithm's base (else e); not for SQUARE"
)
SKEW_DOC = (
    "ROOT takes the `value`-th root (without one the square root), LOG the logarithm to base "
    "`value` (without one the natural one), SQUARE the square. What has no real result gives null: "
    "a logarithm of zero or less, a root of a negative number unless the root is odd. Null, empty "
    "and unreadable cells give null."
)
_ROOTS = {2.0: "sqrt", 3.0: "cbrt"}


def check_skew(values: Mapping[str, Any]) -> Iterable[str]:
    """Yield what is wrong with the function's argument."""
    value, name = values["value"], values["skewFunction"]
    if value is None:
        return
    if name == "SQUARE":
        yield "parameter 'value' means nothing with skewFunction SQUARE"
    elif name == "ROOT" and value == 0:
        yield "parameter 'value' must not be 0: there is no zeroth root"
    elif name == "LOG" and (value <= 0 or value == 1):
        yield "parameter 'value' must be a base of logarithms: above 0 and not 1"


def _greater(tree: exp.Expr, limit: int) -> exp.Expr:
    return paren(exp.GT(this=tree, expression=integer(limit)))


def _log(cell: exp.Expr, base: float) -> exp.Expr:
    logarithm = function("ln", cell.copy())
    if base != math.e:
        logarithm = paren(exp.Div(this=logarithm, expression=number(math.log(base))))
    return case([(_greater(cell, 0), logarithm)])


def _root(cell: exp.Expr, degree: float) -> exp.Expr:
    """Return the root; of a negative number only an odd one, of zero only a positive one."""

    def root(tree: exp.Expr) -> exp.Expr:
        if degree in _ROOTS:
            return function(_ROOTS[degree], tree)
        return function("pow", tree, number(1 / degree))

    branches = [(_greater(cell, 0), root(cell.copy()))]
    if degree > 0:
        branches.append((paren(exp.EQ(this=cell.copy(), expression=integer(0))), number(0)))
    if degree % 2 == 1:
        opposite = paren(exp.Neg(this=root(paren(exp.Neg(this=cell.copy())))))
        negative = paren(exp.LT(this=cell.copy(), expression=integer(0)))
        branches.append((negative, opposite))
    return case(branches)


def skewed(values: Mapping[str, Any], column: Column) -> exp.Expr:
    """Return the function that a step's skewFunction and value name, of the column's numbers."""
    cell, value = double(column), values["value"]
    if values["skewFunction"] == "LOG":
        return _log(cell, math.e if value is None else value)
    if values["skewFunction"] == "ROOT":
        return _root(cell, 2.0 if value is None else value)
    return paren(exp.Mul(this=cell, expression=cell.copy()))


@operation(
    "SKEWNESS",
    Status.INFERRED,
    f"A function of each number that makes a distribution less skewed, in a new column. {SKEW_DOC} "
    "AWS is silent on missing arguments and on numbers outside of a function's domain.",
    SOURCE,
    TARGET,
    SKEW_FUNCTION,
    SKEW_VALUE,
    tier=3,
    check=check_skew,
)
def skewness(call: Call, frame: Frame) -> Frame:
    """Apply the function."""
    return new_column(call, frame, skewed(call.values, frame.column(call.source)), type_=DOUBLE)
