"""Sums and differences of dates: DATE_ADD, DATE_DIFF.

Here: units, adding them, counting them. Not here: which texts are dates (recipe/dates.py).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import dates
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import integer, paren, string
from cleanroom_pipeline.recipe.operations.cleaning import check_mask
from cleanroom_pipeline.recipe.operations.dating import MASK
from cleanroom_pipeline.recipe.operations.declaration import (
    Call,
    Kind,
    Operation,
    Parameter,
    Status,
    register,
)
from cleanroom_pipeline.recipe.operations.functions import (
    PAIR,
    check_pair,
    of_cell,
    operands,
)
from cleanroom_pipeline.recipe.operations.rewriting import new_column
from cleanroom_pipeline.recipe.plan import BIGINT, TEXT, Column, Frame, Made

# Each unit: DuckDB's function that makes an interval of it, and how many are in a year, at most.
_UNITS = {
    "YEARS": ("to_years", 1),
    "QUARTERS": ("to_quarters", 4),
    "MONTHS": ("to_months", 12),
    "WEEKS": ("to_weeks", 53),
    "DAYS": ("to_days", 366),
    "HOURS": ("to_hours", 366 * 24),
    "MINUTES": ("to_minutes", 366 * 24 * 60),
    "SECONDS": ("to_seconds", 366 * 24 * 3600),
    "MILLISECONDS": ("to_milliseconds", 366 * 24 * 3600 * 1000),
    "MICROSECONDS": ("to_microseconds", 366 * 24 * 3600 * 1_000_000),
}
# More than the calendar's 9999 years lead out of it from any date.
_MOST_YEARS = 10_000


def _unit(doc: str) -> Parameter:
    return Parameter("units", Kind.CHOICE, doc, required=True, choices=tuple(_UNITS))


def _check_sum(values: Mapping[str, Any]) -> Iterable[str]:
    yield from check_mask("dateTimeFormat")(values)
    most = _UNITS[values["units"]][1] * _MOST_YEARS
    if abs(values["dateAddValue"]) > most:
        yield f"parameter 'dateAddValue' is more than {_MOST_YEARS} years, so no date would be left"


def _sum(call: Call, column: Column) -> Made:
    mask = call["dateTimeFormat"]
    interval = function(_UNITS[call["units"]][0], integer(call["dateAddValue"]))
    moved = paren(exp.Add(this=dates.read_for(column, mask), expression=interval))
    return Made(dates.spelled(dates.in_years(moved), mask), TEXT)


of_cell(
    "DATE_ADD",
    _sum,
    "A date and a number of units after it (before it, if negative), spelled by a mask. Months, "
    "quarters and years keep the day of the month, or end on the month's last day: 31 January and "
    "a month is 29 or 28 February. A time of day alone is read if the mask holds nothing else. "
    "Null for what is no date, and outside of the years 1 to 9999.",
    _unit("what is added"),
    Parameter("dateAddValue", Kind.INTEGER, "how many units are added", required=True),
    MASK,
    status=Status.INFERRED,
    check=_check_sum,
)


def _build_difference(call: Call, frame: Frame) -> Frame:
    first, second = operands(call, frame)
    unit = string(call["units"].lower().removesuffix("s"))
    counted = function("date_sub", unit, dates.timestamp(first), dates.timestamp(second))
    return new_column(call, frame, counted, type_=BIGINT)


register(
    Operation(
        "DATE_DIFF",
        2,
        Status.INFERRED,
        "How many whole units lie between two dates; negative if the second is the earlier. AWS "
        "says neither the sign nor what a part of a unit counts. From 31 January to 29 February "
        "is a month, as DATE_ADD has it. Null if one of them is no date.",
        (*PAIR, _unit("what is counted")),
        _build_difference,
        check=check_pair,
    )
)
