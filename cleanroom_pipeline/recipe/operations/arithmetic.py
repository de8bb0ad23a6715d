"""Arithmetic of two numbers: ADD, SUBTRACT, MULTIPLY, DIVIDE, MOD.

Here: which type a result has, and staying exact. Not here: functions of one number (numbers.py).

Whole numbers and decimals stay exact: two whole numbers give a BIGINT, a decimal and either give a
decimal. A text or a float among them makes both DOUBLE, as Spark would. A decimal result that might
need more than 38 digits keeps the longer of the two scales and is rounded half up. Python's
`decimal` computes it, since DuckDB's stops at 38 digits on the way.
"""

import decimal
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import (
    INTEGER_TYPES,
    cast,
    double,
    integer,
    paren,
    try_cast,
)
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.operations.declaration import Call, Status
from cleanroom_pipeline.recipe.operations.functions import of_two_cells
from cleanroom_pipeline.recipe.operations.rewriting import function_name
from cleanroom_pipeline.recipe.plan import (
    BIGINT,
    DOUBLE,
    Column,
    Constant,
    Made,
    VectorFunction,
)
from cleanroom_pipeline.recipe.python_functions import row_function
from cleanroom_pipeline.recipe.widening import decimal_digits

_HUGEINT = "HUGEINT"
_MOST_DIGITS = 38
_BIGINT_DIGITS = 19
_WHOLE_VALUE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_DECIMAL_VALUE = re.compile(r"[+-]?(\d{0,20})\.(\d{1,18})", re.ASCII)


@dataclass(frozen=True)
class Digits:
    """How many digits a number type has before and after the point."""

    whole: int
    scale: int

    @property
    def type(self) -> str:
        """The DECIMAL type of so many digits."""
        return f"DECIMAL({self.whole + self.scale},{self.scale})"


def exact_digits(column: Column) -> Digits | None:
    """Return the digits of a column, or a text in its place, of exact numbers; None of others."""
    if isinstance(column, Constant):
        return _digits_of_value(column.name)
    if column.type in INTEGER_TYPES:
        return Digits(_BIGINT_DIGITS, 0)
    if found := decimal_digits(column.type):
        digits, scale = found
        return Digits(digits - scale, scale)
    return None


def _digits_of_value(value: str) -> Digits | None:
    if _WHOLE_VALUE.fullmatch(value):
        return Digits(_BIGINT_DIGITS, 0)
    if found := _DECIMAL_VALUE.fullmatch(value):
        return Digits(len(found.group(1)), len(found.group(2)))
    return None


def is_whole(column: Column) -> bool:
    """Say whether all cells are whole numbers, by the column's type or the text in its place."""
    if isinstance(column, Constant):
        return bool(_WHOLE_VALUE.fullmatch(column.name))
    return column.type in INTEGER_TYPES


def whole(column: Column) -> exp.Expr:
    """Return a whole number as HUGEINT, which holds what two BIGINTs give; null beyond BIGINT."""
    return cast(try_cast(column.tree, BIGINT), _HUGEINT)


def _sum(a: Digits, b: Digits) -> Digits:
    return Digits(max(a.whole, b.whole) + 1, max(a.scale, b.scale))


def _product(a: Digits, b: Digits) -> Digits:
    return Digits(a.whole + b.whole, a.scale + b.scale)


def _remainder(a: Digits, b: Digits) -> Digits:
    return Digits(max(a.whole, b.whole), max(a.scale, b.scale))


@dataclass(frozen=True)
class _Operator:
    tree: type[exp.Binary]
    digits: Callable[[Digits, Digits], Digits]
    exactly: Callable[[Decimal, Decimal], Decimal]


_OPERATORS: Mapping[str, _Operator] = {
    "ADD": _Operator(exp.Add, _sum, lambda a, b: a + b),
    "SUBTRACT": _Operator(exp.Sub, _sum, lambda a, b: a - b),
    "MULTIPLY": _Operator(exp.Mul, _product, lambda a, b: a * b),
    "MOD": _Operator(exp.Mod, _remainder, lambda a, b: a % b),
}
# Enough for the product of two numbers of 38 digits, and for a quotient within a remainder.
_WIDE = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_UP, traps=[decimal.InvalidOperation])


def rounded(value: Decimal, scale: int) -> Decimal | None:
    """Return a number of at most 38 digits, `scale` of them after the point; None if it has more.

    Ties go away from zero.
    """
    result = value.quantize(Decimal(1).scaleb(-scale), context=_WIDE)
    return result if result.adjusted() < _MOST_DIGITS - scale else None


def _by_python(
    name: str, operator: _Operator, takes: tuple[str, str], scale: int
) -> VectorFunction:
    """Return the function of two decimals that works with all digits."""

    def cell(a: Decimal | None, b: Decimal | None) -> Decimal | None:
        if a is None or b is None or (operator.tree is exp.Mod and not b):
            return None
        with decimal.localcontext(_WIDE):
            return rounded(operator.exactly(a, b), scale)

    return row_function(name, cell, takes, f"DECIMAL({_MOST_DIGITS},{scale})")


def _unless_zero(operator: type[exp.Binary], divisor: exp.Expr) -> exp.Expr:
    """Return the divisor, null where dividing by it is impossible."""
    if operator not in {exp.Mod, exp.Div}:
        return divisor
    return function("nullif", divisor, integer(0))


def _applied(operator: type[exp.Binary], a: exp.Expr, b: exp.Expr) -> exp.Expr:
    return paren(operator(this=a, expression=_unless_zero(operator, b)))


def _wide(tree: exp.Expr, scale: int) -> exp.Expr:
    """Return a decimal with room on its left: DuckDB multiplies narrow ones in 18 digits."""
    return cast(tree, f"DECIMAL({_MOST_DIGITS},{scale})")


def _arithmetic(call: Call, a: Column, b: Column) -> Made:
    operator = _OPERATORS[call.step.operation]
    if is_whole(a) and is_whole(b):
        return Made(try_cast(_applied(operator.tree, whole(a), whole(b)), BIGINT), BIGINT)
    left, right = exact_digits(a), exact_digits(b)
    if left is None or right is None:
        return Made(_applied(operator.tree, double(a), double(b)), DOUBLE)
    first, second = try_cast(a.tree, left.type), try_cast(b.tree, right.type)
    digits = operator.digits(left, right)
    # DuckDB's remainder of decimals passes through a DOUBLE.
    fits = operator.tree is not exp.Mod and digits.whole + digits.scale <= _MOST_DIGITS
    if fits:
        wide = _applied(operator.tree, _wide(first, left.scale), _wide(second, right.scale))
        return Made(cast(wide, digits.type), digits.type)
    scale = max(left.scale, right.scale)
    made = _by_python(function_name(call), operator, (left.type, right.type), scale)
    return Made(function(made.name, first, second), made.returns, (made,))


def _divided(_: Call, a: Column, b: Column) -> Made:
    return Made(_applied(exp.Div, double(a), double(b)), DOUBLE)


_EXACT = (
    "Two whole numbers give a whole number (BIGINT, null beyond it), a decimal among whole numbers "
    "and decimals gives a decimal, both without loss; a text or a float makes the result a DOUBLE. "
    "Null, and a text that is no number, give null."
)
for _name, _verb in {"ADD": "sum", "SUBTRACT": "difference", "MULTIPLY": "product"}.items():
    of_two_cells(
        _name, _arithmetic, f"The {_verb} of two numbers, in a new column. {_EXACT}",
        status=Status.INFERRED,
    )  # fmt: skip
of_two_cells(
    "DIVIDE",
    _divided,
    "The quotient of two numbers as a DOUBLE, in a new column. Null, a text that is no number, and "
    "a division by zero give null.",
    status=Status.INFERRED,
)
of_two_cells(
    "MOD",
    _arithmetic,
    "The remainder of dividing the first number by the second, in a new column; it has the sign of "
    "the first, as in Spark (AWS's page speaks of a percentage, its name of the remainder). A "
    f"division by zero gives null. {_EXACT}",
    status=Status.INFERRED,
)
