"""Operations that turn cells into column names, and column names into cells.

Here: PIVOT, UNPIVOT, TRANSPOSE, ONE_HOT_ENCODING. Not here: aggregates (grouping.py).

The columns that PIVOT, TRANSPOSE and ONE_HOT_ENCODING make are named by cells: the rows are looked
at before the run. Where a recipe is only checked, any column may come of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import nested
from cleanroom_pipeline.recipe.expressions import all_of, case, equal, integer, paren, string, text
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.findings import StepError
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    SOURCES,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.grouping import AGGREGATES
from cleanroom_pipeline.recipe.operations.measures import Values
from cleanroom_pipeline.recipe.operations.rewriting import as_type, free_name
from cleanroom_pipeline.recipe.plan import (
    INPUT,
    TEXT,
    Aggregate,
    Column,
    Computed,
    Explode,
    Frame,
    Output,
    keep,
    row,
)
from cleanroom_pipeline.recipe.widening import common_type

MOST_VALUES = 10
_COLLECT = "COLLECT_LIST"
_AGGREGATE = Parameter(
    "aggregateFunction",
    Kind.CHOICE,
    "what becomes of several values; COLLECT_LIST keeps them all in a list",
    required=True,
    choices=(*AGGREGATES, _COLLECT),
)


def _values(call: Call, frame: Frame, columns: Sequence[Column], most: int) -> list[str] | None:
    """Return the distinct texts of columns, joined by _, in order of appearance; None unasked.

    Rows with a null there are passed over. Raises StepError when there are more than `most`.
    """
    if call.options.survey is None:
        return None
    label = _label(columns)
    there = exp.Not(this=exp.Is(this=label, expression=exp.Null()))
    first = exp.Min(this=row())
    query = (
        exp.select(label.copy().as_("label"), first.as_("first_place"))
        .from_(INPUT)
        .where(there)
        .group_by(label.copy())
        .order_by(exp.column("first_place"))
        .limit(most + 1)
    )
    values = [str(value) for value, _ in call.options.survey.rows(frame, query)]
    if len(values) > most:
        names = ", ".join(repr(column.name) for column in columns)
        raise StepError(f"column {names} has more than {most} distinct values")
    return values


def _label(columns: Sequence[Column]) -> exp.Expr:
    """Return the texts of columns joined by _; null when one of them is."""
    tree = text(columns[0])
    for column in columns[1:]:
        tree = paren(exp.DPipe(this=tree, expression=string("_"), safe=True))
        tree = paren(exp.DPipe(this=tree, expression=text(column), safe=True))
    return tree


@operation(
    "ONE_HOT_ENCODING",
    Status.DOCUMENTED,
    "Makes a column <source>_<value> for each distinct value, at most 10, in order of first "
    "appearance (AWS's example has another order): 1 in rows that have the value, else 0. A null "
    "gives 0 in all of them.",
    SOURCE,
    tier=2,
    conditions=False,
)
def one_hot_encoding(call: Call, frame: Frame) -> Frame:
    """Make a column of 0 and 1 for each value."""
    column = frame.column(call.source)
    values = _values(call, frame, [column], MOST_VALUES)
    if values is None:
        return frame.open(call.sources, frame.columns)
    outputs = [
        Output(
            Column(f"{column.name}_{value}", "INTEGER"),
            case([(equal(text(column), string(value)), integer(1))], integer(0)),
        )
        for value in values
    ]
    if {one.column.name for one in outputs} & set(frame.names):
        raise StepError(f"a value of {column.name!r} would name a column that is already there")
    return frame.added(outputs)


def _aggregated(name: str, column: Column, label: exp.Expr, value: str) -> Values:
    """Return an aggregate over the rows that have a label."""
    fits = equal(label, string(value))
    if name == _COLLECT:
        in_order = exp.Order(this=column.tree, expressions=[exp.Ordered(this=row())])
        listed = function("list", in_order)
        there = all_of([fits, exp.Not(this=exp.Is(this=column.tree, expression=exp.Null()))])
        return Values(_filtered(listed, there), nested.list_of(column.type))
    limited = Computed(column.name, column.type, case([(fits, column.tree)]))
    return AGGREGATES[name](limited)


def _filtered(aggregate: exp.Expr, condition: exp.Expr) -> exp.Expr:
    return exp.Filter(this=aggregate, expression=exp.Where(this=condition))


def _pivoted(
    call: Call,
    frame: Frame,
    keys: Sequence[Column],
    labels: Sequence[Column],
    value: Column,
    values: Sequence[str],
    prefix: str,
) -> Frame:
    outputs = []
    for one in values:
        made = _aggregated(call["aggregateFunction"], value, _label(labels), one)
        outputs.append(Output(Column(f"{prefix}{one}", made.type), made.tree))
    after = [*keys, *[output.column for output in outputs]]
    names = [column.name for column in after]
    for name in names:
        if names.count(name) > 1:
            raise StepError("a value would name a column that is already there")
    return frame.then(Aggregate(tuple(keys), tuple(outputs)), after)


@operation(
    "PIVOT",
    Status.INFERRED,
    "One row for each combination of the other columns; a column <source>_<value> for each "
    "distinct value of the source, at most 10, with the aggregate of valueColumn. A null source "
    "makes no column.",
    SOURCE,
    Parameter("valueColumn", Kind.COLUMN, "the column whose values are spread", required=True),
    _AGGREGATE,
    tier=2,
    conditions=False,
)
def pivot(call: Call, frame: Frame) -> Frame:
    """Turn values of a column into columns."""
    source, value = frame.column(call.source), frame.column(call["valueColumn"])
    keys = [one for one in frame.columns if one.name not in {source.name, value.name}]
    values = _values(call, frame, [source], MOST_VALUES)
    if values is None:
        return frame.open([source.name, value.name], keys)
    return _pivoted(call, frame, keys, [source], value, values, f"{source.name}_")


def _unpivoted(
    frame: Frame, sources: Sequence[Column], kept: Sequence[Column], name: str, value: str
) -> Frame:
    """Return a row for each source of each row: the source's name, and its cell."""
    type_ = common_type([column.type for column in sources]) or TEXT
    fields = (Column("name"), Column("cell", type_))
    entry = Column(free_name("entry", frame.names), nested.struct_of(fields))
    pairs = [
        exp.Struct(
            expressions=[
                exp.PropertyEQ(this=exp.to_identifier("name"), expression=string(column.name)),
                exp.PropertyEQ(this=exp.to_identifier("cell"), expression=as_type(column, type_)),
            ]
        )
        for column in sources
    ]
    rows = frame.then(Explode(exp.Array(expressions=pairs), entry), [*kept, entry])
    parts = [
        Output(
            Column(target, field.type), function("struct_extract", entry.tree, string(field.name))
        )
        for target, field in zip((name, value), fields, strict=True)
    ]
    return rows.project([*[keep(one) for one in kept], *parts])


def _check_unpivot(values: Mapping[str, Any]) -> Iterable[str]:
    if values["unpivotColumn"] == values["valueColumn"]:
        yield "unpivotColumn and valueColumn are two columns; give each a name of its own"


@operation(
    "UNPIVOT",
    Status.DOCUMENTED,
    "Turns columns into rows: for each row and source column a row with the column's name in "
    "unpivotColumn and its cell in valueColumn, of the type that holds all sources, else text. "
    "Nulls stay. The source columns go.",
    SOURCES,
    Parameter("unpivotColumn", Kind.NEW_COLUMN, "the column of names", required=True),
    Parameter("valueColumn", Kind.NEW_COLUMN, "the column of values", required=True),
    tier=2,
    conditions=False,
    check=_check_unpivot,
)
def unpivot(call: Call, frame: Frame) -> Frame:
    """Turn columns into rows."""
    sources = [frame.column(name) for name in call.sources]
    kept = [one for one in frame.columns if one.name not in call.sources]
    for name in (call["unpivotColumn"], call["valueColumn"]):
        if name in {one.name for one in kept}:
            frame.refuse_existing(name)
    return _unpivoted(frame, sources, kept, call["unpivotColumn"], call["valueColumn"])


def _check_transpose(values: Mapping[str, Any]) -> Iterable[str]:
    if both := set(values["pivotColumns"]) & set(values["valueColumns"]):
        yield f"pivotColumns and valueColumns both name {sorted(both)}"
    if values["newColumn"] in values["pivotColumns"]:
        yield "newColumn is one of the pivotColumns; choose another name"


@operation(
    "TRANSPOSE",
    Status.INFERRED,
    "Turns rows into columns: one row for each value column, its name in newColumn, and a column "
    "for each distinct value of the pivot columns (joined by _), at most 100. Other columns go.",
    Parameter("pivotColumns", Kind.COLUMNS, "whose cells become column names", required=True),
    Parameter("valueColumns", Kind.COLUMNS, "which become rows", required=True),
    _AGGREGATE,
    Parameter("newColumn", Kind.NEW_COLUMN, "holds the names of valueColumns", required=True),
    tier=3,
    conditions=False,
    check=_check_transpose,
)
def transpose(call: Call, frame: Frame) -> Frame:
    """Swap rows and columns."""
    labels = [frame.column(name) for name in call["pivotColumns"]]
    sources = [frame.column(name) for name in call["valueColumns"]]
    name = Column(call["newColumn"])
    values = _values(call, frame, labels, MOST_VALUES**2)
    if values is None:
        return frame.open([one.name for one in (*labels, *sources)], [name])
    value = free_name("value", [name.name, *[one.name for one in labels]])
    rows = _unpivoted(frame, sources, labels, name.name, value)
    return _pivoted(call, rows, [name], labels, rows.column(value), values, "")
