"""Operations that make columns out of columns, and rows out of groups.

Here: MERGE, SPLIT_COLUMN_*, CATEGORICAL_MAPPING, GROUP_BY. Not here: functions of one cell.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.conditions import conditions_tree
from cleanroom_pipeline.recipe.data_types import CAST_TYPES, DUCKDB_TYPES
from cleanroom_pipeline.recipe.expressions import (
    all_of,
    case,
    cast,
    double,
    equal,
    is_in,
    missing,
    negated,
    null,
    number,
    paren,
    string,
    text,
    try_cast,
)
from cleanroom_pipeline.recipe.expressions import (
    call as function,
)
from cleanroom_pipeline.recipe.findings import StepError, not_among
from cleanroom_pipeline.recipe.operations.cleaning import text_function
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    SOURCES,
    TARGET,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.rewriting import function_name, new_column
from cleanroom_pipeline.recipe.plan import (
    BIGINT,
    DOUBLE,
    TEXT,
    Aggregate,
    Column,
    Filter,
    Frame,
    Output,
    VectorFunction,
    keep,
    row,
)


@operation(
    "MERGE",
    Status.INFERRED,
    "Joins columns into a new one; nulls are left out, as Spark's concat_ws does. Sources stay.",
    SOURCES,
    TARGET,
    Parameter("delimiter", Kind.TEXT, "what stands between", default=""),
)
def merge(call: Call, frame: Frame) -> Frame:
    """Join texts."""
    parts = [text(frame.column(name)) for name in call.sources]
    return new_column(call, frame, function("concat_ws", string(call["delimiter"]), *parts))


def replaced_by(frame: Frame, name: str, outputs: Sequence[Output], **more: Any) -> Frame:
    """Return the frame with one column replaced, in its place, by several new ones."""
    others = [one for one in frame.names if one != name]
    for output in outputs:
        if output.column.name in others:
            raise StepError(f"column {output.column.name!r} already exists")
    made: list[Output] = []
    for column in frame.columns:
        made += outputs if column.name == name else [keep(column)]
    return frame.project(made, **more)


def _check_split(values: Mapping[str, Any]) -> Iterable[str]:
    if values["includeInSplit"]:
        yield "includeInSplit is refused: AWS does not say which part the delimiter goes to"
    if not values["isText"]:
        try:
            re.compile(values["pattern"], re.ASCII)
        except re.error as error:
            yield f"parameter 'pattern' is no regular expression: {error}"


@operation(
    "SPLIT_COLUMN_SINGLE_DELIMITER",
    Status.INFERRED,
    "Splits at the first `limit` delimiters into limit + 1 columns <source>_1, ...; what is not "
    "there is null. The source column goes (AWS is silent; a column left behind could leak). The "
    "pattern is a regular expression unless isText.",
    SOURCE,
    Parameter("pattern", Kind.TEXT, "the delimiter", required=True),
    Parameter("limit", Kind.INTEGER, "how often to split", default=1, least=1, most=20),
    Parameter("includeInSplit", Kind.BOOLEAN, "refused", default=False),
    Parameter("isText", Kind.BOOLEAN, "whether the pattern is a plain text", default=False),
    conditions=False,
    check=_check_split,
)
def split_column_single_delimiter(call: Call, frame: Frame) -> Frame:
    """Split a column at delimiters."""
    column = frame.column(call.source)
    pattern = re.escape(call["pattern"]) if call["isText"] else call["pattern"]
    compiled, limit = re.compile(pattern, re.ASCII), call["limit"]
    outputs: list[Output] = []
    functions: list[VectorFunction] = []
    for place in range(limit + 1):
        made = text_function(function_name(call, place), _piece(compiled, limit, place))
        functions.append(made)
        tree = function(made.name, text(column))
        outputs.append(Output(Column(f"{column.name}_{place + 1}"), tree))
    return replaced_by(frame, column.name, outputs, functions=functions)


def _piece(compiled: re.Pattern[str], limit: int, place: int) -> Callable[[str], str | None]:
    def piece(value: str) -> str | None:
        pieces: list[str] = []
        begin = 0
        for match in compiled.finditer(value):
            if len(pieces) == limit:
                break
            if match.end() > match.start():
                pieces.append(value[begin : match.start()])
                begin = match.end()
        pieces.append(value[begin:])
        return pieces[place] if place < len(pieces) else None

    return piece


def _check_mapping(values: Mapping[str, Any]) -> Iterable[str]:
    if values["mapType"] == "NUMERIC":
        for mapped in (*values["categoryMap"].values(), values["other"] or "0"):
            try:
                float(mapped)
            except ValueError:
                yield "with mapType NUMERIC every mapped value is a number"
                return


@operation(
    "CATEGORICAL_MAPPING",
    Status.DOCUMENTED,
    "Maps values to others in a new column. Values that are not in the map: their row goes "
    "(deleteOtherRows), or they get `other`, or stay (keepOthers), else null.",
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
    column = frame.column(call.source)
    numeric = call["mapType"] == "NUMERIC"
    value: Callable[[str], exp.Expr] = (lambda one: number(float(one))) if numeric else string
    branches = [(equal(text(column), string(a)), value(b)) for a, b in call["categoryMap"].items()]
    otherwise = null()
    if call["other"] is not None:
        otherwise = value(call["other"])
    elif call["keepOthers"]:
        otherwise = double(column) if numeric else text(column)
    type_ = DOUBLE if numeric else TEXT
    mapped = new_column(call, frame, case(branches, otherwise), type_=type_)
    if not call["deleteOtherRows"]:
        return mapped
    gone = negated(is_in(text(column), call["categoryMap"]))
    condition = conditions_tree(call.step.conditions, mapped)
    limited = gone if condition is None else all_of([gone, condition])
    return mapped.then(Filter(negated(limited)))


def _present(column: Column) -> exp.Expr:
    return case([(paren(exp.Not(this=missing(column))), column.tree)])


def _numeric(aggregate: str) -> Callable[[Column], tuple[exp.Expr, str]]:
    return lambda column: (function(aggregate, double(column)), DOUBLE)


def _own_type(aggregate: str) -> Callable[[Column], tuple[exp.Expr, str]]:
    return lambda column: (function(aggregate, _present(column)), column.type)


# DataBrew's aggregates; the variance is the population's, as its page defines it.
AGGREGATES: Mapping[str, Callable[[Column], tuple[exp.Expr, str]]] = {
    "ANY": lambda column: (
        exp.Filter(
            this=function("arg_min", column.tree, row()),
            expression=exp.Where(this=paren(exp.Not(this=missing(column)))),
        ),
        column.type,
    ),
    "AVERAGE": _numeric("avg"),
    "COUNT": lambda column: (function("count", _present(column)), BIGINT),
    "COUNT_DISTINCT": lambda column: (
        exp.Count(this=exp.Distinct(expressions=[_present(column)])),
        BIGINT,
    ),
    "MAX": _own_type("max"),
    "MEDIAN": _numeric("median"),
    "MIN": _own_type("min"),
    "MODE": lambda column: (function("mode", _present(column)), column.type),
    "STANDARD_DEVIATION": _numeric("stddev_pop"),
    "SUM": _numeric("sum"),
    "VARIANCE": _numeric("var_pop"),
}
_NOT_HERE = {"KTH_LARGEST", "KTH_LARGEST_UNIQUE", "UNAGGREGATED"}
_AGGREGATE_KEYS = ("sourceColumnName", "targetColumnName", "targetColumnDataType", "functionName")


def _check_group_by(values: Mapping[str, Any]) -> Iterable[str]:
    for entry in values["groupByAggFunctionOptions"]:
        for key in entry:
            if key not in _AGGREGATE_KEYS:
                yield f"unknown key {key!r} of an aggregate{not_among(key, _AGGREGATE_KEYS)}"
        name = entry.get("functionName")
        if name in _NOT_HERE:
            yield f"functionName {name!r} is refused: AWS does not say where its k is written"
        elif name not in AGGREGATES:
            yield f"functionName {name!r}{not_among(str(name), AGGREGATES)}"
        for key in ("sourceColumnName", "targetColumnName"):
            if not isinstance(entry.get(key), str) or not entry[key]:
                yield f"an aggregate needs {key}"
        type_name = entry.get("targetColumnDataType")
        if type_name is not None and type_name not in CAST_TYPES:
            yield f"targetColumnDataType {type_name!r}{not_among(str(type_name), CAST_TYPES)}"


@operation(
    "GROUP_BY",
    Status.INFERRED,
    "Aggregates by group, groups in order of first appearance. With useNewDataFrame true groups "
    "replace the table; else each row keeps its cells and gets its group's aggregates.",
    SOURCES,
    Parameter("groupByAggFunctionOptions", Kind.OBJECTS, "the aggregates", required=True),
    Parameter("useNewDataFrame", Kind.BOOLEAN, "whether groups replace rows", default=False),
    conditions=False,
    check=_check_group_by,
)
def group_by(call: Call, frame: Frame) -> Frame:
    """Group and aggregate."""
    keys = tuple(frame.column(name) for name in call.sources)
    append = not call["useNewDataFrame"]
    outputs = tuple(_aggregate(entry, frame) for entry in call["groupByAggFunctionOptions"])
    before = frame.columns if append else keys
    after = (*before, *[output.column for output in outputs])
    names = [column.name for column in after]
    for name in names:
        if names.count(name) > 1:
            raise StepError(f"column {name!r} would be there twice; choose another target name")
    return frame.then(Aggregate(keys, outputs, append), after)


def _aggregate(entry: Mapping[str, Any], frame: Frame) -> Output:
    tree, type_ = AGGREGATES[entry["functionName"]](frame.column(entry["sourceColumnName"]))
    wanted = DUCKDB_TYPES.get(entry.get("targetColumnDataType") or "", type_)
    if wanted != type_:
        tree = cast(tree, TEXT) if wanted == TEXT else try_cast(tree, wanted)
    return Output(Column(entry["targetColumnName"], wanted), tree)
