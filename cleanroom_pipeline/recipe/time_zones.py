"""Time zones by name, and moving moments between them.

Here: which names are zones, moving microseconds to UTC and from it. Not here: texts, steps.

The rules of zones are those of Python's zoneinfo (the IANA database), and a time that a zone skips
or has twice is read as Java's ZonedDateTime reads it: in a gap it moves on by the gap, and of two
moments it is the earlier. DuckDB's own conversion takes the later, and carries another database.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?([0-5]\d))?")
_MOST_HOURS = 18  # Java's ZoneOffset
# Names that zoneinfo finds and that are no zones: leap seconds, the machine's own, a placeholder.
_NO_ZONES = re.compile(r"(right|posix)/.*|localtime|posixrules|Factory")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the zone is put to it where it is used
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1) // _MICROSECOND

Shift = Callable[[int], int | None]


def zone(name: str) -> tzinfo | None:
    """Return the time zone of that name (America/New_York, UTC, UTC+08:00, GMT-3), or None."""
    offset = _OFFSET.fullmatch(name)
    if offset:
        size = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        signed = size if offset[1] == "+" else -size
        return timezone(signed) if size <= timedelta(hours=_MOST_HOURS) else None
    if _NO_ZONES.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def to_utc(named: tzinfo) -> Shift:
    """Return wall-clock time in a zone -> UTC, both in microseconds since 1970-01-01 00:00.

    None for what is outside of the years 1 to 9999.
    """

    def offset(local: int) -> int:
        moment = (_EPOCH + timedelta(microseconds=local)).replace(tzinfo=named)
        return _microseconds(moment)

    return _by_days(offset, -1)


def from_utc(named: tzinfo) -> Shift:
    """Return UTC -> wall-clock time in a zone, as `to_utc` does the way there."""

    def offset(utc: int) -> int:
        moment = (_EPOCH + timedelta(microseconds=utc)).replace(tzinfo=UTC)
        return _microseconds(moment.astimezone(named))

    return _by_days(offset, 1)


def _microseconds(moment: datetime) -> int:
    return (moment.utcoffset() or timedelta(0)) // _MICROSECOND


def _by_days(offset: Callable[[int], int], sign: int) -> Shift:
    """Ask for the offset once a day; on a day that begins and ends with another one, each time."""
    steady: dict[int, int | None] = {}

    def shift(moment: int) -> int | None:
        day = moment // _DAY
        try:
            if day not in steady:
                first, last = offset(day * _DAY), offset((day + 1) * _DAY - 1)
                steady[day] = first if first == last else None
            known = steady[day]
            moved = moment + sign * (offset(moment) if known is None else known)
            # Raises where no calendar date is left.
            _ = _EPOCH + timedelta(microseconds=moved)
        except OverflowError:
            return None
        return moved

    return shift
