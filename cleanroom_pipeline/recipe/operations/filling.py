"""Operations that fill missing cells, and those that replace invalid ones, by the same values.

Here: FILL_WITH_* and REPLACE_WITH_*. Not here: removing or flagging rows (quality.py), rolling
values (rolling_fills.py).

Missing is null or the empty text. Invalid is there, and can't be cast to columnDataType. A value of
the whole column is one of the cells that are neither, in all rows, whatever the step's conditions.
Numbers in a text column are read where they can be.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.conditions import conditions_tree
from cleanroom_pipeline.recipe.data_types import CAST_TYPES, DUCKDB_TYPES, cast_column
from cleanroom_pipeline.recipe.expressions import (
    all_of,
    case,
    double,
    is_null,
    is_numeric,
    missing,
    null,
    paren,
    string,
)
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.operations.column_values import (
    Fill,
    custom_fill,
    modes,
    number_fill,
)
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    Call,
    Kind,
    Operation,
    Parameter,
    Status,
    register,
)
from cleanroom_pipeline.recipe.operations.measures import MODE_TYPE, PICKS
from cleanroom_pipeline.recipe.operations.quality import ADVANCED_TYPE, check_advanced_type
from cleanroom_pipeline.recipe.operations.rewriting import as_type
from cleanroom_pipeline.recipe.plan import (
    TEXT,
    Column,
    Frame,
    Output,
    row,
    scalar,
)

# Type names that exports hold beside those of CHANGE_DATA_TYPE.
_TYPES = (*CAST_TYPES, "unsupported")
_TYPE = Parameter("columnDataType", Kind.CHOICE, "the type of the column", choices=_TYPES)


@dataclass(frozen=True)
class Target:
    """The column to fill, the step that asks for it, and a name for a value it needs."""

    call: Call
    column: Column
    name: str


def _wrong(call: Call, column: Column) -> exp.Expr:
    """Return whether a cell is to be replaced: missing for FILL_, invalid for REPLACE_."""
    lacking = missing(column)
    if call.step.operation.startswith("FILL_"):
        return lacking
    there = paren(exp.Not(this=lacking))
    return all_of([there, is_null(cast_column(column, call["columnDataType"]))])


def _sound(target: Target) -> exp.Expr:
    """Return whether a cell is neither missing nor invalid."""
    column, type_name = target.column, target.call["columnDataType"]
    there = paren(exp.Not(this=missing(column)))
    if type_name not in DUCKDB_TYPES:
        return there
    return all_of([there, paren(exp.Not(this=is_null(cast_column(column, type_name))))])


def _right(target: Target) -> exp.Expr:
    """Return the cell's own value, null where it is missing or invalid."""
    return case([(_sound(target), target.column.tree)])


def _numbers(target: Target) -> exp.Expr:
    """Return the cell's number, null where it is missing, invalid or none."""
    return case([(_sound(target), double(target.column))])


def _number(aggregate: str) -> Callable[[Target], Fill]:
    def fill(target: Target) -> Fill:
        scalars = {target.name: function(aggregate, _numbers(target))}
        return number_fill(scalar(target.name), target.column, scalars)

    return fill


def _most_frequent(target: Target) -> Fill:
    tree = modes(_right(target), "min")
    return Fill(scalar(target.name), target.column.type, {target.name: tree})


def _mode(target: Target) -> Fill:
    pick = PICKS.get(target.call["modeType"])
    tree = modes(_numbers(target), pick or "min", alone=pick is None)
    return number_fill(scalar(target.name), target.column, {target.name: tree})


def _custom(target: Target) -> Fill:
    return custom_fill(target.call["value"], target.column)


def _empty(_: Target) -> Fill:
    return Fill(string(""), TEXT)


def _null(target: Target) -> Fill:
    return Fill(null(), target.column.type)


def _last_valid(target: Target) -> Fill:
    last = exp.IgnoreNulls(this=exp.LastValue(this=_right(target)))
    order = exp.Order(expressions=[exp.Ordered(this=row())])
    spec = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW")
    window = exp.Window(this=last, order=order, spec=spec)
    return Fill(window, target.column.type)


@dataclass(frozen=True)
class Way:
    """One way to fill: the tiers of FILL_ and REPLACE_, what is sure of it, what it fills with."""

    fill: Callable[[Target], Fill]
    status: Status
    doc: str
    tier: int = 1


_SPELLED = (
    " Cells that are no number are left out; a text column gets the number as text, another "
    "becomes DOUBLE; with no number at all it is null."
)
_WAYS: Mapping[str, Way] = {
    "AVERAGE": Way(_number("avg"), Status.DOCUMENTED, "the average." + _SPELLED),
    "MEDIAN": Way(_number("median"), Status.DOCUMENTED, "the median." + _SPELLED),
    "SUM": Way(_number("sum"), Status.DOCUMENTED, "the sum." + _SPELLED, tier=2),
    "MOST_FREQUENT": Way(
        _most_frequent,
        Status.INFERRED,
        "the most frequent cell that is neither missing nor invalid; AWS is silent on ties: of "
        "several the least, texts by code point.",
    ),
    "MODE": Way(
        _mode,
        Status.INFERRED,
        "the most frequent number; of several what modeType says, with NONE null (AWS names NONE "
        "and is silent on it)." + _SPELLED,
    ),
    "CUSTOM": Way(
        _custom,
        Status.DOCUMENTED,
        "`value`, as it is in a text column, read as the column's type in another.",
    ),
    "EMPTY": Way(
        _empty, Status.INFERRED, "the empty text; a column of another type becomes a text column."
    ),
    "NULL": Way(_null, Status.INFERRED, "null."),
    "LAST_VALID": Way(
        _last_valid,
        Status.DOCUMENTED,
        "the nearest earlier cell, in input order, that is neither missing nor invalid "
        "(columnDataType says what is); before the first of them null.",
    ),
}
_MORE: Mapping[str, tuple[Parameter, ...]] = {
    "CUSTOM": (Parameter("value", Kind.TEXT, "the value to fill with", required=True),),
    "MODE": (MODE_TYPE,),
}


def _fill(call: Call, frame: Frame) -> Frame:
    way = _WAYS[call.step.operation.partition("_WITH_")[2]]
    condition = conditions_tree(call.step.conditions, frame)
    changes: dict[str, Output] = {}
    scalars: dict[str, exp.Expr] = {}
    for place, name in enumerate(call.sources):
        column = frame.column(name)
        fill = way.fill(Target(call, column, f"fill_{place}"))
        wrong = _wrong(call, column)
        if condition is not None:
            wrong = all_of([wrong, condition.copy()])
        tree = case([(wrong, fill.tree)], as_type(column, fill.type))
        changes[name] = Output(Column(name, fill.type), tree)
        scalars.update(fill.scalars)
    return frame.replaced(changes, scalars=scalars)


def _check_replaced(values: Mapping[str, Any]) -> Iterable[str]:
    if values["columnDataType"] == "unsupported":
        yield "columnDataType 'unsupported' says nothing about which cells are valid"
    yield from check_advanced_type(values)


def _check_number(values: Mapping[str, Any]) -> Iterable[str]:
    type_name = values["columnDataType"]
    known = type_name in DUCKDB_TYPES
    if known and not is_numeric(DUCKDB_TYPES[type_name]):
        yield f"needs numbers; columnDataType is {type_name!r}"


def _declare(prefix: str, name: str, way: Way) -> Operation:
    fills = prefix == "FILL"
    which = (
        "missing cells (null, or the empty text)"
        if fills
        else ("invalid cells (there, and not castable to columnDataType; missing ones stay)")
    )
    checks = [check_advanced_type] if fills else [_check_replaced]
    if name in {"AVERAGE", "MEDIAN", "SUM", "MODE"}:
        checks.append(_check_number)

    def check(values: Mapping[str, Any]) -> Iterable[str]:
        for one in checks:
            yield from one(values)

    return Operation(
        f"{prefix}_WITH_{name}",
        way.tier if fills else 2,
        way.status if fills else Status.INFERRED,
        f"Fills {which} with {way.doc}" if fills else f"Replaces {which} with {way.doc}",
        (
            SOURCES,
            _TYPE if fills else replace(_TYPE, required=True),
            ADVANCED_TYPE,
            *_MORE.get(name, ()),
        ),
        _fill,
        check=check,
    )


for _name, _way in _WAYS.items():
    for _prefix in ("FILL", "REPLACE"):
        register(_declare(_prefix, _name, _way))
