"""Functions of one number: the math family without arithmetic and random numbers.

Here: signs, roots, powers, logarithms, rounding, parity. Not here: two numbers (arithmetic.py).

A whole number or a decimal stays one where the function gives one (ABSOLUTE, CEILING, FLOOR,
NEGATE, ROUND); all else is DOUBLE.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import (
    case,
    cast,
    double,
    full_match,
    integer,
    is_in,
    is_null,
    number,
    paren,
    string,
    text,
    try_cast,
)
from cleanroom_pipeline.recipe.operations.arithmetic import exact_digits, is_whole, whole
from cleanroom_pipeline.recipe.operations.declaration import (
    TARGET,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.functions import (
    SOURCE_1,
    VALUE_1,
    Unary,
    of_cell,
    unary,
)
from cleanroom_pipeline.recipe.operations.rewriting import new_column
from cleanroom_pipeline.recipe.plan import BIGINT, DOUBLE, TEXT, Column, Frame, Made

_NO_NUMBER = "Null, and a text that is no number, give null."


def _compared(operator: type[exp.Binary], tree: exp.Expr, value: exp.Expr) -> exp.Expr:
    return paren(operator(this=tree, expression=value))


def _of_number(name: str) -> Unary:
    return lambda column: function(name, double(column))


def _where(operator: type[exp.Binary], name: str) -> Unary:
    """Return a function of numbers that is null for those that don't compare so with zero."""

    def change(column: Column) -> exp.Expr:
        there = _compared(operator, double(column), integer(0))
        return case([(there, function(name, double(column)))])

    return change


_DOUBLES: Mapping[str, tuple[Unary, str]] = {
    "DEGREES": (_of_number("degrees"), "Radians as degrees, in a new column."),
    "EXPONENT": (
        _of_number("exp"),
        "Euler's number to the power of a cell, in a new column; infinity beyond a DOUBLE.",
    ),
    "LN": (
        _where(exp.GT, "ln"),
        "The natural logarithm, in a new column; zero and negative numbers give null.",
    ),
    "RADIANS": (_of_number("radians"), "Degrees as radians, in a new column."),
    "SIGN": (
        lambda column: cast(function("sign", double(column)), DOUBLE),
        "-1, 0 or 1, as a number is negative, zero or positive, in a new column.",
    ),
    "SQUARE_ROOT": (
        _where(exp.GTE, "sqrt"),
        "The square root, in a new column; a negative number gives null.",
    ),
}
_OUT_OF_DOMAIN = {"LN", "SQUARE_ROOT"}
for _name, (_change, _doc) in _DOUBLES.items():
    _status = Status.INFERRED if _name in _OUT_OF_DOMAIN else Status.DOCUMENTED
    unary(_name, DOUBLE, _change, f"{_doc} {_NO_NUMBER}", status=_status)


def _negative(tree: exp.Expr) -> exp.Expr:
    return paren(exp.Neg(this=tree))


def _rounded(tree: exp.Expr) -> exp.Expr:
    """Return the nearest whole number, of two equally near the greater one.

    Floor of the number and a half would be wrong for 0.49999999999999994 and beyond 2 to the 52.
    """
    below = function("floor", tree.copy())
    far = paren(exp.Sub(this=tree, expression=below))
    up = _compared(exp.GTE, paren(exp.Mul(this=far, expression=integer(2))), integer(1))
    return case([(up, paren(exp.Add(this=below.copy(), expression=integer(1))))], below.copy())


def _call_of(name: str) -> Callable[[exp.Expr], exp.Expr]:
    return lambda tree: function(name, tree)


# What a function does to a number, whether the result is whole, and what it is.
_KEEP_TYPE: Mapping[str, tuple[Callable[[exp.Expr], exp.Expr], bool, str]] = {
    "ABSOLUTE": (_call_of("abs"), False, "The absolute value, in a new column."),
    "NEGATE": (_negative, False, "The number with the other sign, in a new column."),
    "CEILING": (_call_of("ceil"), True, "The least whole number not below, in a new column."),
    "FLOOR": (
        _call_of("floor"),
        True,
        "The greatest whole number not above, in a new column (AWS's page has 'greater' wrong).",
    ),
    "ROUND": (
        _rounded,
        True,
        "The nearest whole number, in a new column; a half goes up, as AWS says: -2.5 gives -2.",
    ),
}


def _of_its_type(
    change: Callable[[exp.Expr], exp.Expr], *, to_whole: bool
) -> Callable[[Call, Column], Made]:
    """Return a function whose result is a BIGINT, a decimal or a DOUBLE, as its number is."""

    def make(_: Call, column: Column) -> Made:
        if is_whole(column):
            tree = whole(column) if to_whole else change(whole(column))
            return Made(try_cast(tree, BIGINT), BIGINT)
        digits = exact_digits(column)
        if digits is None:
            return Made(cast(change(double(column)), DOUBLE), DOUBLE)
        # Rounding up may need one digit more.
        type_ = f"DECIMAL({min(digits.whole + 1, 38)},0)" if to_whole else digits.type
        return Made(cast(change(cast(column.tree, digits.type)), type_), type_)

    return make


_ALIASES = {"CEILING": (VALUE_1,), "FLOOR": (SOURCE_1,)}
for _name, (_on_number, _to_whole, _doc) in _KEEP_TYPE.items():
    of_cell(
        _name,
        _of_its_type(_on_number, to_whole=_to_whole),
        f"{_doc} A whole number stays a BIGINT and a decimal a decimal; anything else gives a "
        f"DOUBLE. {_NO_NUMBER}",
        *_ALIASES.get(_name, ()),
        status=Status.INFERRED if _name == "ROUND" else Status.DOCUMENTED,
    )


def _check_base(values: Mapping[str, Any]) -> Iterable[str]:
    if values["base"] is not None and (values["base"] <= 0 or values["base"] == 1):
        yield "parameter 'base' must be above 0 and not 1"


# These have a function of their own, exact for whole powers.
_LOGARITHMS = {10.0: "log10", 2.0: "log2"}


def _logarithm(call: Call, column: Column) -> Made:
    there = _compared(exp.GT, double(column), integer(0))
    name = _LOGARITHMS.get(call["base"])
    if name:
        return Made(case([(there, function(name, double(column)))]), DOUBLE)
    parts = (function("ln", double(column)), function("ln", number(call["base"])))
    return Made(case([(there, paren(exp.Div(this=parts[0], expression=parts[1])))]), DOUBLE)


of_cell(
    "LOG",
    _logarithm,
    "The logarithm of a number, in a new column; zero and negative numbers give null. "
    + _NO_NUMBER,
    Parameter("base", Kind.NUMBER, "the base, above 0 and not 1", default=10.0),
    status=Status.INFERRED,
    check=_check_base,
)


def _power(call: Call, column: Column) -> Made:
    exponent = call["exponent"]
    raised = function("pow", double(column), number(exponent))
    if not exponent.is_integer():
        operator: type[exp.Binary] = exp.GT if exponent < 0 else exp.GTE
    elif exponent < 0:
        operator = exp.NEQ
    else:
        return Made(raised, DOUBLE)
    return Made(case([(_compared(operator, double(column), integer(0)), raised)]), DOUBLE)


of_cell(
    "POWER",
    _power,
    "A number raised to a power, in a new column, as a DOUBLE; infinity where a DOUBLE can't hold "
    "it. Zero to a negative power and a root of a negative number give null. " + _NO_NUMBER,
    Parameter("exponent", Kind.NUMBER, "the power", required=True),
    status=Status.INFERRED,
)


@operation("PI", Status.DOCUMENTED, "The number pi as a DOUBLE, in a new column.", TARGET, tier=2)
def pi(call: Call, frame: Frame) -> Frame:
    """Add the constant."""
    return new_column(call, frame, function("pi"), type_=DOUBLE)


# A whole number as a text, its last digit before the point as the group; and any plain decimal.
_WHOLE_TEXT = r"\s*[+-]?\d*(\d)(?:\.0*)?\s*"
_DECIMAL_TEXT = r"\s*[+-]?(?:\d+\.\d*|\.\d+)\s*"
_EVEN_DIGITS = "02468"


def _is_even(column: Column) -> tuple[exp.Expr, exp.Expr]:
    """Return whether a number is whole, and then whether it is even; null for no number.

    A text is judged by its digits: those of a long number would not fit a DOUBLE.
    """
    digits = exact_digits(column)
    if column.type != TEXT and digits is not None:
        return _exact_parities(column.tree)
    if column.type != TEXT:
        return _parities(double(column))
    spelled = text(column)
    short, even = _parities(double(column))
    last = function("regexp_extract", spelled.copy(), string(f"^{_WHOLE_TEXT}$"), integer(1))
    by_digits = full_match(spelled.copy(), _WHOLE_TEXT)
    plain = full_match(spelled.copy(), _DECIMAL_TEXT)
    return (
        case([(by_digits, exp.true()), (plain, exp.false())], short),
        case([(by_digits.copy(), is_in(last, _EVEN_DIGITS))], even),
    )


def _exact_parities(tree: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    # DuckDB's remainder of decimals passes through a DOUBLE, that of HUGEINT does not.
    cut = function("trunc", tree)
    left = paren(exp.Mod(this=cast(cut.copy(), "HUGEINT"), expression=integer(2)))
    return _compared(exp.EQ, tree.copy(), cut), _compared(exp.EQ, left, integer(0))


def _parities(tree: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    def divided_by(divisor: int) -> exp.Expr:
        left = paren(exp.Mod(this=tree.copy(), expression=integer(divisor)))
        return _compared(exp.EQ, left, integer(0))

    return divided_by(1), divided_by(2)


def _parity(name: str, *, even: bool) -> None:
    def make(call: Call, column: Column) -> Made:
        is_whole_number, is_even = _is_even(column)
        wanted = is_even if even else paren(exp.Not(this=is_even))
        yes, no = string(call["trueString"]), string(call["falseString"])
        fits = paren(exp.And(this=is_whole_number, expression=wanted))
        return Made(case([(is_null(is_whole_number.copy()), exp.Null()), (fits, yes)], no), TEXT)

    of_cell(
        name,
        make,
        f"Whether a number is {'even' if even else 'odd'}, as one of two texts in a new column; a "
        f"number with a fraction is neither, one like 2.0 is whole. {_NO_NUMBER}",
        Parameter("trueString", Kind.TEXT, "what a fitting number gives", default="True"),
        Parameter("falseString", Kind.TEXT, "what another number gives", default="False"),
        status=Status.INFERRED,
    )


_parity("IS_EVEN", even=True)
_parity("IS_ODD", even=False)
