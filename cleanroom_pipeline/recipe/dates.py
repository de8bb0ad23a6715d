"""Reading and writing dates as DataBrew spells them.

Here: which texts are dates, and the mask language of FORMAT_DATE and DATE_FORMAT. Not here: steps.

A text is a date when one of READABLE reads all of it (AWS publishes a table of texts for Glue's
MONTH_NAME: every text it reads is read here alike, and every text it refuses is refused). Texts
with a zone offset other than Z are not read.
"""

import re
from datetime import timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import (
    call,
    case,
    cast,
    full_match,
    is_temporal,
    paren,
    string,
    text,
    try_cast,
)
from cleanroom_pipeline.recipe.findings import StepError
from cleanroom_pipeline.recipe.plan import TIMESTAMP, Column

_TIMES = ("", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M:%S", "T%H:%M:%SZ", "T%H:%M:%S.%f")
_ZULU_FRACTION = "T%H:%M:%S.%fZ"
# By far the commonest; a cast reads it seven times faster than a list of formats.
_ISO = r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z?)?"
_OTHER_DATES = (
    "%m/%d/%y",
    "%Y/%m/%d",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%d-%Y-%m",
    "%m %d %Y",
    "%B/%d/%Y",
    "%B %d %Y",
    "%B %d, %Y",
    "%d %B %Y",
)
READABLE = (
    *(f"%Y-%m-%d{time}" for time in (*_TIMES, _ZULU_FRACTION, " %H:%M")),
    *(f"{date}{time}" for date in _OTHER_DATES for time in ("", " %H:%M:%S", " %H:%M")),
)

# A year such as 0018 is a two-digit year read with a four-digit format.
_EARLIEST = "1000-01-01"
DEFAULT_MASK = "yyyy-mm-dd HH:MM:SS"
# DataBrew's own letters: mm is the month and MM the minute.
_DATABREW = {
    "yyyy": "%Y", "yy": "%y", "month": "%B", "mmmm": "%B", "mmm": "%b", "mm": "%m", "m": "%-m",
    "dd": "%d", "d": "%-d", "HH": "%H", "hh": "%I", "MM": "%M", "SS": "%S", "SSS": "%g",
}  # fmt: skip
# Java's letters, which console exports hold too: MM is the month and mm the minute.
_JAVA = {
    "yyyy": "%Y", "yy": "%y", "month": "%B", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m",
    "dd": "%d", "d": "%-d", "HH": "%H", "H": "%-H", "hh": "%I", "mm": "%M", "ss": "%S",
    "SSS": "%g", "a": "%p", "EEEE": "%A", "EEE": "%a",
}  # fmt: skip
_TOKEN = re.compile(r"month|([A-Za-z])\1*|'[^']*'|.", re.DOTALL)


def to_strftime(mask: str) -> str:
    """Return DuckDB's strftime format of a DataBrew date mask; `*` stands for a space.

    A mask is read with Java's letters when it holds `ss`, or `MM` but neither `HH` nor `mm`.
    Raises StepError for letters that mean nothing.
    """
    java = "ss" in mask or ("MM" in mask and "HH" not in mask and "mm" not in mask)
    letters = _JAVA if java else _DATABREW
    parts = []
    for match in _TOKEN.finditer(mask):
        part = match.group()
        if part in letters:
            parts.append(letters[part])
        elif part == "*":
            parts.append(" ")
        elif part.startswith("'") and len(part) > 1:
            parts.append(part[1:-1].replace("%", "%%"))
        elif part[0].isalpha() and part not in {"T", "Z"}:
            known = ", ".join(sorted(letters))
            raise StepError(f"date mask {mask!r}: {part!r} means nothing; known: {known}")
        else:
            parts.append(part.replace("%", "%%"))
    return "".join(parts)


def zone(name: str) -> tzinfo | None:
    """Return the time zone of that name (America/New_York, UTC, UTC+08:00), or None."""
    offset = re.fullmatch(r"UTC([+-])(\d{2}):(\d{2})", name)
    if offset:
        size = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        whole_day = timedelta(days=1)
        signed = size if offset[1] == "+" else -size
        return timezone(signed) if size < whole_day else None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def timestamp(column: Column) -> exp.Expr:
    """Return the column as TIMESTAMP; null for what is no date."""
    if is_temporal(column):
        return cast(column.tree, TIMESTAMP)
    formats = exp.Array(expressions=[string(one) for one in READABLE])
    trimmed = call("trim", text(column))
    iso = case([(full_match(trimmed, _ISO), try_cast(trimmed.copy(), TIMESTAMP))])
    read = call("coalesce", iso, call("try_strptime", trimmed.copy(), formats))
    earliest = cast(string(_EARLIEST), TIMESTAMP)
    return case([(paren(exp.GTE(this=read, expression=earliest)), read.copy())])


def formatted(column: Column, mask: str) -> exp.Expr:
    """Return the column's date spelled by a mask; null for what is no date."""
    return call("strftime", timestamp(column), string(to_strftime(mask)))
