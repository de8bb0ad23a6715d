"""Operations on whole columns: names, order, types, and the order of rows.

Here: RENAME, DELETE, DUPLICATE, MOVE_*, CHANGE_DATA_TYPE, TO_*_COLUMN, SORT. Not here: cells.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.data_types import CAST_TYPES, DUCKDB_TYPES, cast_column
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import case, equal, integer, is_null, null, string, text
from cleanroom_pipeline.recipe.findings import StepError, not_among
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    SOURCES,
    TARGET,
    Call,
    Kind,
    Operation,
    Parameter,
    Status,
    operation,
    register,
)
from cleanroom_pipeline.recipe.operations.rewriting import in_place
from cleanroom_pipeline.recipe.plan import Column, Frame, Output, Sort, reference

_BESIDE = Parameter("targetColumn", Kind.COLUMN, "the column to move beside", required=True)
_DATA_TYPE = Parameter(
    "columnDataType", Kind.CHOICE, "the type to change to", required=True, choices=CAST_TYPES
)


@operation(
    "RENAME",
    Status.DOCUMENTED,
    "Renames a column, in its place; no other column may have the new name.",
    SOURCE,
    TARGET,
    conditions=False,
)
def rename(call: Call, frame: Frame) -> Frame:
    """Rename; a column of the new name must not be there."""
    column = frame.column(call.source)
    target = call["targetColumn"]
    if target != column.name:
        frame.refuse_existing(target)
    renamed = Output(replace(column, name=target), reference(column.name))
    return frame.replaced({column.name: renamed})


@operation(
    "DELETE", Status.DOCUMENTED, "Deletes columns; one must be left.", SOURCES, conditions=False
)
def delete(call: Call, frame: Frame) -> Frame:
    """Delete; at least one column must stay."""
    gone = {frame.column(name).name for name in call.sources}
    return frame.select(name for name in frame.names if name not in gone)


@operation(
    "DUPLICATE",
    Status.INFERRED,
    "Copies a column, its type too; the copy is at the end (AWS does not say where). Without "
    "targetColumn it is called <source>_copy.",
    SOURCE,
    replace(TARGET, required=False),
    conditions=False,
)
def duplicate(call: Call, frame: Frame) -> Frame:
    """Copy; without a target the copy is `<source>_copy`."""
    column = frame.column(call.source)
    target = call["targetColumn"] or f"{column.name}_copy"
    return frame.added([Output(replace(column, name=target), reference(column.name))])


def _others(frame: Frame, name: str) -> list[str]:
    frame.column(name)
    return [one for one in frame.names if one != name]


def _beside(call: Call, frame: Frame, offset: int) -> Frame:
    others = _others(frame, call.source)
    target = frame.column(call["targetColumn"]).name
    if target == call.source:
        raise StepError("a column can't be moved beside itself")
    place = others.index(target) + offset
    return frame.select([*others[:place], call.source, *others[place:]])


@operation(
    "MOVE_BEFORE",
    Status.DOCUMENTED,
    "Moves a column to the left of another.",
    SOURCE,
    _BESIDE,
    conditions=False,
)
def move_before(call: Call, frame: Frame) -> Frame:
    """Move to the left of another column."""
    return _beside(call, frame, 0)


@operation(
    "MOVE_AFTER",
    Status.DOCUMENTED,
    "Moves a column to the right of another.",
    SOURCE,
    _BESIDE,
    conditions=False,
)
def move_after(call: Call, frame: Frame) -> Frame:
    """Move to the right of another column."""
    return _beside(call, frame, 1)


@operation(
    "MOVE_TO_START",
    Status.DOCUMENTED,
    "Moves a column to the first place.",
    SOURCE,
    conditions=False,
)
def move_to_start(call: Call, frame: Frame) -> Frame:
    """Move to the first place."""
    return frame.select([call.source, *_others(frame, call.source)])


@operation(
    "MOVE_TO_END", Status.DOCUMENTED, "Moves a column to the last place.", SOURCE, conditions=False
)
def move_to_end(call: Call, frame: Frame) -> Frame:
    """Move to the last place."""
    return frame.select([*_others(frame, call.source), call.source])


@operation(
    "MOVE_TO_INDEX",
    Status.DOCUMENTED,
    "Moves a column to a place counted from 0; one beyond the last is the last.",
    SOURCE,
    Parameter("targetIndex", Kind.INTEGER, "the place, counted from 0", required=True, least=0),
    conditions=False,
)
def move_to_index(call: Call, frame: Frame) -> Frame:
    """Move to a place; one beyond the last is the last."""
    others = _others(frame, call.source)
    place = call["targetIndex"]
    return frame.select([*others[:place], call.source, *others[place:]])


@operation(
    "CHANGE_DATA_TYPE",
    Status.DOCUMENTED,
    "Casts cells to a type; null for null and for what can't be cast, such as the empty text as a "
    "number. Fractions are cut off for whole numbers, and what a type has no room for is null. "
    "Booleans are read from true, yes, t, y, 1 and false, no, f, n, 0 in any case. Dates are read "
    "as elsewhere.",
    SOURCES,
    _DATA_TYPE,
)
def change_data_type(call: Call, frame: Frame) -> Frame:
    """Cast to a DataBrew type."""
    type_name = call["columnDataType"]
    return in_place(
        call, frame, lambda one: cast_column(one, type_name), type_=DUCKDB_TYPES[type_name]
    )


def _to_type(type_name: str) -> Operation:
    def build(call: Call, frame: Frame) -> Frame:
        wanted = call["columnDataType"] or type_name
        return in_place(
            call, frame, lambda one: cast_column(one, wanted), type_=DUCKDB_TYPES[wanted]
        )

    doc = f"CHANGE_DATA_TYPE to {type_name} by an older name; columnDataType may name another type."
    parameters = (SOURCES, replace(_DATA_TYPE, required=False))
    return Operation(f"TO_{type_name.upper()}_COLUMN", 1, Status.DOCUMENTED, doc, parameters, build)


for _name in ("boolean", "double", "number", "string"):
    register(_to_type(_name))


_SORT_KEYS = (
    "sourceColumn",
    "ordering",
    "nullsOrdering",
    "customOrder",
    "isCustomOrderCaseSensitive",
)
_ORDERINGS = {"ASCENDING": False, "DESCENDING": True}
_NULLS = {"NULLS_TOP": True, "NULLS_BOTTOM": False}


def _check_sort(values: Mapping[str, Any]) -> list[str]:
    problems = []
    for entry in values["expressions"]:
        problems += [
            f"unknown key {key!r} in expressions{not_among(key, _SORT_KEYS)}"
            for key in entry
            if key not in _SORT_KEYS
        ]
        if not isinstance(entry.get("sourceColumn"), str):
            problems.append("each of the expressions needs a sourceColumn")
        for key, known in (("ordering", _ORDERINGS), ("nullsOrdering", _NULLS)):
            if key in entry and entry[key] not in known:
                problems.append(f"{key} {entry[key]!r}{not_among(str(entry[key]), known)}")
        if not isinstance(entry.get("customOrder", []), list):
            problems.append("customOrder is a list of texts")
        sensitive = entry.get("isCustomOrderCaseSensitive", False)
        if str(sensitive).lower() not in {"true", "false"}:
            problems.append("isCustomOrderCaseSensitive is neither true nor false")
    return problems


def _folded(tree: exp.Expr) -> exp.Expr:
    """Return the text as java.lang.String.equalsIgnoreCase compares it: letter by letter."""
    return function("lower", function("upper", tree))


def _custom_rank(column: Column, wanted: list[str], *, case_sensitive: bool) -> exp.Expr:
    """Return the place of a text in an order of the author's; texts not in it come last."""
    spelled = text(column)
    texts = [string(one) for one in wanted]
    if not case_sensitive:
        spelled, texts = _folded(spelled), [_folded(one) for one in texts]
    branches = [(is_null(column.tree), null())]
    branches += [(equal(spelled.copy(), one), integer(place)) for place, one in enumerate(texts)]
    return case(branches, integer(len(wanted)))


@operation(
    "SORT",
    Status.DOCUMENTED,
    "Sorts rows by one column or more; rows that are equal in them stay in the order they had. "
    "Texts are in the order of their code points (upper case before lower). Nulls come first when "
    "ascending and last when descending, as in Spark, unless nullsOrdering says otherwise. Texts "
    "that are not in customOrder come after those that are, first when descending.",
    Parameter(
        "expressions",
        Kind.OBJECTS,
        "what to sort by, in order: sourceColumn, ordering (ASCENDING, DESCENDING), nullsOrdering "
        "(NULLS_TOP, NULLS_BOTTOM), customOrder (a list of texts), isCustomOrderCaseSensitive",
        required=True,
    ),
    conditions=False,
    check=_check_sort,
)
def sort(call: Call, frame: Frame) -> Frame:
    """Sort by one or more columns."""
    order = []
    for entry in call["expressions"]:
        column = frame.column(entry["sourceColumn"])
        descending = _ORDERINGS[entry.get("ordering", "ASCENDING")]
        nulls_first = _NULLS.get(entry.get("nullsOrdering", ""), not descending)
        wanted = [str(one) for one in entry.get("customOrder") or []]
        if wanted:
            sensitive = str(entry.get("isCustomOrderCaseSensitive", "")).lower() == "true"
            rank = _custom_rank(column, wanted, case_sensitive=sensitive)
            order.append(exp.Ordered(this=rank, desc=descending, nulls_first=nulls_first))
        tree = reference(column.name)
        order.append(exp.Ordered(this=tree, desc=descending, nulls_first=nulls_first))
    return frame.then(Sort(tuple(order)))
