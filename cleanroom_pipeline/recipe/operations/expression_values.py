"""Typed values of the expression language: what an operand is, and how operands meet.

Here: comparing, joining and unifying values of any types. Not here: parsing
(expression_language.py), the operations (conditional.py).

Spark decides by types; a CSV file's columns are all texts here. So a text next to a number, date or
truth is read as one, and two texts in an order are compared as numbers where both are numbers.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from cleanroom_pipeline.recipe import dates
from cleanroom_pipeline.recipe.comparison import Operator, compared, is_date
from cleanroom_pipeline.recipe.expressions import (
    INTEGER_TYPES,
    all_of,
    boolean,
    call,
    case,
    cast,
    double,
    integer,
    is_null,
    is_numeric,
    is_temporal,
    null,
    paren,
    string,
    text,
    try_cast,
)
from cleanroom_pipeline.recipe.findings import StepError
from cleanroom_pipeline.recipe.plan import BIGINT, BOOLEAN, DOUBLE, TEXT, TIMESTAMP, Column

NULL_TYPE = "NULL"
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
_FLIPPED: Mapping[Operator, Operator] = {
    exp.EQ: exp.EQ,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
}


@dataclass(frozen=True)
class Value(Column):
    """An operand: `name` is how it is called in messages; a literal keeps how it is written."""

    made: exp.Expr = field(default_factory=null)
    written: str | None = None

    @property
    def tree(self) -> exp.Expr:
        """The tree that computes it."""
        return self.made.copy()


def of_column(column: Column) -> Value:
    """Return a column as an operand."""
    return Value(f"column {column.name!r}", column.type, column.tree)


def truth(value: Value) -> exp.Expr:
    """Return the operand as a condition; StepError when it is none."""
    if value.type == NULL_TYPE:
        return null()
    if value.type not in {BOOLEAN, TEXT} or (value.written is not None and value.type == TEXT):
        message = f"{value.name} stands where a condition must, such as `a` < 5"
        raise StepError(message)
    return boolean(value)


def compare(operator: Operator, left: Value, right: Value) -> exp.Expr:
    """Return left operator right (exp.EQ, LT, LTE, GT, GTE); null where a side can't be read."""
    if NULL_TYPE in {left.type, right.type}:
        return null()
    if left.written is not None and right.written is None:
        return compare(_FLIPPED[operator], right, left)
    if right.written is not None and left.written is None:
        return _with_literal(operator, left, right)
    return _between_values(operator, left, right)


def _with_literal(operator: Operator, value: Value, literal: Value) -> exp.Expr:
    written = literal.written or ""
    if value.type == TEXT and literal.type == BOOLEAN:
        return paren(operator(this=boolean(value), expression=literal.tree))
    if value.type == TEXT and literal.type == TEXT:
        kind = "date" if is_date(written) and operator is not exp.EQ else "text"
    else:
        kind = "number"
    holds = compared(operator, value, written, kind)
    # What can't be read satisfies nothing, nor does its negation: as Spark's cast gives null.
    return case([(paren(exp.Not(this=is_null(value.tree))), holds)])


def _between_values(operator: Operator, left: Value, right: Value) -> exp.Expr:
    both = (left, right)
    types = {left.type, right.type}
    if types == {TEXT}:
        as_texts = paren(operator(this=left.tree, expression=right.tree))
        if operator is exp.EQ:
            return as_texts
        numbers = [double(one) for one in both]
        there = all_of(paren(exp.Not(this=is_null(one.copy()))) for one in numbers)
        return case([(there, paren(operator(this=numbers[0], expression=numbers[1])))], as_texts)
    if any(is_temporal(one) for one in both):
        readers = [dates.timestamp(one) for one in both if is_temporal(one) or one.type == TEXT]
        if len(readers) == len(both):
            return paren(operator(this=readers[0], expression=readers[1]))
    elif types <= {BOOLEAN, TEXT}:
        return paren(operator(this=boolean(left), expression=boolean(right)))
    elif all(is_numeric(one.type) for one in both):
        return paren(operator(this=left.tree, expression=right.tree))
    elif all(is_numeric(one.type) or one.type == TEXT for one in both):
        return paren(operator(this=double(left), expression=double(right)))
    message = f"{left.name} ({left.type}) can't be compared with {right.name} ({right.type})"
    raise StepError(message)


def unified(values: Sequence[Value]) -> tuple[list[exp.Expr], str]:
    """Return the values as trees of one type, and that type.

    One type stays; whole numbers become BIGINT, other numbers DOUBLE, dates beside timestamps
    TIMESTAMP, any other mix text, literals as they are written.
    """
    types = {one.type for one in values} - {NULL_TYPE}
    if len(types) == 1:
        type_ = types.pop()
        return [_as(one, type_) for one in values], type_
    if types and types <= INTEGER_TYPES:
        return [_as(one, BIGINT) for one in values], BIGINT
    if types and all(is_numeric(one) for one in types):
        return [_as(one, DOUBLE) for one in values], DOUBLE
    if types and all(is_temporal(one) for one in values if one.type != NULL_TYPE):
        return [_as(one, TIMESTAMP) for one in values], TIMESTAMP
    return [as_text(one) for one in values], TEXT


def _as(value: Value, type_: str) -> exp.Expr:
    if value.type == NULL_TYPE:
        return cast(null(), type_)
    return value.tree if value.type == type_ else cast(value.tree, type_)


def as_text(value: Value) -> exp.Expr:
    """Return the operand as text, a literal as it is written."""
    if value.type == NULL_TYPE:
        return cast(null(), TEXT)
    return exp.Literal.string(value.written) if value.written is not None else text(value)


def arithmetic(operator: Operator, left: Value, right: Value) -> Value:
    """Return left operator right (exp.Add, Sub, Mul, Div, Mod); null for what Spark gives null.

    Whole numbers give BIGINT, null beyond its range; all else DOUBLE. By zero there is null.
    """
    for one in (left, right):
        if not (is_numeric(one.type) or one.type in {TEXT, NULL_TYPE}):
            message = f"{one.name} is {one.type}, no number to compute with"
            raise StepError(message)
    whole = {left.type, right.type} <= INTEGER_TYPES and operator is not exp.Div
    if whole:
        sides = [cast(one.tree, "HUGEINT") for one in (left, right)]
    else:
        sides = [
            cast(null(), DOUBLE) if one.type == NULL_TYPE else double(one) for one in (left, right)
        ]
    result = paren(operator(this=sides[0], expression=sides[1]))
    if operator in {exp.Div, exp.Mod}:
        zero = exp.Literal.number(0)
        result = case([(paren(exp.NEQ(this=sides[1].copy(), expression=zero)), result)])
    if whole:
        return Value("a result", BIGINT, try_cast(result, BIGINT))
    return Value("a result", DOUBLE, result)


def joined(values: Sequence[Value]) -> Value:
    """Return the values joined as texts; null when one is."""
    tree = as_text(values[0])
    for value in values[1:]:
        tree = exp.DPipe(this=tree, expression=as_text(value), safe=True)
    return Value("a text", TEXT, paren(tree))


def first_there(values: Sequence[Value]) -> Value:
    """Return the first value that is not null."""
    trees, type_ = unified(values)
    return Value("a value", type_, call("coalesce", *trees))


def literal(written: str, *, text_alone: bool = False) -> Value:
    """Return a literal: a whole number when it is written as one, else a text."""
    if text_alone or not _WHOLE.fullmatch(written):
        return Value(f"the text {written!r}", TEXT, string(written), written)
    return Value(f"the number {written}", BIGINT, cast(integer(int(written)), BIGINT), written)


def chosen(conditions: Sequence[exp.Expr], values: Sequence[Value]) -> Value:
    """Return the value of the first condition that is true, else the last value."""
    trees, type_ = unified(values)
    branches = zip(conditions, trees[:-1], strict=True)
    return Value("a choice", type_, case(branches, trees[-1]))


def spelled(value: Value) -> Column:
    """Return the operand as what `text` spells, a literal as it is written."""
    if value.written is not None:
        return Value(value.name, TEXT, string(value.written))
    return Value(value.name, TEXT, null()) if value.type == NULL_TYPE else value


NULL = Value("null", NULL_TYPE)
