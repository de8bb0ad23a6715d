"""CATEGORICAL_MAPPING: values of a column mapped to others.

Here: the map and what becomes of values outside of it. Not here: one column for each category
(reshaping.py).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.conditions import conditions_tree
from cleanroom_pipeline.recipe.expressions import (
    INTEGER_TYPES,
    all_of,
    any_of,
    case,
    double,
    equal,
    is_numeric,
    negated,
    null,
    number,
    string,
    text,
)
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
from cleanroom_pipeline.recipe.plan import DOUBLE, TEXT, Column, Filter, Frame


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _check_mapping(values: Mapping[str, Any]) -> Iterable[str]:
    outcomes = [*values["categoryMap"].values(), values["other"] or "0"]
    if values["mapType"] == "NUMERIC" and not all(map(_is_number, outcomes)):
        yield "with mapType NUMERIC every mapped value is a number"
    ways = ("deleteOtherRows", "keepOthers", "other")
    chosen = [name for name in ways if values[name] not in {None, False}]
    if len(chosen) > 1:
        yield f"{' and '.join(chosen)} exclude each other"


def _is(column: Column, category: str) -> exp.Expr:
    """Return whether a cell is the category: fractions are compared as numbers."""
    if not is_numeric(column.type) or column.type in INTEGER_TYPES:
        return equal(text(column), string(category))
    return equal(double(column), number(float(category))) if _is_number(category) else exp.false()


@operation(
    "CATEGORICAL_MAPPING",
    Status.INFERRED,
    "Maps values to others in a new column. A value that is not in the map, and null: its row goes "
    "(deleteOtherRows), or it gets `other`, or stays as it is (keepOthers), else null. mapType "
    "NUMERIC gives numbers (a kept value that is none is null), TEXT gives texts. AWS is silent on "
    "null, and on two of the three ways at once: that is refused.",
    SOURCE,
    TARGET,
    Parameter("categoryMap", Kind.MAPPING, "value to mapped value", required=True),
    Parameter(
        "mapType", Kind.CHOICE, "what values map to", default="TEXT", choices=("NUMERIC", "TEXT")
    ),
    Parameter("deleteOtherRows", Kind.BOOLEAN, "whether other rows go", default=False),
    Parameter("other", Kind.TEXT, "what other values map to"),
    Parameter("keepOthers", Kind.BOOLEAN, "whether other values stay", default=False),
    check=_check_mapping,
)
def categorical_mapping(call: Call, frame: Frame) -> Frame:
    """Map categories."""
    column, categories = frame.column(call.source), call["categoryMap"]
    numeric = call["mapType"] == "NUMERIC"

    def outcome(value: str) -> exp.Expr:
        return number(float(value)) if numeric else string(value)

    otherwise = null()
    if call["other"] is not None:
        otherwise = outcome(call["other"])
    elif call["keepOthers"]:
        otherwise = double(column) if numeric else text(column)
    mapped = case([(_is(column, one), outcome(value)) for one, value in categories.items()])
    mapped.set("default", otherwise)
    after = new_column(call, frame, mapped, type_=DOUBLE if numeric else TEXT)
    if not call["deleteOtherRows"]:
        return after
    gone = negated(any_of(_is(column, one) for one in categories))
    condition = conditions_tree(call.step.conditions, after)
    return after.then(Filter(negated(gone if condition is None else all_of([gone, condition]))))
