"""The 15 ConditionExpressions, as trees.

Here: what a condition means for a column of any type. Not here: which steps it limits.

AWS is silent on nulls. Ours: a null cell satisfies no positive condition except IS_MISSING, and a
negative condition (IS_NOT, NOT_CONTAINS, NOT_STARTS_WITH, NOT_ENDS_WITH) is the exact complement of
its positive, so a null cell satisfies it. All conditions of a step must hold. IS and the order
conditions compare by the column's type (comparison.py); IS of a text column compares whole texts.
CONTAINS and its kin compare texts by code point, case-sensitively, typed cells as CSV spells them.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.comparison import compared, equal_to_any, kind_of
from cleanroom_pipeline.recipe.data_types import CAST_TYPES, cast_column
from cleanroom_pipeline.recipe.expressions import (
    all_of,
    call,
    is_null,
    missing,
    negated,
    paren,
    string,
    text,
)
from cleanroom_pipeline.recipe.findings import StepError, not_among
from cleanroom_pipeline.recipe.plan import Column, Frame
from cleanroom_pipeline.recipe.steps import Condition

_ORDERS: Mapping[str, type[exp.Binary]] = {
    "LESS_THAN": exp.LT,
    "LESS_THAN_EQUAL": exp.LTE,
    "GREATER_THAN": exp.GT,
    "GREATER_THAN_EQUAL": exp.GTE,
}
_TEXTS = {"CONTAINS": "contains", "STARTS_WITH": "starts_with", "ENDS_WITH": "ends_with"}
_ENDS = ("GREATER_THAN_EQUAL", "LESS_THAN_EQUAL")
_FORM = 'IS_BETWEEN takes a value of the form {"GREATER_THAN_EQUAL":"1","LESS_THAN_EQUAL":"9"}'
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


def _json(value: str) -> Any:
    """Return what JSON holds, its numbers as they are spelled."""
    return json.loads(value, parse_float=str, parse_int=str, parse_constant=str)


def any_values(value: str) -> tuple[str, ...]:
    """Return the texts that IS compares with: a JSON list of texts, else the value itself."""
    if value.lstrip().startswith("["):
        try:
            read = _json(value)
        except (ValueError, RecursionError):
            return (value,)
        if read and all(isinstance(one, str | bool) for one in read):
            return tuple(one if isinstance(one, str) else json.dumps(one) for one in read)
    return (value,)


def bounds(value: str) -> tuple[str, str]:
    """Return both ends of IS_BETWEEN, or raise StepError.

    AWS publishes no example of the encoding; this takes the object its text describes.
    """
    try:
        read = _json(value)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict) or set(read) != set(_ENDS):
        raise StepError(_FORM)
    low, high = (read[end] for end in _ENDS)
    if not (isinstance(low, str) and isinstance(high, str) and low and high):
        raise StepError(_FORM)
    return low, high


def _is_between(column: Column, value: str) -> exp.Expr:
    """Return whether the cell is between both ends, as texts when they are of different kinds."""
    low, high = bounds(value)
    kind = kind_of(low) if kind_of(low) == kind_of(high) else "text"
    return all_of([compared(exp.GTE, column, low, kind), compared(exp.LTE, column, high, kind)])


def _is_invalid(column: Column, value: str) -> exp.Expr:
    there = paren(exp.Not(this=missing(column)))
    return all_of([there, is_null(cast_column(column, value))])


def _positive(condition: str, column: Column, value: str) -> exp.Expr:
    if condition in _ORDERS:
        return compared(_ORDERS[condition], column, value)
    if condition in _TEXTS:
        return call(_TEXTS[condition], text(column), string(value))
    others: Mapping[str, Callable[[], exp.Expr]] = {
        "IS": lambda: equal_to_any(column, any_values(value)),
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
