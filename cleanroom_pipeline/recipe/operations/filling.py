"""Operations that fill missing cells, and those that replace invalid ones, by the same values.

Here: FILL_WITH_* and REPLACE_WITH_*. Not here: removing or flagging rows (quality.py).

Missing is null or the empty text. Invalid is there, and can't be cast to columnDataType. Numbers in
a text column are read where they can be; a fill value is spelled as text there. Which fill value:
AVERAGE, MEDIAN, SUM over the numbers of the column; MOST_FREQUENT and MODE over its cells that are
neither missing nor invalid; of several most frequent texts the first by code point.
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
    cast,
    double,
    is_null,
    is_numeric,
    missing,
    null,
    paren,
    string,
    try_cast,
)
from cleanroom_pipeline.recipe.expressions import (
    call as function,
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
from cleanroom_pipeline.recipe.operations.rewriting import as_type
from cleanroom_pipeline.recipe.plan import (
    DOUBLE,
    INPUT,
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
_ADVANCED = Parameter("advancedDataType", Kind.TEXT, "refused: its detector is not published")


@dataclass(frozen=True)
class Fill:
    """What a cell is filled with: a tree of type `type`, and the values it needs beforehand."""

    tree: exp.Expr
    type: str
    scalars: Mapping[str, exp.Expr]


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


def _right(target: Target) -> exp.Expr:
    """Return the cell's own value, null where it is missing or invalid."""
    column, type_name = target.column, target.call["columnDataType"]
    sound = paren(exp.Not(this=missing(column)))
    if type_name in DUCKDB_TYPES:
        castable = paren(exp.Not(this=is_null(cast_column(column, type_name))))
        sound = all_of([sound, castable])
    return case([(sound, column.tree)])


def _typed(tree: exp.Expr, column: Column) -> Fill:
    """Return a number as the column can hold it: spelled in a text column, else DOUBLE."""
    if column.type == TEXT:
        return Fill(cast(tree, TEXT), TEXT, {})
    return Fill(tree, DOUBLE, {})


def _number(aggregate: str) -> Callable[[Target], Fill]:
    def fill(target: Target) -> Fill:
        made = _typed(scalar(target.name), target.column)
        return replace(made, scalars={target.name: function(aggregate, double(target.column))})

    return fill


def _most_frequent(target: Target) -> Fill:
    tree = _modes(_right(target), "min")
    return Fill(scalar(target.name), target.column.type, {target.name: tree})


_PICKS = {"MINIMUM": "min", "MAXIMUM": "max", "AVERAGE": "avg"}


def _mode(target: Target) -> Fill:
    pick = _PICKS.get(target.call["modeType"])
    modes = _modes(double(target.column), pick or "min", alone=pick is None)
    return replace(_typed(scalar(target.name), target.column), scalars={target.name: modes})


def _modes(value: exp.Expr, pick: str, *, alone: bool = False) -> exp.Select:
    """Return SELECT pick(v) of the most frequent values; with `alone`, null unless there is one."""
    v, n, most = exp.column("v"), exp.column("n"), exp.column("most")
    counted = (
        exp.select(value.as_("v"), exp.Count(this=exp.Star()).as_("n"))
        .from_(INPUT)
        .group_by(value.copy())
        .having(paren(exp.Not(this=is_null(value.copy()))))
    )
    window = exp.Window(this=exp.Max(this=n.copy())).as_("most")
    ranked = exp.select(v.copy(), n.copy(), window).from_(counted.subquery("counted"))
    picked = function(pick, v)
    if alone:
        only = paren(exp.EQ(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1)))
        picked = case([(only, picked)])
    same = exp.EQ(this=n, expression=most)
    return exp.select(picked.as_("value")).from_(ranked.subquery("ranked")).where(same)


def _custom(target: Target) -> Fill:
    column, value = target.column, string(target.call["value"])
    if column.type == TEXT:
        return Fill(value, TEXT, {})
    return Fill(try_cast(value, column.type), column.type, {})


def _empty(_: Target) -> Fill:
    return Fill(string(""), TEXT, {})


def _null(target: Target) -> Fill:
    return Fill(null(), target.column.type, {})


def _last_valid(target: Target) -> Fill:
    last = exp.IgnoreNulls(this=exp.LastValue(this=_right(target)))
    order = exp.Order(expressions=[exp.Ordered(this=row())])
    spec = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW")
    window = exp.Window(this=last, order=order, spec=spec)
    return Fill(window, target.column.type, {})


_FILLS: Mapping[str, tuple[int, Status, Callable[[Target], Fill]]] = {
    "AVERAGE": (1, Status.DOCUMENTED, _number("avg")),
    "MEDIAN": (1, Status.DOCUMENTED, _number("median")),
    "SUM": (2, Status.DOCUMENTED, _number("sum")),
    "MOST_FREQUENT": (1, Status.INFERRED, _most_frequent),
    "MODE": (1, Status.DOCUMENTED, _mode),
    "CUSTOM": (1, Status.DOCUMENTED, _custom),
    "EMPTY": (1, Status.DOCUMENTED, _empty),
    "NULL": (1, Status.INFERRED, _null),
    "LAST_VALID": (1, Status.DOCUMENTED, _last_valid),
}
_MORE: Mapping[str, tuple[Parameter, ...]] = {
    "CUSTOM": (Parameter("value", Kind.TEXT, "the value to fill with", required=True),),
    "MODE": (
        Parameter(
            "modeType",
            Kind.CHOICE,
            "which of several modes",
            default="NONE",
            choices=(*_PICKS, "NONE"),
        ),
    ),
}


def _fill(call: Call, frame: Frame) -> Frame:
    make = _FILLS[call.step.operation.partition("_WITH_")[2]][2]
    condition = conditions_tree(call.step.conditions, frame)
    changes: dict[str, Output] = {}
    scalars: dict[str, exp.Expr] = {}
    for place, name in enumerate(call.sources):
        column = frame.column(name)
        fill = make(Target(call, column, f"fill_{place}"))
        wrong = _wrong(call, column)
        if condition is not None:
            wrong = all_of([wrong, condition.copy()])
        tree = case([(wrong, fill.tree)], as_type(column, fill.type))
        changes[name] = Output(Column(name, fill.type), tree)
        scalars.update(fill.scalars)
    return frame.replaced(changes, scalars=scalars)


def _check(values: Mapping[str, Any]) -> Iterable[str]:
    if values["advancedDataType"]:
        yield "advancedDataType is refused: AWS does not publish how it detects the type"
    if values["columnDataType"] == "unsupported":
        yield "columnDataType 'unsupported' says nothing about which cells are valid"


def _check_number(values: Mapping[str, Any]) -> Iterable[str]:
    type_name = values["columnDataType"]
    known = type_name in DUCKDB_TYPES
    if known and not is_numeric(DUCKDB_TYPES[type_name]):
        yield f"needs numbers; columnDataType is {type_name!r}"
    yield from _check(values)


def _declare(prefix: str, name: str) -> Operation:
    tier, status, _ = _FILLS[name]
    fills = prefix == "FILL"
    which = "missing" if fills else "invalid"
    type_parameter = _TYPE if fills else replace(_TYPE, required=True)
    numeric = name in {"AVERAGE", "MEDIAN", "SUM", "MODE"}
    return Operation(
        f"{prefix}_WITH_{name}",
        tier if fills else 2,
        status if fills else Status.INFERRED,
        f"Replaces {which} cells: {name.lower().replace('_', ' ')}.",
        (SOURCES, type_parameter, _ADVANCED, *_MORE.get(name, ())),
        _fill,
        check=_check_number if numeric else _check,
    )


for _prefix in ("FILL", "REPLACE"):
    for _name in _FILLS:
        register(_declare(_prefix, _name))
