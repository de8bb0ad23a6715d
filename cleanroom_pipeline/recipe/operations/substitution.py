"""Operations that put other values in place of personal data.

Here: REPLACE_WITH_RANDOM_*, SHUFFLE_ROWS. Not here: masks (masks.py), hashes (pii.py).

Random values depend on the seed, the step, the column and the row's place, never on the cell.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import (
    case,
    cast,
    integer,
    is_null,
    paren,
    string,
)
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.rewriting import in_place
from cleanroom_pipeline.recipe.plan import BIGINT, TIMESTAMP, Column, Frame, Shuffle, row

BOUNDS = (
    Parameter("lowerBound", Kind.INTEGER, "the least number", required=True),
    Parameter("upperBound", Kind.INTEGER, "the greatest number", required=True),
)
_MOMENT = "%Y-%m-%d %H:%M:%S"


def random_integer(call: Call, name: str, low: int, high: int) -> exp.Expr:
    """Return the tree of a whole number from low to high, both possible."""
    salt = string(f"{call.options.seed}|{call.step.number}|{name}")
    size = exp.Cast(
        this=integer(high - low + 1), to=exp.DataType.build("UBIGINT", dialect="duckdb")
    )
    within = paren(exp.Mod(this=function("hash", row(), salt), expression=size))
    return paren(exp.Add(this=cast(within, BIGINT), expression=integer(low)))


def check_bounds(values: Mapping[str, Any]) -> Iterable[str]:
    """Yield what is wrong with bounds that have no number between them."""
    if values["lowerBound"] > values["upperBound"]:
        yield "lowerBound is greater than upperBound"


@operation(
    "REPLACE_WITH_RANDOM_BETWEEN",
    Status.INFERRED,
    "Whole numbers from lowerBound to upperBound, both included, whatever a cell holds; null stays "
    "null. They follow from the run's seed, the step, the column and the row's place alone.",
    SOURCES,
    *BOUNDS,
    check=check_bounds,
)
def replace_with_random_between(call: Call, frame: Frame) -> Frame:
    """Replace cells by random numbers."""

    def change(column: Column) -> exp.Expr:
        drawn = random_integer(call, column.name, call["lowerBound"], call["upperBound"])
        return case([(paren(exp.Not(this=is_null(column.tree))), drawn)])

    return in_place(call, frame, change, type_=BIGINT)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, _MOMENT)  # noqa: DTZ007 - a wall-clock time, as AWS takes it


def _check_dates(values: Mapping[str, Any]) -> Iterable[str]:
    try:
        ends = [_moment(values[name]) for name in ("startDate", "endDate")]
    except ValueError:
        yield "startDate and endDate are of the form yyyy-MM-dd HH:mm:ss"
    else:
        if ends[0] > ends[1]:
            yield "startDate is after endDate"


@operation(
    "REPLACE_WITH_RANDOM_DATE_BETWEEN",
    Status.INFERRED,
    "Moments, to the second, from startDate to endDate, both included, whatever a cell holds; null "
    "stays null. They follow from the run's seed, the step, the column and the row's place alone.",
    SOURCES,
    Parameter("startDate", Kind.TEXT, "the first moment", required=True),
    Parameter("endDate", Kind.TEXT, "the last moment", required=True),
    tier=2,
    check=_check_dates,
)
def replace_with_random_date_between(call: Call, frame: Frame) -> Frame:
    """Replace cells by random moments."""
    start, end = _moment(call["startDate"]), _moment(call["endDate"])
    seconds = int((end - start).total_seconds())

    def change(column: Column) -> exp.Expr:
        drawn = random_integer(call, column.name, 0, seconds)
        since = function("to_seconds", drawn)
        moment = exp.Add(this=cast(string(start.isoformat(sep=" ")), TIMESTAMP), expression=since)
        return case([(paren(exp.Not(this=is_null(column.tree))), paren(moment))])

    return in_place(call, frame, change, type_=TIMESTAMP)


@operation(
    "SHUFFLE_ROWS",
    Status.DOCUMENTED,
    "Permutes the values of each column, null among them, among the rows of a group; each column "
    "by itself. Rows whose groupByColumns are null make a group. A value may stay where it was, "
    "and does in a group of one. Whoever knows the run's seed can undo it.",
    SOURCES,
    Parameter("groupByColumns", Kind.COLUMNS, "values move only within rows equal in these"),
    conditions=False,
)
def shuffle_rows(call: Call, frame: Frame) -> Frame:
    """Shuffle values within groups."""
    columns = tuple(frame.column(name).name for name in call.sources)
    groups = tuple(frame.column(name).name for name in call["groupByColumns"] or ())
    seed = f"{call.options.seed}|{call.step.number}"
    return frame.then(Shuffle(columns, groups, seed))
