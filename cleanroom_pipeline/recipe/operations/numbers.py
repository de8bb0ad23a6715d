"""Functions of numbers: the math family.

Here: arithmetic, roots, rounding, parity. Not here: aggregates.
"""

from collections.abc import Callable, Mapping

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import (
    case,
    cast,
    double,
    integer,
    is_null,
    number,
    paren,
    string,
)
from cleanroom_pipeline.recipe.operations.declaration import (
    TARGET,
    Call,
    Kind,
    Operation,
    Parameter,
    Status,
    register,
)
from cleanroom_pipeline.recipe.operations.functions import (
    ANY_SOURCE,
    VALUE,
    Binary,
    Unary,
    binary,
    check_operand,
    operand,
    unary,
)
from cleanroom_pipeline.recipe.operations.rewriting import new_column
from cleanroom_pipeline.recipe.plan import (
    DOUBLE,
    Column,
    Frame,
)


def _of_number(name: str) -> Unary:
    return lambda column: function(name, double(column))


def _where(condition: Callable[[exp.Expr], exp.Expr], name: str) -> Unary:
    """Return a function of numbers that is null outside its domain."""

    def change(column: Column) -> exp.Expr:
        return case([(condition(double(column)), function(name, double(column)))])

    return change


def _positive(tree: exp.Expr) -> exp.Expr:
    return paren(exp.GT(this=tree, expression=integer(0)))


def _not_negative(tree: exp.Expr) -> exp.Expr:
    return paren(exp.GTE(this=tree, expression=integer(0)))


def _negate(column: Column) -> exp.Expr:
    return paren(exp.Mul(this=double(column), expression=integer(-1)))


def _round(column: Column) -> exp.Expr:
    half = paren(exp.Add(this=double(column), expression=number(0.5)))
    return cast(function("floor", half), DOUBLE)


_NUMBERS: Mapping[str, Unary] = {
    "ABSOLUTE": _of_number("abs"),
    "CEILING": _of_number("ceil"),
    "DEGREES": _of_number("degrees"),
    "EXPONENT": _of_number("exp"),
    "FLOOR": _of_number("floor"),
    "LN": _where(_positive, "ln"),
    "NEGATE": _negate,
    "RADIANS": _of_number("radians"),
    "ROUND": _round,
    "SIGN": lambda column: cast(function("sign", double(column)), DOUBLE),
    "SQUARE_ROOT": _where(_not_negative, "sqrt"),
}
for _name, _change in _NUMBERS.items():
    unary(_name, DOUBLE, _change)


def _arithmetic(operator: type[exp.Binary]) -> Binary:
    return lambda a, b: paren(operator(this=double(a), expression=double(b)))


def _unless_zero(operator: type[exp.Binary]) -> Binary:
    def change(a: Column, b: Column) -> exp.Expr:
        there = paren(exp.NEQ(this=double(b), expression=integer(0)))
        return case([(there, paren(operator(this=double(a), expression=double(b))))])

    return change


binary("ADD", DOUBLE, _arithmetic(exp.Add))
binary("SUBTRACT", DOUBLE, _arithmetic(exp.Sub))
binary("MULTIPLY", DOUBLE, _arithmetic(exp.Mul))
binary("DIVIDE", DOUBLE, _unless_zero(exp.Div))
binary("MOD", DOUBLE, _unless_zero(exp.Mod))


def _parity(name: str, remainder: int) -> None:
    def build(call: Call, frame: Frame) -> Frame:
        tree = double(operand(call, frame))
        left = paren(exp.Mod(this=function("abs", tree), expression=integer(2)))
        fits = paren(exp.EQ(this=left, expression=integer(remainder)))
        yes, no = string(call["trueString"]), string(call["falseString"])
        flagged = case([(is_null(tree.copy()), exp.Null()), (fits, yes)], no)
        return new_column(call, frame, flagged)

    strings = (
        Parameter("trueString", Kind.TEXT, "what a fitting number gives", default="True"),
        Parameter("falseString", Kind.TEXT, "what another number gives", default="False"),
    )
    doc = "Whether a number is even or odd; a fraction is neither."
    parameters = (ANY_SOURCE, VALUE, TARGET, *strings)
    register(Operation(name, 2, Status.DOCUMENTED, doc, parameters, build, check=check_operand))


_parity("IS_EVEN", 0)
_parity("IS_ODD", 1)
