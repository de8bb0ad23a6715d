"""Functions over the rows around a row: the window family, but for the rolling ones.

Here: FILL, NEXT, PREV, ROW_NUMBER, SESSION, and how a window is spelled. Not here: ROLLING_*
(rolling.py).

Rows are in the order they have at the step. ConditionExpressions say which rows get a result; every
row counts in the windows of others.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import dates
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import (
    case,
    integer,
    is_null,
    paren,
)
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    TARGET,
    Call,
    Kind,
    Operation,
    Parameter,
    Status,
    operation,
    register,
)
from cleanroom_pipeline.recipe.operations.measures import present
from cleanroom_pipeline.recipe.operations.rewriting import free_name, new_column
from cleanroom_pipeline.recipe.plan import (
    BIGINT,
    BOOLEAN,
    Column,
    Computed,
    Frame,
    Output,
    row,
)

BEFORE = Parameter(
    "numRowsBefore", Kind.INTEGER, "rows before the row, in its window", required=True, least=0
)
AFTER = Parameter(
    "numRowsAfter", Kind.INTEGER, "rows after the row, in its window", required=True, least=0
)
_GROUPS = Parameter("groupByColumns", Kind.COLUMNS, "the columns of a group", default=())
_ORDER = Parameter("orderByColumns", Kind.COLUMNS, "the columns to order a group by", default=())


def around(aggregate: exp.Expr, before: int, after: int) -> exp.Expr:
    """Return an aggregate over a row and the rows before and after it."""
    spec = exp.WindowSpec(
        kind="ROWS",
        start=integer(before),
        start_side="PRECEDING",
        end=integer(after),
        end_side="FOLLOWING",
    )
    return exp.Window(this=aggregate, order=_ordered(()), spec=spec)


def _ordered(columns: Iterable[Column]) -> exp.Order:
    """Return the order by columns, nulls first as in Spark, and then by the rows' places."""
    trees = [column.tree for column in columns]
    return exp.Order(
        expressions=[
            *[exp.Ordered(this=tree, desc=False, nulls_first=True) for tree in trees],
            exp.Ordered(this=row()),
        ]
    )


def _earlier(
    aggregate: exp.Expr, groups: Sequence[Column], order: exp.Order, *, itself: bool
) -> exp.Expr:
    """Return an aggregate over the rows of the group that come before the row, and perhaps it."""
    end = {"end": "CURRENT ROW"} if itself else {"end": integer(1), "end_side": "PRECEDING"}
    spec = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", **end)
    partition = [column.tree for column in groups]
    return exp.Window(this=aggregate, partition_by=partition, order=order, spec=spec)


@operation(
    "FILL",
    Status.INFERRED,
    "The cell itself; where it is null or empty, the nearest cell before it that is not, among "
    "numRowsBefore rows, else the nearest after it, among numRowsAfter rows; else it stays as it "
    "is. The new column has the type of the source.",
    SOURCE,
    BEFORE,
    AFTER,
    TARGET,
    tier=2,
)
def fill(call: Call, frame: Frame) -> Frame:
    """Fill missing cells from the rows around."""
    column = frame.column(call.source)
    last = exp.IgnoreNulls(this=exp.LastValue(this=present(column)))
    first = exp.IgnoreNulls(this=exp.FirstValue(this=present(column)))
    before = around(last, call["numRowsBefore"], 0)
    after = around(first, 0, call["numRowsAfter"])
    tree = function("coalesce", before, after, column.tree)
    return new_column(call, frame, tree, type_=column.type)


_SHIFTS: Mapping[str, tuple[str, str, str]] = {
    "NEXT": ("lead", "after", "last"),
    "PREV": ("lag", "before", "first"),
}


def _shifted(call: Call, frame: Frame) -> Frame:
    column = frame.column(call.source)
    name = _SHIFTS[call.step.operation][0]
    tree = exp.Window(
        this=function(name, column.tree, integer(call["numRows"])), order=_ordered(())
    )
    return new_column(call, frame, tree, type_=column.type)


for _name, (_, _side, _end) in _SHIFTS.items():
    _shift = Parameter("numRows", Kind.INTEGER, f"how many rows {_side}", required=True, least=0)
    _doc = (
        f"The cell numRows rows {_side}, as it is (null and empty too); null for the {_end} "
        "numRows rows. The new column has the type of the source."
    )
    register(Operation(_name, 2, Status.INFERRED, _doc, (SOURCE, _shift, TARGET), _shifted))


@operation(
    "ROW_NUMBER",
    Status.INFERRED,
    "The number of a row in its group, from 1, a BIGINT: groups by groupByColumns (none: the whole "
    "table; null is a group of its own), ascending by orderByColumns with nulls first, texts by "
    "code point, equal ones in the order of rows. The rows stay where they are.",
    _GROUPS,
    _ORDER,
    TARGET,
    tier=2,
)
def row_number(call: Call, frame: Frame) -> Frame:
    """Number the rows of each group."""
    groups = [frame.column(name) for name in call["groupByColumns"]]
    order = _ordered(frame.column(name) for name in call["orderByColumns"])
    partition = [column.tree for column in groups]
    tree = exp.Window(this=exp.RowNumber(), partition_by=partition, order=order)
    return new_column(call, frame, tree, type_=BIGINT)


# The function of an interval, how many of its units, and how many of ours are 10 000 years.
_UNITS: Mapping[str, tuple[str, int, int]] = {
    "YEARS": ("to_years", 1, 10_000),
    "QUARTERS": ("to_months", 3, 40_000),
    "MONTHS": ("to_months", 1, 120_000),
    "WEEKS": ("to_days", 7, 521_000),
    "DAYS": ("to_days", 1, 3_650_000),
    "HOURS": ("to_hours", 1, 87_600_000),
    "MINUTES": ("to_minutes", 1, 5_256_000_000),
    "SECONDS": ("to_seconds", 1, 315_360_000_000),
    "MILLISECONDS": ("to_microseconds", 1_000, 315_360_000_000_000),
    "MICROSECONDS": ("to_microseconds", 1, 315_360_000_000_000_000),
}


def _check_session(values: Mapping[str, Any]) -> Iterable[str]:
    if values["value"] > _UNITS[values["units"]][2]:
        yield "parameter 'value' is a period of more than 10 000 years"


@operation(
    "SESSION",
    Status.INFERRED,
    "The number of a row's session in its group, from 1, a BIGINT. A session ends where the time "
    "in sourceColumn is more than `value` units after that of the row before, in the order of "
    "orderByColumns (none: of the time itself; nulls first, equal ones in the order of rows). A "
    "row whose time is null or no date has null, and is passed over.",
    SOURCE,
    Parameter("units", Kind.CHOICE, "the unit of value", required=True, choices=tuple(_UNITS)),
    Parameter("value", Kind.INTEGER, "the longest pause in a session", required=True, least=1),
    _GROUPS,
    _ORDER,
    TARGET,
    tier=3,
    check=_check_session,
)
def session(call: Call, frame: Frame) -> Frame:
    """Number the sessions of each group."""
    frame.refuse_existing(call["targetColumn"])
    column = frame.column(call.source)
    groups = [frame.column(name) for name in call["groupByColumns"]]
    by = [frame.column(name) for name in call["orderByColumns"]]
    time = Computed(column.name, "TIMESTAMP", dates.timestamp(column))
    order = _ordered(by or [time])
    begins = Column(free_name(f"{call['targetColumn']} begins", frame.names), BOOLEAN)
    marked = frame.added([Output(begins, _begins(call, time, groups, order))])
    begun = function("count", function("nullif", begins.tree, exp.false()))
    number = _earlier(begun, groups, order.copy(), itself=True)
    numbered = case([(paren(exp.Not(this=is_null(begins.tree))), number)])
    names = (*frame.names, call["targetColumn"])
    return new_column(call, marked, numbered, type_=BIGINT).select(names)


def _begins(call: Call, time: Column, groups: Sequence[Column], order: exp.Order) -> exp.Expr:
    """Return whether a session begins with the row; null for a row without a time."""
    name, times, _ = _UNITS[call["units"]]
    pause = function(name, integer(times * call["value"]))
    last = exp.IgnoreNulls(this=exp.LastValue(this=time.tree))
    before = _earlier(last, groups, order, itself=False)
    late = paren(exp.GT(this=time.tree, expression=paren(exp.Add(this=before, expression=pause))))
    return case([(is_null(time.tree), exp.Null())], function("coalesce", late, exp.true()))
