"""Functions of dates, against the same in plain Python.

Here: the date family. Not here: refusals and masks one by one (../test_dates.py).
"""

import calendar
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.recipe import time_zones
from cleanroom_pipeline_tests.recipe.oracles.generated import FEW, column_of
from cleanroom_pipeline_tests.recipe.oracles.runs import each, of_columns, of_texts

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock times
MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31))  # noqa: DTZ001 - the same
NEAR = st.datetimes(datetime(1890, 1, 1), datetime(2045, 1, 1))  # noqa: DTZ001 - the same
ZONES = (
    "America/New_York",
    "Europe/Berlin",
    "Europe/Dublin",  # its winter time is the one that is moved
    "Australia/Lord_Howe",  # moves by half an hour
    "Pacific/Apia",  # left out 2011-12-30
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Africa/Monrovia",  # had an offset with seconds until 1972
    "US/Pacific",
    "UTC",
)
Moments = list[datetime | None]
TIMESTAMP = pa.timestamp("us")


def cells(moments: st.SearchStrategy[datetime]) -> st.SearchStrategy[Moments]:
    return column_of(st.none() | moments)


SPELLINGS: Mapping[str, Callable[[datetime], str]] = {
    "ISO": lambda at: at.isoformat(),
    "ISO with a space": lambda at: at.isoformat(sep=" "),
    "Z": lambda at: at.isoformat() + "Z",
    "an offset": lambda at: (at + timedelta(hours=2)).isoformat() + "+02:00",
    "an offset of Salesforce's": lambda at: (
        (at - timedelta(hours=5, minutes=30)).isoformat(timespec="microseconds") + "-0530"
    ),
    "slashes": lambda at: f"{at:%m/%d/%Y %H:%M:%S.%f}",
    "slashes without zeros": lambda at: f"{at.month}/{at.day}/{at:%Y %H:%M:%S.%f}",
    "year first": lambda at: f"{at:%Y/%m/%d %H:%M:%S.%f}",
    "day first": lambda at: f" {at:%d-%m-%Y %H:%M:%S.%f} ",
    "year between": lambda at: f"{at:%d-%Y-%m %H:%M:%S.%f}",
    "spaces": lambda at: f"{at:%m %d %Y %H:%M:%S.%f}",
    "a name": lambda at: f"{at:%B %d, %Y %H:%M:%S.%f}",
    "a short name": lambda at: f"{at:%d %b %Y %H:%M:%S.%f}".upper(),
}
PARTS: Mapping[str, Callable[[datetime], Any]] = {
    "YEAR": lambda at: at.year,
    "QUARTER": lambda at: (at.month + 2) // 3,
    "MONTH": lambda at: at.month,
    "MONTH_NAME": lambda at: calendar.month_name[at.month],
    "DAY": lambda at: at.day,
    "HOUR": lambda at: at.hour,
    "MINUTE": lambda at: at.minute,
    "SECOND": lambda at: at.second,
    "MILLISECOND": lambda at: at.microsecond // 1000,
    "WEEK_DAY": lambda at: at.isoweekday() % 7 + 1,
    "WEEK_NUMBER": lambda at: at.isocalendar().week,
    "UNIX_TIME": lambda at: (at - EPOCH) // timedelta(seconds=1),
}


# Reading so many spellings makes trees that take DuckDB half a second to plan.
@settings(max_examples=8, deadline=None)
@given(
    moments=column_of(
        st.tuples(MOMENTS.filter(lambda at: 1000 < at.year < 9999), st.sampled_from([*SPELLINGS]))
    )
)
def test_parts_are_those_of_the_moment_that_a_text_spells(
    moments: list[tuple[datetime, str]],
) -> None:
    texts = [SPELLINGS[name](at) for at, name in moments]
    got = of_texts(texts, {name: (name, {"sourceColumn": "x"}) for name in PARTS})
    for name, part in PARTS.items():
        assert got[name] == [part(at) for at, _ in moments], name


@FEW
@given(moments=cells(st.datetimes()))
def test_parts_of_timestamps_are_those_of_the_same_moment(moments: Moments) -> None:
    columns = {"x": (TIMESTAMP, moments)}
    got = of_columns(columns, {name: (name, {"sourceColumn": "x"}) for name in PARTS})
    for name, part in PARTS.items():
        assert got[name] == each(moments, part), name


DATE_FORMATS = ("%m/%d/%y", "%m/%d/%Y", "%Y/%m/%d", "%Y-%m-%d", "%d-%m-%Y", "%d-%Y-%m", "%m %d %Y")
NUMBERS = st.sampled_from(
    "0 1 2 02 12 13 28 29 30 31 32 69 99 100 0018 1999 2000 2023 2024".split()
)


def read_date(text: str) -> datetime | None:
    for one in DATE_FORMATS:
        try:
            read = datetime.strptime(text, one)  # noqa: DTZ007 - a wall-clock time
        except ValueError:
            continue
        return read if read.year >= 1000 else None
    return None


@FEW
@given(
    texts=column_of(
        st.tuples(st.sampled_from("/- "), st.lists(NUMBERS, min_size=2, max_size=4)).map(
            lambda one: one[0].join(one[1])
        )
    )
)
def test_numbers_are_a_date_if_a_published_order_of_them_is_one(texts: list[str]) -> None:
    got = of_texts(texts, {"day": ("DATE_FORMAT", {"sourceColumn": "x"})})["day"]
    assert got == [each([read_date(text)], str)[0] for text in texts]


def plus_months(at: datetime, months: int) -> datetime | None:
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        return None
    last = calendar.monthrange(year, month + 1)[1]
    return at.replace(year=year, month=month + 1, day=min(at.day, last))


def plus(at: datetime, number: int, unit: str) -> datetime | None:
    if unit in MONTHS:
        return plus_months(at, number * MONTHS[unit])
    try:
        return at + number * DURATIONS[unit]
    except OverflowError:
        return None


MONTHS = {"MONTHS": 1, "QUARTERS": 3, "YEARS": 12}
DURATIONS = {
    unit: timedelta(**{unit.lower(): 1})
    for unit in ("WEEKS", "DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECONDS", "MICROSECONDS")
}
UNITS = (*MONTHS, *DURATIONS)


@FEW
@given(moments=cells(st.datetimes()), number=st.integers(-9000, 9000))
def test_adding_keeps_the_day_or_ends_with_the_month(moments: Moments, number: int) -> None:
    mask = "yyyy-mm-dd HH:MM:SS.SSS"
    steps: dict[str, Any] = {
        unit: (
            "DATE_ADD",
            {"sourceColumn": "x", "units": unit, "dateAddValue": number, "dateTimeFormat": mask},
        )
        for unit in UNITS
    }
    got = of_columns({"x": (TIMESTAMP, moments)}, steps)
    for unit in UNITS:
        sums = [None if at is None else plus(at, number, unit) for at in moments]
        assert got[unit] == each(sums, lambda at: at.isoformat(" ", "milliseconds")), unit


def whole_units(first: datetime, second: datetime, unit: str) -> int:
    if second < first:
        return -whole_units(second, first, unit)
    if unit in DURATIONS:
        return (second - first) // DURATIONS[unit]
    months = (second.year - first.year) * 12 + second.month - first.month
    reached = plus_months(first, months)
    return (months if reached and reached <= second else months - 1) // MONTHS[unit]


DAYS_AT_ENDS = st.builds(
    lambda year, month, day, hour: datetime(  # noqa: DTZ001 - wall-clock times
        year, month, min(day, calendar.monthrange(year, month)[1]), hour
    ),
    st.integers(2019, 2025),
    st.integers(1, 12),
    st.sampled_from([1, 15, 28, 29, 30, 31]),
    st.sampled_from([0, 12]),
)


@FEW
@given(pairs=column_of(st.tuples(*[st.none() | MOMENTS | DAYS_AT_ENDS] * 2)))
def test_differences_count_the_whole_units_that_can_be_added(
    pairs: list[tuple[datetime | None, datetime | None]],
) -> None:
    firsts, seconds = zip(*pairs, strict=True)
    steps: dict[str, Any] = {
        unit: ("DATE_DIFF", {"sourceColumn1": "a", "sourceColumn2": "b", "units": unit})
        for unit in UNITS
    }
    got = of_columns({"a": (TIMESTAMP, firsts), "b": (TIMESTAMP, seconds)}, steps)
    for unit in UNITS:
        assert got[unit] == [
            None if a is None or b is None else whole_units(a, b, unit) for a, b in pairs
        ], unit


@FEW
@given(moments=cells(NEAR), source=st.sampled_from(ZONES), target=st.sampled_from(ZONES))
def test_zones_are_converted_as_the_iana_database_says(
    moments: Moments, source: str, target: str
) -> None:
    mask = "yyyy-mm-dd HH:MM:SS.SSS"
    parameters = {"fromTimeZone": source, "toTimeZone": target, "dateTimeFormat": mask}
    made = {"y": ("CONVERT_TIMEZONE", {"sourceColumn": "x", **parameters})}
    got = of_columns({"x": (TIMESTAMP, moments)}, made)["y"]

    def oracle(at: datetime) -> str:
        moved = at.replace(tzinfo=ZoneInfo(source)).astimezone(UTC).astimezone(ZoneInfo(target))
        return moved.replace(tzinfo=None).isoformat(" ", "milliseconds")

    assert got == each(moments, oracle)


@given(
    named=st.sampled_from(ZONES),
    local=st.sampled_from([2011, 2016, 2024, 1972, 1947]).flatmap(
        lambda year: st.datetimes(datetime(year, 1, 1), datetime(year, 12, 31))  # noqa: DTZ001
    ),
)
def test_a_day_that_changes_its_offset_is_looked_at_moment_by_moment(
    named: str, local: datetime
) -> None:
    zone = ZoneInfo(named)
    there, back = time_zones.to_utc(zone), time_zones.from_utc(zone)
    for hour in range(48):
        at = local + timedelta(hours=hour)
        moved = at.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
        assert there((at - EPOCH) // timedelta(microseconds=1)) == (
            (moved - EPOCH) // timedelta(microseconds=1)
        )
        seen = at.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
        assert back((at - EPOCH) // timedelta(microseconds=1)) == (
            (seen - EPOCH) // timedelta(microseconds=1)
        )


NAMES = ("year", "month", "day", "hour", "minute", "second")
RANGES = ((1990, 2030), (-1, 13), (0, 32), (-1, 24), (0, 60), (0, 61))
ROWS = st.tuples(*[st.none() | st.integers(*ends) for ends in RANGES])


@FEW
@given(rows=column_of(ROWS))
def test_parts_make_a_moment_if_the_calendar_has_it(rows: list[tuple[int | None, ...]]) -> None:
    columns = {
        name: (pa.int64(), numbers)
        for name, numbers in zip(NAMES, zip(*rows, strict=True), strict=True)
    }
    written = json.dumps({name: {"sourceColumn": name} for name in NAMES})
    made = {"y": ("DATE_TIME", {"dateTimeParameters": written})}

    def oracle(row: tuple[int | None, ...]) -> str | None:
        try:
            return str(datetime(*row))  # type: ignore[arg-type]  # noqa: DTZ001 - None is refused
        except (TypeError, ValueError):
            return None

    assert of_columns(columns, made)["y"] == list(map(oracle, rows))


@FEW
@given(seconds=column_of(st.none() | st.integers(-(2**40), 2**40)))
def test_unix_time_is_spelled_and_read_back(seconds: list[int | None]) -> None:
    columns = {"x": (pa.int64(), seconds)}
    made = {"y": ("UNIX_TIME_FORMAT", {"sourceColumn": "x"})}

    def oracle(number: int) -> str | None:
        try:
            return str(EPOCH + timedelta(seconds=number))
        except OverflowError:
            return None

    assert of_columns(columns, made)["y"] == each(seconds, oracle)


LETTERS: Mapping[str, Callable[[datetime], str]] = {
    "yyyy": lambda at: f"{at.year:04}",
    "yy": lambda at: f"{at.year % 100:02}",
    "mm": lambda at: f"{at.month:02}",
    "month": lambda at: calendar.month_name[at.month],
    "mmm": lambda at: calendar.month_abbr[at.month],
    "dd": lambda at: f"{at.day:02}",
    "HH:MM:SS": lambda at: f"{at:%H:%M:%S}",
    "HH:mm": lambda at: f"{at:%H:%M}",
    "SSS": lambda at: f"{at.microsecond // 1000:03}",
    "'o''clock'": lambda _: "o'clock",
    "*": lambda _: " ",
    "%": lambda _: "%",
    "日": lambda _: "日",
}
SEPARATORS = st.sampled_from([" ", "-", "/", ".", ", "])


@FEW
@given(
    moments=cells(MOMENTS),
    parts=st.lists(st.tuples(st.sampled_from([*LETTERS]), SEPARATORS), min_size=1, max_size=6),
)
def test_masks_spell_each_part(moments: Moments, parts: list[tuple[str, str]]) -> None:
    # After an hour and its minutes a month is not at the hour's side any more.
    mask = "".join(part + separator for part, separator in parts)
    made = {"y": ("DATE_FORMAT", {"sourceColumn": "x", "dateTimeFormat": mask})}
    got = of_columns({"x": (TIMESTAMP, moments)}, made)["y"]

    def oracle(at: datetime) -> str:
        return "".join(LETTERS[part](at) + separator for part, separator in parts)

    assert got == each(moments, oracle)
