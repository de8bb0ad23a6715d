"""Comparing a column's cells with a written value.

Here: which kind of value a text is, and exact trees for each type of column. Not here: which
conditions or operations compare.

A typed column decides how the value is read; of a text column, the value decides how cells are
read: a plain number compares numbers, an ISO date (with or without a time) compares dates, anything
else compares texts by code point. A cell or a value that can't be read so satisfies no comparison.
Whole numbers and decimals are compared exactly, never by way of floats. Against FLOAT and DOUBLE
columns the value becomes such a float first, and NaN is above all numbers and equal to itself, as
in Spark.
"""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from sqlglot import exp

from cleanroom_pipeline.recipe import dates
from cleanroom_pipeline.recipe.expressions import (
    INTEGER_TYPES,
    any_of,
    boolean,
    call,
    case,
    cast,
    double,
    full_match,
    integer,
    is_in,
    is_null,
    is_numeric,
    is_temporal,
    null,
    paren,
    string,
    text,
    try_cast,
)
from cleanroom_pipeline.recipe.plan import BOOLEAN, TEXT, Column, Constant
from cleanroom_pipeline.recipe.widening import decimal_digits

Operator = type[exp.Binary]

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?\s*", re.ASCII)
_NOT_FINITE = {"nan": "nan", "infinity": "inf", "+infinity": "inf", "-infinity": "-inf"}
_ISO_DATE = re.compile(
    r"[1-9]\d{3}-\d{2}-\d{2}([ T]\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z?| \d{2}:\d{2})?", re.ASCII
)
_WIDE = Context(prec=12_000, Emax=10_000, Emin=-20_000)
_GREATEST_FLOAT = (2 - 2**-23) * 2.0**127
_INT64 = 2**63
_INT128 = 2**127
_MOST_DIGITS = 38
# Cells of text that DECIMAL(38,18) holds exactly.
_EXACT_TEXT = r"\s*[+-]?(\d{1,20}(\.\d{0,18})?|\.\d{1,18})\s*"
_TEXT_SCALE = 18
# How a limit that lies between two numbers of a type is moved to one that it has.
_ROUNDINGS: Mapping[Operator, str] = {
    exp.LT: ROUND_CEILING,
    exp.LTE: ROUND_FLOOR,
    exp.GT: ROUND_FLOOR,
    exp.GTE: ROUND_CEILING,
}


def as_number(value: str) -> Decimal | None:
    """Return the plain number that a text spells, or None."""
    return Decimal(value.strip()) if _NUMBER.fullmatch(value) else None


def is_date(value: str) -> bool:
    """Say whether a text is an ISO date, with or without a time."""
    if not _ISO_DATE.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def kind_of(value: str) -> str:
    """Return how a text column is compared with the value: as number, date or text."""
    if as_number(value) is not None:
        return "number"
    return "date" if is_date(value) else "text"


def compared(operator: Operator, column: Column, value: str, kind: str | None = None) -> exp.Expr:
    """Return whether the cell stands in this order (exp.LT, LTE, GT, GTE) to the value.

    `kind` overrides what `kind_of` says, for a text column.
    """
    if column.type == TEXT:
        return _compared_text(operator, column, value, kind or kind_of(value))
    if column.type == BOOLEAN:
        return paren(operator(this=column.tree, expression=boolean(Constant(value))))
    if is_temporal(column):
        return _compared_date(operator, column, value)
    scale = _scale(column.type)
    number = as_number(value)
    if scale is not None:
        return (
            cast(null(), BOOLEAN)
            if number is None
            else _fixed(operator, column.tree, number, scale)
        )
    if column.type in {"FLOAT", "DOUBLE"}:
        return _floating(operator, column.tree, value, column.type)
    return paren(operator(this=text(column), expression=string(value)))


def equal_to_any(column: Column, values: tuple[str, ...]) -> exp.Expr:
    """Return whether the cell is one of the values; texts are the same code points."""
    typed = column.type == BOOLEAN or is_temporal(column) or is_numeric(column.type)
    if typed:
        return any_of(compared(exp.EQ, column, value) for value in values)
    return is_in(text(column), values)


def _scale(type_: str) -> int | None:
    """Return how many decimals a fixed-point type has; None for other types."""
    if type_ in INTEGER_TYPES:
        return 0
    digits = decimal_digits(type_)
    return digits[1] if digits else None


def _fixed(operator: Operator, tree: exp.Expr, value: Decimal, scale: int) -> exp.Expr:
    """Return the comparison with a number of any precision, as one between equal types."""
    if operator is exp.EQ:
        units = _rounded(value, scale, ROUND_FLOOR)
        there = value.scaleb(scale, _WIDE) == units
        return _with_units(exp.EQ, tree, units, scale) if there else exp.false()
    return _with_units(operator, tree, _rounded(value, scale, _ROUNDINGS[operator]), scale)


def _rounded(value: Decimal, scale: int, rounding: str) -> int:
    return int(value.scaleb(scale, _WIDE).to_integral_value(rounding=rounding))


def _with_units(operator: Operator, tree: exp.Expr, units: int, scale: int) -> exp.Expr:
    """Return the comparison with so many units of the last decimal."""
    if scale == 0 and -_INT128 <= units < _INT128:
        near = -_INT64 < units < _INT64
        limit = integer(units) if near else cast(string(str(units)), "HUGEINT")
        return paren(operator(this=tree, expression=limit))
    if scale and abs(units) < 10**_MOST_DIGITS:
        spelled = f"{Decimal(units).scaleb(-scale, _WIDE):f}"
        limit = cast(string(spelled), f"DECIMAL({_MOST_DIGITS},{scale})")
        return paren(operator(this=tree, expression=limit))
    # No cell goes so far.
    holds = {exp.LT, exp.LTE} if units > 0 else {exp.GT, exp.GTE}
    return paren(exp.Not(this=is_null(tree))) if operator in holds else exp.false()


def _floating(operator: Operator, tree: exp.Expr, value: str, type_: str) -> exp.Expr:
    spelled = _NOT_FINITE.get(value.strip().lower(), value.strip())
    if as_number(value) is None and spelled not in _NOT_FINITE.values():
        return cast(null(), BOOLEAN)
    near = float(spelled)
    if type_ == "FLOAT" and abs(near) > _GREATEST_FLOAT:
        near = math.copysign(math.inf, near)
    return paren(operator(this=tree, expression=cast(string(repr(near)), type_)))


def _compared_date(operator: Operator, column: Column, value: str) -> exp.Expr:
    limit = dates.timestamp(Constant(value))
    return paren(operator(this=dates.timestamp(column), expression=limit))


def _compared_text(operator: Operator, column: Column, value: str, kind: str) -> exp.Expr:
    number = as_number(value)
    if kind == "number" and number is not None:
        trimmed = try_cast(call("trim", column.tree), f"DECIMAL({_MOST_DIGITS},{_TEXT_SCALE})")
        exact = _fixed(operator, trimmed, number, _TEXT_SCALE)
        readable = full_match(column.tree, _EXACT_TEXT)
        other = _floating(operator, double(column), value, "DOUBLE")
        return case([(readable, exact)], other)
    if kind == "date":
        return _compared_date(operator, column, value)
    return paren(operator(this=column.tree, expression=string(value)))
