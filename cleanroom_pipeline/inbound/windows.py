"""The stretches of time that pulls ask a source for, and the days that they fall into.

Here: pure arithmetic of days. Not here: which days were pulled already (`ledger`), or how a source
is asked for one (`inbound.flow_definitions`).

A pull with a date filter asks for whole days, and for each day by itself: what a day's pull brings
is that day in full, so that it can replace the day in the table. Days are those of UTC.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
A_DAY = timedelta(days=1)
MOST_DAYS = 31
"""As many days as one pull may ask for: their executions all run at once, behind one token."""

MOST_OVERLAP = timedelta(days=14)
"""Less than half of that, so that pulls which make up for a long pause get on."""


class WindowError(ValueError):
    """A stretch of time is none, or can't be asked for. The message says what is taken."""


def day_of(text: str) -> date:
    """Read a day written as 2026-10-01 and in no other way; WindowError for any other text.

    `date.fromisoformat` alone would take week numbers, and days without their dashes.
    """
    try:
        return date.fromisoformat(text if DAY.fullmatch(text) else "")
    except ValueError:
        raise WindowError("A day is written like 2026-10-01, and must be one.") from None


@dataclass(frozen=True, slots=True)
class Days:
    """Days from `first` up to `end`, which is not one of them."""

    first: date
    end: date

    def __post_init__(self) -> None:
        if self.first >= self.end:
            raise WindowError(f"No day is from {self.first} on and before {self.end}.")

    @classmethod
    def read(cls, first: str, end: str) -> Self:
        """Read both ends; WindowError says what is wrong with them."""
        return cls(day_of(first), day_of(end))

    def each(self) -> Sequence[date]:
        """Return the days, the earliest first."""
        count = (self.end - self.first).days
        return [self.first + number * A_DAY for number in range(count)]

    def parts(self) -> "Sequence[Days]":
        """Return them in parts of as many days as one pull may ask for, the earliest first."""
        size = timedelta(days=MOST_DAYS)
        firsts = self.each()[::MOST_DAYS]
        return [Days(first, min(first + size, self.end)) for first in firsts]


def days_to_pull(
    last_end: datetime | None, start: date | None, overlap: timedelta, now: datetime
) -> Days:
    """Return the days of a pull that begins `now`, up to the day that has begun, if that many fit.

    `last_end` is up to when the last whole pull asked; what is less than `overlap` older may have
    changed, or come late, and is asked for again: so pulls make up for a long pause. Where nothing
    was pulled yet, the first day is `start`, or else the one that `overlap` leads back to.
    """
    today = now.astimezone(UTC).date()
    if last_end is None:
        first = start if start is not None else (now - overlap).astimezone(UTC).date()
    else:
        first = (last_end - overlap).astimezone(UTC).date()
    return Days(min(first, today), today + A_DAY).parts()[0]


def asked_until(days: Days, now: datetime) -> datetime:
    """Return up to when a pull that begins `now` has asked, where it asks for these days."""
    return min(now.astimezone(UTC), datetime.combine(days.end, time(), UTC))


def milliseconds(day: date) -> int:
    """Return when a day begins, in milliseconds since 1970-01-01 UTC."""
    return int(datetime.combine(day, time(), UTC).timestamp()) * 1000
