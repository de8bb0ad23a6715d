"""Aggregates over a whole column, for expressions that compare cells with them.

Here: the functions withExpressions may call. Not here: GROUP_BY, or row-wise aggregates.

The mean, deviations and moments are those of Spark: stddev and variance of a sample, skewness and
excess kurtosis of a population. Cells that are no numbers are left out. min and max of a text
column compare numbers when every cell that is not missing is one, else texts.
"""

from collections.abc import Callable, Mapping
from typing import TypeGuard

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import (
    case,
    cast,
    double,
    integer,
    missing,
    number,
    paren,
    text,
)
from cleanroom_pipeline.recipe.findings import StepError, not_among
from cleanroom_pipeline.recipe.operations.expression_parsing import parsed
from cleanroom_pipeline.recipe.operations.expression_values import Value
from cleanroom_pipeline.recipe.plan import BIGINT, DOUBLE, INPUT, TEXT, Column, Frame, scalar

Aggregated = tuple[exp.Expr, str]


def _of_numbers(name: str) -> Callable[[Column], Aggregated]:
    return lambda column: (function(name, double(column)), DOUBLE)


def _standard_error(column: Column) -> Aggregated:
    root = function("sqrt", function("count", double(column)))
    spread = function("stddev_samp", double(column))
    return paren(exp.Div(this=spread, expression=root)), DOUBLE


def _centred(outcome: Callable[[exp.Expr], exp.Expr]) -> Callable[[Column], Aggregated]:
    """Return an aggregate of each number's distance from the mean."""

    def make(column: Column) -> Aggregated:
        x, mean = exp.column("x"), exp.column("mean")
        numbers = exp.select(double(column).as_("x")).from_(INPUT)
        average = exp.Window(this=exp.Avg(this=x)).as_("mean")
        beside = exp.select(x.copy(), average).from_(numbers.subquery("numbers"))
        distance = paren(exp.Sub(this=x.copy(), expression=mean))
        return exp.select(outcome(distance).as_("value")).from_(beside.subquery("beside")), DOUBLE

    return make


def _moment(distance: exp.Expr, power: int) -> exp.Expr:
    return function("avg", function("pow", distance.copy(), integer(power)))


def _standardised(power: int, less: float) -> Callable[[exp.Expr], exp.Expr]:
    def outcome(distance: exp.Expr) -> exp.Expr:
        spread = function("pow", _moment(distance, 2), number(power / 2))
        some = paren(exp.GT(this=spread, expression=integer(0)))
        ratio = exp.Div(this=_moment(distance, power), expression=spread.copy())
        return case([(some, paren(exp.Sub(this=ratio, expression=number(less))))])

    return outcome


def _extreme(name: str) -> Callable[[Column], Aggregated]:
    def make(column: Column) -> Aggregated:
        if column.type != TEXT:
            return function(name, column.tree), column.type
        there = paren(exp.Not(this=missing(column)))
        cell = case([(there, column.tree)])
        all_numbers = paren(
            exp.EQ(this=function("count", cell), expression=function("count", double(column)))
        )
        by_number = function(f"arg_{name}", column.tree, double(column))
        return case([(all_numbers, by_number)], function(name, cell.copy())), TEXT

    return make


AGGREGATES: Mapping[str, Callable[[Column], Aggregated]] = {
    "sum": _of_numbers("sum"),
    "avg": _of_numbers("avg"),
    "mean": _of_numbers("avg"),
    "mean_absolute_deviation": _centred(lambda away: function("avg", function("abs", away))),
    "median": _of_numbers("median"),
    "product": _of_numbers("product"),
    "stddev": _of_numbers("stddev_samp"),
    "variance": _of_numbers("var_samp"),
    "standard_error_of_mean": _standard_error,
    "skewness": _centred(_standardised(3, 0.0)),
    "kurtosis": _centred(_standardised(4, 3.0)),
    "count": lambda column: (function("count", column.tree), BIGINT),
    "min": _extreme("min"),
    "max": _extreme("max"),
}


def _count_distinct(column: Column) -> Aggregated:
    return exp.Count(this=exp.Distinct(expressions=[text(column)])), BIGINT


# sqlglot's names of what Spark calls otherwise.
_SPARK_NAMES = {"stddevsamp": "stddev", "variancesamp": "variance"}


def aggregate(expression: str, frame: Frame, name: str) -> tuple[exp.Expr, Value]:
    """Return the aggregate that an entry of withExpressions writes, and its result as an operand.

    The result is the plan's scalar `with:<name>`. StepError for all but one function of a column.
    """
    what = f"withExpressions {name!r}"
    node = parsed(expression, what)
    called, arguments = type(node).__name__.lower(), [node.args.get("this")]
    if isinstance(node, exp.Anonymous):
        called, arguments = str(node.this).lower(), node.expressions
    known = _SPARK_NAMES.get(called, called)
    if not isinstance(node, exp.Func) or known not in AGGREGATES:
        raise StepError(f"{what} calls no aggregate that is known{not_among(known, AGGREGATES)}")
    make = AGGREGATES[known]
    if isinstance(node, exp.Count) and isinstance(node.this, exp.Distinct):
        make, arguments = _count_distinct, node.this.expressions
    elif {key for key, value in node.args.items() if value} - {"this", "expressions", "big_int"}:
        arguments = []
    column = arguments[0] if len(arguments) == 1 else None
    if not _is_column(column):
        raise StepError(f"{what} must be one aggregate of one column, as avg(`amount`)")
    tree, type_ = make(frame.column(str(column.name)))
    result = cast(scalar(f"with:{name}"), type_)
    return tree, Value(f"the result :{name}", type_, result)


def _is_column(node: exp.Expr | None) -> TypeGuard[exp.Column]:
    plain = isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier)
    return plain and node is not None and node.args.get("table") is None
