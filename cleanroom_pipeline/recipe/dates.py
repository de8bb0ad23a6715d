"""Reading and writing dates as DataBrew spells them.

Here: which texts are dates, and the mask language of FORMAT_DATE and DATE_FORMAT. Not here: steps,
and named time zones (time_zones.py).

A text is a date when all of it, spaces around it aside, is one of:

- ISO 8601: yyyy-mm-dd, then perhaps T or a space and HH:MM[:SS[.fraction]], then perhaps Z or an
  offset (+02:00, +0200, +02). With Z or an offset it is moved to UTC. Digits of a fraction after
  the sixth are cut off; 24:00:00 is the beginning of the next day.
- a date of `_FORMS`, then perhaps a space and HH:MM[:SS[.fraction]], or hh:MM[:SS] AM or PM.

What AWS publishes of Glue's MONTH_NAME is read alike: every text it reads, and null for every text
it refuses. AWS names no other texts. Ours beyond its table: offsets, AM and PM, abbreviated names
of months, which Java's legacy parser takes wherever it takes whole ones. Java's parser also lets
numbers overflow (31 June is 1 July); here such a text is null. 03/04/2024 is the 4th of March, and
03-04-2024 the 3rd of April, as AWS's table has it. Years have four digits, or two in mm/dd/yy: 69
to 99 are 1969 to 1999, the others 2000 to 2068. Dates are of the years 1 to 9999, texts from 1000.
"""

import re
from collections.abc import Iterable
from itertools import pairwise

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import (
    call,
    case,
    cast,
    concat,
    full_match,
    is_temporal,
    paren,
    string,
    text,
    try_cast,
)
from cleanroom_pipeline.recipe.findings import StepError
from cleanroom_pipeline.recipe.plan import TIMESTAMP, Column

# By far the commonest; a cast reads it many times faster than a format.
_ISO = r"[1-9]\d{3}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?Z?)?"
_OFFSET = r" ?[+-](0\d|1[0-8])(:?[0-5]\d)?"
_ISO_WITH_OFFSET = (
    rf"[1-9]\d{{3}}-\d{{2}}-\d{{2}}[ T]\d{{2}}:\d{{2}}(:\d{{2}}(\.\d{{1,9}})?)?{_OFFSET}"
)
_STATES_ZONE = rf"\d{{4}}-\d{{2}}-\d{{2}}[ T][\d:.]+(Z|{_OFFSET})"
_CLOCK = r"\d{1,2}:\d{2}(:\d{2}(\.\d{1,6})?)?( [AaPp][Mm])?"
_TIMES = ("", " %H:%M:%S", " %H:%M", " %H:%M:%S.%f")
_TIMES_OF_HALF_DAYS = (" %I:%M:%S %p", " %I:%M %p")
# The shapes keep a text from being tried with formats that can't read it: tries that fail are most
# of the cost. They also keep %Y from reading years of fewer digits.
_FORMS = (
    (r"\d{1,2}/\d{1,2}/\d{2}", ("%m/%d/%y",)),
    (r"\d{1,2}/\d{1,2}/[1-9]\d{3}", ("%m/%d/%Y",)),
    (r"[1-9]\d{3}/\d{1,2}/\d{1,2}", ("%Y/%m/%d",)),
    (r"\d{1,2}-\d{1,2}-[1-9]\d{3}", ("%d-%m-%Y",)),
    (r"\d{1,2}-[1-9]\d{3}-\d{1,2}", ("%d-%Y-%m",)),
    (r"[1-9]\d{3}-\d{1,2}-\d{1,2}", ("%Y-%m-%d",)),
    (r"\d{1,2} \d{1,2} [1-9]\d{3}", ("%m %d %Y",)),
    (r"[A-Za-z]{3,9}/\d{1,2}/[1-9]\d{3}", ("%B/%d/%Y", "%b/%d/%Y")),
    (r"[A-Za-z]{3,9} \d{1,2} [1-9]\d{3}", ("%B %d %Y", "%b %d %Y")),
    (r"[A-Za-z]{3,9} \d{1,2}, [1-9]\d{3}", ("%B %d, %Y", "%b %d, %Y")),
    (r"\d{1,2} [A-Za-z]{3,9} [1-9]\d{3}", ("%d %B %Y", "%d %b %Y")),
)
_ANY_FORM = "|".join(shape for shape, _ in _FORMS)
_FIRST = "0001-01-01"
_LAST = "9999-12-31 23:59:59.999999"
_EPOCH_DAY = "1970-01-01"

DEFAULT_MASK = "yyyy-mm-dd HH:MM:SS"
_YEARS = {"yyyy": "%Y", "yy": "%y"}
_MONTHS = {"month": "%B", "mmmm": "%B", "MMMM": "%B", "mmm": "%b", "MMM": "%b"}
_DAYS = {"dd": "%d", "d": "%-d", "EEEE": "%A", "EEE": "%a"}
_HOURS = {"HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I"}
_SECONDS = {"SS": "%S", "ss": "%S"}
_REST = {"SSS": "%g", "a": "%p"}
_LETTERS = {**_YEARS, **_MONTHS, **_DAYS, **_HOURS, **_SECONDS, **_REST}
# Month or minute, told by what stands beside it.
_MONTH_OR_MINUTE = {
    "mm": ("%m", "%M"),
    "MM": ("%m", "%M"),
    "m": ("%-m", "%-M"),
    "M": ("%-m", "%-M"),
}
_FIELDS = frozenset({*_LETTERS, *_MONTH_OR_MINUTE})
_OF_DATES = frozenset({*_YEARS, *_MONTHS, *_DAYS, "mm", "m"})
_TOKEN = re.compile(r"month|([A-Za-z])\1*|'(?:[^']|'')*'|.", re.DOTALL)


def to_strftime(mask: str) -> str:
    """Return DuckDB's strftime format of a DataBrew date mask; `*` stands for a space.

    DataBrew's own letters are mm for the month and MM for the minute; masks in recipes exported by
    its console hold Java's too, which are the other way round. Both are read: either is the minute
    just after an hour or just before seconds. Elsewhere mm is the month, and MM is the month where
    the mask holds another part of a date, else the minute. Text in single quotes is itself.
    Raises StepError for letters that mean nothing.
    """
    parts = [match.group() for match in _TOKEN.finditer(mask)]
    fields = [(place, part) for place, part in enumerate(parts) if part in _FIELDS]
    before = {place: field for (_, field), (place, _) in pairwise(fields)}
    after = {place: field for (place, _), (_, field) in pairwise(fields)}
    has_date = any(field in _OF_DATES for _, field in fields)
    made = []
    for place, part in enumerate(parts):
        if part in _MONTH_OR_MINUTE:
            beside = before.get(place) in _HOURS or after.get(place) in _SECONDS
            is_minute = beside or (part[0] == "M" and not has_date)
            made.append(_MONTH_OR_MINUTE[part][is_minute])
        else:
            made.append(_LETTERS.get(part) or _literal(part, mask))
    return "".join(made)


def _literal(part: str, mask: str) -> str:
    if part == "*":
        return " "
    if part == "''":
        return "'"
    if part.startswith("'") and len(part) > 1:
        return part[1:-1].replace("''", "'").replace("%", "%%")
    if part[0].isascii() and part[0].isalpha() and part not in {"T", "Z"}:
        known = ", ".join(sorted(_FIELDS))
        raise StepError(f"date mask {mask!r}: {part!r} means nothing; known: {known}")
    return part.replace("%", "%%")


def _holds_time_alone(mask: str) -> bool:
    codes = set(re.findall(r"%-?([A-Za-z])", to_strftime(mask).replace("%%", "")))
    return bool(codes) and codes <= set("HIMSgp")


def timestamp(column: Column, *, clock: bool = False) -> exp.Expr:
    """Return the column as TIMESTAMP; null for what is no date.

    With `clock` a time of day alone (HH:MM[:SS[.fraction]], or with AM or PM) is read too, as that
    of 1970-01-01, which is the day that Java gives it.
    """
    if is_temporal(column):
        return in_years(try_cast(column.tree, TIMESTAMP))
    trimmed = call("trim", text(column))
    branches = [
        (full_match(trimmed, _ISO), try_cast(trimmed.copy(), TIMESTAMP)),
        (full_match(trimmed.copy(), _ISO_WITH_OFFSET), _moved_to_utc(trimmed)),
        (full_match(trimmed.copy(), f"({_ANY_FORM})( {_CLOCK})?"), _read_by_form(trimmed)),
    ]
    if clock:
        on_day = concat(string(f"{_EPOCH_DAY} "), trimmed.copy())
        read = _tried(on_day, ["%Y-%m-%d"], (*_TIMES, *_TIMES_OF_HALF_DAYS))
        branches.append((full_match(trimmed.copy(), _CLOCK), read))
    return case(branches)


def _moved_to_utc(trimmed: exp.Expr) -> exp.Expr:
    # A cast takes no space before the offset.
    joined = trimmed.copy()
    for sign in "+-":
        joined = call("replace", joined, string(f" {sign}"), string(sign))
    return in_years(call("timezone", string("UTC"), try_cast(joined, "TIMESTAMPTZ")))


def _read_by_form(trimmed: exp.Expr) -> exp.Expr:
    """Return the moment of a text that has one of the forms, perhaps with a time."""
    of_any = [one for _, formats in _FORMS for one in formats]
    half_day = call("ends_with", call("upper", trimmed.copy()), string("M"))
    branches = [(half_day, _tried(trimmed, of_any, _TIMES_OF_HALF_DAYS))]
    for shape, formats in _FORMS:
        # What follows the date is a time, which _ANY_FORM looked at; a short pattern binds faster.
        shaped = full_match(trimmed.copy(), f"(?:{shape})(?: .*)?")
        branches.append((shaped, _tried(trimmed, formats, _TIMES)))
    return case(branches)


def _tried(tree: exp.Expr, formats: Iterable[str], times: Iterable[str]) -> exp.Expr:
    tried = [string(one + time) for one in formats for time in times]
    return call("try_strptime", tree.copy(), exp.Array(expressions=tried))


def in_years(moment: exp.Expr) -> exp.Expr:
    """Return a TIMESTAMP where it is of the years 1 to 9999, the calendar's; else null."""
    first, last = (cast(string(end), TIMESTAMP) for end in (_FIRST, _LAST))
    return case([(paren(exp.Between(this=moment, low=first, high=last)), moment.copy())])


def states_zone(column: Column) -> exp.Expr:
    """Return the tree that is true where a text says by Z or an offset which moment it is.

    Typed columns do not: one that had a zone was moved to UTC when it was read.
    """
    if is_temporal(column):
        return exp.false()
    return call("coalesce", full_match(call("trim", text(column)), _STATES_ZONE), exp.false())


def spelled(moment: exp.Expr, mask: str) -> exp.Expr:
    """Return a TIMESTAMP spelled by a mask."""
    return call("strftime", moment, string(to_strftime(mask)))


def read_for(column: Column, mask: str) -> exp.Expr:
    """Return the column as TIMESTAMP, to be spelled by a mask.

    A time of day alone is read if the mask holds nothing else; else it is no date, so null.
    """
    return timestamp(column, clock=_holds_time_alone(mask))


def formatted(column: Column, mask: str) -> exp.Expr:
    """Return the column's date spelled by a mask; null for what is no date."""
    return spelled(read_for(column, mask), mask)
