"""The operation that makes rows out of groups, and the aggregates of a group.

Here: GROUP_BY, AGGREGATES. Not here: what a statistic is (measures.py), functions over the cells of
one row (aggregates.py).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.data_types import CAST_TYPES, DUCKDB_TYPES, cast_column
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import (
    case,
    double,
    equal,
    missing,
    paren,
)
from cleanroom_pipeline.recipe.findings import StepError, not_among
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    Call,
    Kind,
    Parameter,
    Status,
    ValueProblem,
    operation,
    read_value,
)
from cleanroom_pipeline.recipe.operations.measures import (
    NTH,
    STATISTICS,
    Values,
    comparable,
    kth_largest,
    mode,
    numbers,
    over_group,
    present,
)
from cleanroom_pipeline.recipe.plan import (
    BIGINT,
    TEXT,
    Aggregate,
    Column,
    Computed,
    Frame,
    Output,
    keep,
    reference,
    row,
)


def _any(column: Column) -> Values:
    first = exp.Filter(
        this=function("arg_min", column.tree, row()),
        expression=exp.Where(this=paren(exp.Not(this=missing(column)))),
    )
    return Values(first, column.type)


def _statistic(name: str) -> Callable[[Column], Values]:
    return lambda column: STATISTICS[name](numbers(column), over_group)


def _extreme(name: str) -> Callable[[Column], Values]:
    """Return MIN or MAX: of texts that are all numbers by their value, of others by code point."""

    def aggregate(column: Column) -> Values:
        extreme = function(name, present(column))
        if column.type != TEXT:
            return Values(extreme, column.type)
        by_value = function("row", double(column), column.tree)
        as_number = function(f"arg_{name}", present(column), by_value)
        all_numbers = equal(
            function("count", double(column)),
            function("count", present(column)),
        )
        return Values(case([(all_numbers, as_number)], extreme), TEXT)

    return aggregate


def _mode(column: Column) -> Values:
    return mode(Values(present(column), column.type), over_group, "MINIMUM")


# DataBrew's aggregates that need nothing but a column.
AGGREGATES: Mapping[str, Callable[[Column], Values]] = {
    "ANY": _any,
    "AVERAGE": _statistic("AVERAGE"),
    "COUNT": lambda column: Values(over_group("count", present(column)), BIGINT),
    "COUNT_DISTINCT": lambda column: Values(
        over_group("count", present(column), distinct=True), BIGINT
    ),
    "MAX": _extreme("max"),
    "MEDIAN": _statistic("MEDIAN"),
    "MIN": _extreme("min"),
    "MODE": _mode,
    "STANDARD_DEVIATION": _statistic("STANDARD_DEVIATION"),
    "SUM": _statistic("SUM"),
    "VARIANCE": _statistic("VARIANCE"),
}
_UNIQUE = {"KTH_LARGEST": False, "KTH_LARGEST_UNIQUE": True}
_AS_IT_IS = "UNAGGREGATED"
_NAMES = (*AGGREGATES, *_UNIQUE, _AS_IT_IS)
_KEYS = ("sourceColumnName", "targetColumnName", "targetColumnDataType", "functionName", NTH.name)


def _check_group_by(values: Mapping[str, Any]) -> Iterable[str]:
    for entry in values["groupByAggFunctionOptions"]:
        for key in entry:
            if key not in _KEYS:
                yield f"unknown key {key!r} of an aggregate{not_among(key, _KEYS)}"
        name = str(entry.get("functionName"))
        if name not in _NAMES:
            yield f"functionName {name!r}{not_among(name, _NAMES)}"
        for key in ("sourceColumnName", "targetColumnName"):
            if not isinstance(entry.get(key), str) or not entry[key]:
                yield f"an aggregate needs {key}"
        type_name = entry.get("targetColumnDataType")
        if type_name is not None and type_name not in CAST_TYPES:
            yield f"targetColumnDataType {type_name!r}{not_among(str(type_name), CAST_TYPES)}"
        yield from _check_nth(entry, name)


def _check_nth(entry: Mapping[str, Any], name: str) -> Iterable[str]:
    if name in _UNIQUE:
        try:
            _nth(entry)
        except ValueProblem as problem:
            yield f"functionName {name!r} needs k in {NTH.name!r}, which {problem}"
    elif NTH.name in entry:
        yield f"functionName {name!r} takes no {NTH.name!r}"


def _nth(entry: Mapping[str, Any]) -> int:
    k: int = read_value(NTH, str(entry.get(NTH.name, "")))
    return k


@operation(
    "GROUP_BY",
    Status.INFERRED,
    "Aggregates by group, groups in order of first appearance; null is a group of its own. With "
    "useNewDataFrame true groups replace the table; else each row keeps its cells and gets its "
    "group's aggregates. Null, empty and, where numbers are asked for, what is no number are left "
    "out; what has nothing left is null (COUNT: 0). ANY is the group's first cell; MIN, MAX and "
    "MODE keep the column's type (texts that are all numbers compare by value; of several modes "
    "the smallest); SUM is BIGINT for whole numbers and a decimal for decimals; the rest, and a "
    "SUM of others, are DOUBLE. KTH_LARGEST and KTH_LARGEST_UNIQUE need k in `value`. UNAGGREGATED "
    "copies a column that is grouped by, or any where rows stay.",
    SOURCES,
    Parameter(
        "groupByAggFunctionOptions",
        Kind.OBJECTS,
        "a list of sourceColumnName, targetColumnName, functionName, targetColumnDataType, value",
        required=True,
    ),
    Parameter("useNewDataFrame", Kind.BOOLEAN, "whether groups replace rows", default=False),
    conditions=False,
    check=_check_group_by,
)
def group_by(call: Call, frame: Frame) -> Frame:
    """Group and aggregate."""
    keys = tuple(frame.column(name) for name in call.sources)
    append = not call["useNewDataFrame"]
    before = frame.columns if append else keys
    entries = call["groupByAggFunctionOptions"]
    aggregates = {
        place: _aggregate(entry, frame)
        for place, entry in enumerate(entries)
        if entry["functionName"] != _AS_IT_IS
    }
    made = {place: keep(output.column) for place, output in aggregates.items()}
    made |= _copies(entries, frame, before)
    added = [made[place] for place in sorted(made)]
    after = [*before, *[output.column for output in added]]
    _refuse_twice(after)
    if aggregates or not append:
        grouped = [*before, *[output.column for output in aggregates.values()]]
        frame = frame.then(Aggregate(keys, tuple(aggregates.values()), append), grouped)
    if len(aggregates) == len(entries):
        return frame
    return frame.project([*map(keep, before), *added])


def _refuse_twice(columns: Iterable[Column]) -> None:
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise StepError(f"column {name!r} would be there twice; choose another target name")


def _copies(
    entries: Iterable[Mapping[str, Any]], frame: Frame, among: Iterable[Column]
) -> dict[int, Output]:
    """Return the unaggregated columns by their entries' places, but not what is there already."""
    copies = {
        place: _copy(entry, frame, among)
        for place, entry in enumerate(entries)
        if entry["functionName"] == _AS_IT_IS
    }
    return {
        place: copy for place, copy in copies.items() if copy.tree != reference(copy.column.name)
    }


def _copy(entry: Mapping[str, Any], frame: Frame, among: Iterable[Column]) -> Output:
    column = frame.column(entry["sourceColumnName"])
    if column not in among:
        raise StepError(
            f"UNAGGREGATED column {column.name!r} has several values in a group; group by it, "
            "or aggregate it"
        )
    return _typed(entry, Values(column.tree, column.type))


def _aggregate(entry: Mapping[str, Any], frame: Frame) -> Output:
    column = frame.column(entry["sourceColumnName"])
    name = entry["functionName"]
    if name not in _UNIQUE:
        return _typed(entry, AGGREGATES[name](column))
    k, unique = _nth(entry), _UNIQUE[name]
    return _typed(entry, kth_largest(comparable(column), over_group, k, unique=unique))


def _typed(entry: Mapping[str, Any], values: Values) -> Output:
    name, wanted = entry["targetColumnName"], entry.get("targetColumnDataType")
    if wanted is None or DUCKDB_TYPES[wanted] == values.type:
        return Output(Column(name, values.type), values.tree)
    made = Computed(name, values.type, values.tree)
    return Output(Column(name, DUCKDB_TYPES[wanted]), cast_column(made, wanted))
