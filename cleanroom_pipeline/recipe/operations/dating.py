"""Functions of dates that give a new column: the date family.

Here: parts of dates, formats, the clock. Not here: which texts are dates (recipe/dates.py).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import dates
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import (
    cast,
    integer,
    paren,
    string,
)
from cleanroom_pipeline.recipe.operations.cleaning import check_mask
from cleanroom_pipeline.recipe.operations.declaration import (
    TARGET,
    Call,
    Kind,
    Operation,
    Parameter,
    Status,
    operation,
    register,
)
from cleanroom_pipeline.recipe.operations.functions import (
    ANY_SOURCE,
    VALUE,
    Unary,
    check_operand,
    operand,
    unary,
)
from cleanroom_pipeline.recipe.operations.rewriting import new_column
from cleanroom_pipeline.recipe.plan import (
    BIGINT,
    TEXT,
    Column,
    Frame,
)

_MASK = Parameter("dateTimeFormat", Kind.TEXT, "how dates are spelled", default=dates.DEFAULT_MASK)


def _part(name: str) -> Unary:
    return lambda column: cast(function(name, dates.timestamp(column)), BIGINT)


def _millisecond(column: Column) -> exp.Expr:
    within = paren(
        exp.Mod(this=function("millisecond", dates.timestamp(column)), expression=integer(1000))
    )
    return cast(within, BIGINT)


_DATE_PARTS: Mapping[str, Unary] = {
    "YEAR": _part("year"),
    "MONTH": _part("month"),
    "DAY": _part("day"),
    "HOUR": _part("hour"),
    "MINUTE": _part("minute"),
    "SECOND": _part("second"),
    "MILLISECOND": _millisecond,
    "QUARTER": _part("quarter"),
    "UNIX_TIME": lambda column: cast(
        function("floor", function("epoch", dates.timestamp(column))), BIGINT
    ),
}
for _name, _change in _DATE_PARTS.items():
    unary(_name, BIGINT, _change, "", _MASK, tier=1 if _name == "YEAR" else 2)
unary("MONTH_NAME", TEXT, lambda column: function("monthname", dates.timestamp(column)), "", _MASK)


@operation(
    "DATE_FORMAT",
    Status.DOCUMENTED,
    "Dates spelled by a mask, in a new column; null for what is no date.",
    ANY_SOURCE,
    VALUE,
    TARGET,
    _MASK,
    check=lambda values: [*check_operand(values), *check_mask("dateTimeFormat")(values)],
)
def date_format(call: Call, frame: Frame) -> Frame:
    """Spell dates by a mask into a new column."""
    return new_column(call, frame, dates.formatted(operand(call, frame), call["dateTimeFormat"]))


def _check_zone(values: Mapping[str, Any]) -> Iterable[str]:
    if dates.zone(values["timeZone"]) is None:
        yield f"parameter 'timeZone': {values['timeZone']!r} is no time zone"


def _clock(name: str, tier: int, doc: str, format_: str) -> None:
    def build(call: Call, frame: Frame) -> Frame:
        moment = call.options.now.astimezone(dates.zone(call["timeZone"]))
        return new_column(call, frame, string(moment.strftime(format_)))

    zone = Parameter("timeZone", Kind.TEXT, "a time zone's name", default="UTC")
    register(Operation(name, tier, Status.INFERRED, doc, (TARGET, zone), build, check=_check_zone))


_clock("TODAY", 1, "The day on which the run began, as text yyyy-mm-dd.", "%Y-%m-%d")
_clock("NOW", 2, "When the run began, as text yyyy-mm-dd HH:MM:SS.", "%Y-%m-%d %H:%M:%S")
