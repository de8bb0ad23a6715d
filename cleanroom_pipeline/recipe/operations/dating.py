"""Functions of dates that give a new column: parts, spellings, time zones, the clock.

Here: what is read from one date. Not here: which texts are dates (recipe/dates.py), sums and
differences (date_arithmetic.py), dates made of their parts (date_components.py).

AWS says of dateTimeFormat that it is the date as it is to appear in the new column. Functions that
give a number have no such parameter in AWS's reference, though its console writes one.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import tzinfo
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import dates, time_zones
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import (
    case,
    cast,
    integer,
    paren,
    string,
    whole_number,
)
from cleanroom_pipeline.recipe.findings import StepError
from cleanroom_pipeline.recipe.operations.cleaning import check_mask
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
from cleanroom_pipeline.recipe.operations.functions import (
    Check,
    Unary,
    of_cell,
    unary,
)
from cleanroom_pipeline.recipe.operations.rewriting import function_name, new_column
from cleanroom_pipeline.recipe.plan import (
    BIGINT,
    TEXT,
    Column,
    Frame,
    Made,
    VectorFunction,
)
from cleanroom_pipeline.recipe.python_functions import cell_function

MASK = Parameter(
    "dateTimeFormat",
    Kind.TEXT,
    "the mask that spells the date in the new column",
    default=dates.DEFAULT_MASK,
)
_UNUSED_MASK = Parameter(
    "dateTimeFormat", Kind.TEXT, "written by the console; the new column holds no date to spell"
)
# Years 1 to 9999, in seconds since 1970.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799


def _part(name: str, *, clock: bool = False) -> Unary:
    return lambda column: cast(function(name, dates.timestamp(column, clock=clock)), BIGINT)


def _millisecond(column: Column) -> exp.Expr:
    within_minute = function("millisecond", dates.timestamp(column, clock=True))
    return cast(paren(exp.Mod(this=within_minute, expression=integer(1000))), BIGINT)


def _week_day(column: Column) -> exp.Expr:
    sunday_is_0 = function("dayofweek", dates.timestamp(column))
    return cast(paren(exp.Add(this=sunday_is_0, expression=integer(1))), BIGINT)


def _unix_time(column: Column) -> exp.Expr:
    return cast(function("floor", function("epoch", dates.timestamp(column, clock=True))), BIGINT)


_NULL = "Null for what is no date."
_CLOCK_NULL = f"A time of day alone is read too. {_NULL}"
_PARTS: tuple[tuple[str, Status, Unary, str], ...] = (
    ("YEAR", Status.DOCUMENTED, _part("year"), f"The year of a date. {_NULL}"),
    ("QUARTER", Status.DOCUMENTED, _part("quarter"), f"The quarter, 1 to 4, of a date. {_NULL}"),
    ("MONTH", Status.DOCUMENTED, _part("month"), f"The month, 1 to 12, of a date. {_NULL}"),
    ("DAY", Status.DOCUMENTED, _part("day"), f"The day of the month of a date. {_NULL}"),
    (
        "HOUR",
        Status.DOCUMENTED,
        _part("hour", clock=True),
        f"The hour, 0 to 23; 0 for a date without a time. {_CLOCK_NULL}",
    ),
    (
        "MINUTE",
        Status.DOCUMENTED,
        _part("minute", clock=True),
        f"The minute; 0 for a date without a time. {_CLOCK_NULL}",
    ),
    (
        "SECOND",
        Status.DOCUMENTED,
        _part("second", clock=True),
        f"The second, its fraction cut off; 0 for a date without a time. {_CLOCK_NULL}",
    ),
    (
        "MILLISECOND",
        Status.DOCUMENTED,
        _millisecond,
        f"The thousandths of the second, 0 to 999. {_CLOCK_NULL}",
    ),
    (
        "WEEK_DAY",
        Status.INFERRED,
        _week_day,
        (
            "The day of the week as a number, 1 for Sunday to 7 for Saturday: AWS does not say how "
            f"it counts, so we count as Spark's dayofweek does. {_NULL}"
        ),
    ),
    (
        "WEEK_NUMBER",
        Status.INFERRED,
        _part("week"),
        (
            "The week of the year by ISO 8601, as Spark's weekofyear has it: weeks begin on "
            "Monday, and week 1 holds the first Thursday. AWS says 1 to 52; the last days of a "
            f"long year are in week 53. {_NULL}"
        ),
    ),
    (
        "UNIX_TIME",
        Status.INFERRED,
        _unix_time,
        (
            "Seconds from 1970-01-01 00:00 UTC to the moment, rounded down. A text with an offset "
            "is that moment; without one it is taken for UTC. A time of day alone is one of "
            f"1970-01-01. {_NULL}"
        ),
    ),
)
for _name, _status, _change, _doc in _PARTS:
    _tier = 1 if _name == "YEAR" else 2
    unary(_name, BIGINT, _change, _doc, _UNUSED_MASK, tier=_tier, status=_status)
unary(
    "MONTH_NAME",
    TEXT,
    lambda column: function("monthname", dates.timestamp(column)),
    f"The English name of the month of a date. {_NULL}",
    _UNUSED_MASK,
)
of_cell(
    "DATE_FORMAT",
    lambda call, column: Made(dates.formatted(column, call["dateTimeFormat"]), TEXT),
    f"Dates spelled by a mask. A time of day alone is read if the mask holds nothing else. {_NULL}",
    MASK,
    tier=1,
    check=check_mask("dateTimeFormat"),
)


def _from_unix_time(call: Call, column: Column) -> Made:
    seconds = whole_number(column, BIGINT)
    within = exp.Between(this=seconds, low=integer(_FIRST_SECOND), high=integer(_LAST_SECOND))
    microseconds = paren(exp.Mul(this=seconds.copy(), expression=integer(1_000_000)))
    moment = function("make_timestamp", microseconds)
    return Made(dates.spelled(case([(paren(within), moment)]), call["dateTimeFormat"]), TEXT)


of_cell(
    "UNIX_TIME_FORMAT",
    _from_unix_time,
    "Seconds since 1970-01-01 00:00 UTC, spelled by a mask as a date in UTC; a fraction is cut "
    "off. Null for what is no number, and outside of the years 1 to 9999, where milliseconds end.",
    MASK,
    status=Status.INFERRED,
    check=check_mask("dateTimeFormat"),
)


def _zone(name: str) -> tzinfo:
    found = time_zones.zone(name)
    if found is None:
        raise StepError(f"{name!r} is no time zone")
    return found


def _check_zones(*names: str) -> Check:
    def check(values: Mapping[str, Any]) -> Iterable[str]:
        for name in names:
            if time_zones.zone(values[name]) is None:
                yield f"parameter {name!r}: {values[name]!r} is no time zone"

    return check


def _zone_parameter(name: str, doc: str) -> Parameter:
    return Parameter(name, Kind.TEXT, doc, default="UTC")


def _shifted(
    moment: exp.Expr, name: str, shift: Callable[[Any], int | None]
) -> tuple[exp.Expr, VectorFunction]:
    """Return a TIMESTAMP moved by a function of microseconds, and that function."""
    moved = function("make_timestamp", function(name, function("epoch_us", moment)))
    return moved, cell_function(name, shift, BIGINT, takes=BIGINT)


def _check_conversion(values: Mapping[str, Any]) -> Iterable[str]:
    yield from _check_zones("fromTimeZone", "toTimeZone")(values)
    yield from check_mask("dateTimeFormat")(values)


@operation(
    "CONVERT_TIMEZONE",
    Status.INFERRED,
    "A time of one zone as that of another, spelled by a mask. A text that ends with Z or an "
    "offset is that moment, whatever fromTimeZone says. Where clocks are put on, a skipped time "
    "moves on with them; where they are put back, a time that comes twice is the first. "
    f"{_NULL}",
    SOURCE,
    TARGET,
    _zone_parameter("fromTimeZone", "the zone of the source: a name, or UTC+08:00"),
    _zone_parameter("toTimeZone", "the zone of the new column: a name, or UTC+08:00"),
    MASK,
    tier=2,
    check=_check_conversion,
)
def convert_timezone(call: Call, frame: Frame) -> Frame:
    """Move wall-clock times to UTC, then to the other zone."""
    column = frame.column(call.source)
    source, target = call["fromTimeZone"], call["toTimeZone"]
    moment = dates.timestamp(column)
    functions = []
    if source != "UTC":
        shift = time_zones.to_utc(_zone(source))
        moved, made = _shifted(moment, function_name(call, 0), shift)
        moment = case([(dates.states_zone(column), moment.copy())], moved)
        functions.append(made)
    if target != "UTC":
        shift = time_zones.from_utc(_zone(target))
        moment, made = _shifted(moment, function_name(call, 1), shift)
        functions.append(made)
    tree = dates.spelled(moment, call["dateTimeFormat"])
    return new_column(call, frame, tree, functions=functions)


def _clock(name: str, tier: int, doc: str, format_: str) -> None:
    def build(call: Call, frame: Frame) -> Frame:
        moment = call.options.now.astimezone(_zone(call["timeZone"]))
        return new_column(call, frame, string(moment.strftime(format_)))

    parameters = (TARGET, _zone_parameter("timeZone", "a time zone's name, or UTC+08:00"))
    check = _check_zones("timeZone")
    register(Operation(name, tier, Status.INFERRED, doc, parameters, build, check=check))


_clock(
    "TODAY",
    1,
    "The day on which the run began, as text yyyy-mm-dd: the same in every row.",
    "%Y-%m-%d",
)
_clock(
    "NOW",
    2,
    "When the run began, as text yyyy-mm-dd HH:MM:SS: the same in every row.",
    "%Y-%m-%d %H:%M:%S",
)
