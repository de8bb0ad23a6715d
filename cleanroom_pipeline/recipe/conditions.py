"""The 15 ConditionExpressions, as trees.

Here: what a condition means for a column of any type. Not here: which steps it limits.

AWS is silent on nulls. Ours: a null cell satisfies no positive condition except IS_MISSING, and a
negative condition (IS_NOT, NOT_CONTAINS, NOT_STARTS_WITH, NOT_ENDS_WITH) is the exact complement of
its positive, so a null cell satisfies it. All conditions of a step must hold. Text is compared by
code point, case-sensitively. Order conditions compare numbers when the condition's value is a
number, dates when it reads as one, else text; a cell that is not of that kind satisfies none.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import dates
from cleanroom_pipeline.recipe.data_types import CAST_TYPES, cast_column
from cleanroom_pipeline.recipe.expressions import (
    INTEGER_TYPES,
    all_of,
    any_of,
    call,
    cast,
    double,
    equal,
    is_in,
    is_null,
    is_numeric,
    missing,
    negated,
    number,
    paren,
    string,
    text,
)
from cleanroom_pipeline.recipe.findings import StepError, not_among
from cleanroom_pipeline.recipe.plan import TIMESTAMP, Column, Frame
from cleanroom_pipeline.recipe.steps import Condition

_ORDERS: Mapping[str, type[exp.Binary]] = {
    "LESS_THAN": exp.LT,
    "LESS_THAN_EQUAL": exp.LTE,
    "GREATER_THAN": exp.GT,
    "GREATER_THAN_EQUAL": exp.GTE,
}
_TEXTS = {"CONTAINS": "contains", "STARTS_WITH": "starts_with", "ENDS_WITH": "ends_with"}
_NEGATIVES = {
    "IS_NOT": "IS",
    "NOT_CONTAINS": "CONTAINS",
    "NOT_STARTS_WITH": "STARTS_WITH",
    "NOT_ENDS_WITH": "ENDS_WITH",
}
NAMES = (
    "IS", "IS_NOT", "IS_BETWEEN", "LESS_THAN", "LESS_THAN_EQUAL", "GREATER_THAN",
    "GREATER_THAN_EQUAL", "CONTAINS", "NOT_CONTAINS", "STARTS_WITH", "NOT_STARTS_WITH",
    "ENDS_WITH", "NOT_ENDS_WITH", "IS_INVALID", "IS_MISSING",
)  # fmt: skip


def any_values(value: str) -> tuple[str, ...]:
    """Return the texts that IS compares with: a JSON list of texts, else the value itself."""
    if value.lstrip().startswith("["):
        try:
            read = json.loads(value)
        except ValueError:
            return (value,)
        if isinstance(read, list) and all(isinstance(x, str | int | float) for x in read):
            return tuple(x if isinstance(x, str) else json.dumps(x) for x in read)
    return (value,)


def bounds(value: str) -> tuple[str, str]:
    """Return both ends of IS_BETWEEN, or raise StepError.

    AWS publishes no example of the encoding; this takes the object its text describes.
    """
    try:
        read: Any = json.loads(value)
        low, high = read["GREATER_THAN_EQUAL"], read["LESS_THAN_EQUAL"]
    except (ValueError, KeyError, TypeError):
        form = '{"GREATER_THAN_EQUAL":"1","LESS_THAN_EQUAL":"9"}'
        raise StepError(f"IS_BETWEEN takes a value of the form {form}") from None
    return str(low), str(high)


def _as_number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _as_date(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _ordered(operator: type[exp.Binary], column: Column, value: str) -> exp.Expr:
    as_number = _as_number(value)
    if as_number is not None:
        return paren(operator(this=double(column), expression=number(as_number)))
    as_date = _as_date(value)
    if as_date is not None and as_date.tzinfo is None:
        limit = cast(string(as_date.isoformat(sep=" ")), TIMESTAMP)
        return paren(operator(this=dates.timestamp(column), expression=limit))
    return paren(operator(this=text(column), expression=string(value)))


def _is(column: Column, value: str) -> exp.Expr:
    """Return whether the cell is one of the values; fractions are compared as numbers."""
    values = any_values(value)
    numbers = [_as_number(one) for one in values]
    if is_numeric(column.type) and column.type not in INTEGER_TYPES:
        return any_of(equal(double(column), number(one)) for one in numbers if one is not None)
    return is_in(text(column), values)


def _is_between(column: Column, value: str) -> exp.Expr:
    low, high = bounds(value)
    return all_of([_ordered(exp.GTE, column, low), _ordered(exp.LTE, column, high)])


def _is_invalid(column: Column, value: str) -> exp.Expr:
    there = paren(exp.Not(this=missing(column)))
    return all_of([there, is_null(cast_column(column, value))])


def _positive(condition: str, column: Column, value: str) -> exp.Expr:
    if condition in _ORDERS:
        return _ordered(_ORDERS[condition], column, value)
    if condition in _TEXTS:
        return call(_TEXTS[condition], text(column), string(value))
    others: Mapping[str, Callable[[], exp.Expr]] = {
        "IS": lambda: _is(column, value),
        "IS_BETWEEN": lambda: _is_between(column, value),
        "IS_INVALID": lambda: _is_invalid(column, value),
        "IS_MISSING": lambda: missing(column),
    }
    return others[condition]()


def condition_tree(condition: Condition, frame: Frame) -> exp.Expr:
    """Return the tree of one condition: true, false, never null."""
    column = frame.column(condition.target_column)
    value = condition.value or ""
    name = condition.condition
    if name in _NEGATIVES:
        return negated(_positive(_NEGATIVES[name], column, value))
    return call("coalesce", _positive(name, column, value), exp.false())


def conditions_tree(conditions: Iterable[Condition], frame: Frame) -> exp.Expr | None:
    """Return the tree of a step's conditions together, or None when it has none."""
    trees = [condition_tree(one, frame) for one in conditions]
    return all_of(trees) if trees else None


def check_condition(condition: Condition) -> list[str]:
    """Return what is wrong with a condition, whatever the columns."""
    name = condition.condition
    if name not in NAMES:
        return [f"unknown condition {name!r}{not_among(name, NAMES)}"]
    if name == "IS_MISSING":
        return []
    if not condition.value:
        return [f"condition {name} needs a Value"]
    if name == "IS_INVALID" and condition.value not in CAST_TYPES:
        wrong = f"{condition.value!r} is no data type{not_among(condition.value, CAST_TYPES)}"
        return [f"condition IS_INVALID: {wrong}"]
    if name == "IS_BETWEEN":
        try:
            bounds(condition.value)
        except StepError as problem:
            return [str(problem)]
    return []
