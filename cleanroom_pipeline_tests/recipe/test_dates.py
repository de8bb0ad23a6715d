"""Masks, time zones and steps of dates: what is read, and what is refused.

Here: dates.py, time_zones.py and the date family, case by case. Not here: comparisons with plain
Python (oracles/test_dates.py), the examples of each operation (golden/date/).
"""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cleanroom_pipeline.recipe import dates, time_zones
from cleanroom_pipeline.recipe.findings import RecipeError, StepError
from cleanroom_pipeline_tests.recipe.running import (
    condition,
    derive,
    recipe,
    run_csv,
    run_table,
    step,
)

MASKS = {
    "yyyy-mm-dd HH:MM:SS": "%Y-%m-%d %H:%M:%S",
    "yyyy-mm-dd*HH:MM:SS": "%Y-%m-%d %H:%M:%S",
    "month*dd*yyyy": "%B %d %Y",
    "mm/dd/yy": "%m/%d/%y",
    "HH:MM": "%H:%M",
    "MM:SS": "%M:%S",
    "MM": "%M",
    "mm": "%m",
    "MM-dd-yyyy": "%m-%d-%Y",
    "yyyy-MM": "%Y-%m",
    "yyyy-MM-dd HH:mm:ss": "%Y-%m-%d %H:%M:%S",
    "yyyy-MM-dd HH:mm": "%Y-%m-%d %H:%M",
    "yyyyMMddHHmmss": "%Y%m%d%H%M%S",
    "yyyymmddHHMMSS": "%Y%m%d%H%M%S",
    "HH:mm dd/MM/yyyy": "%H:%M %d/%m/%Y",
    "HH:MM:SS mm/dd/yyyy": "%H:%M:%S %m/%d/%Y",
    "MM/dd/yyyy HH:MM": "%m/%d/%Y %H:%M",
    "M/d/yyyy h:mm a": "%-m/%-d/%Y %-I:%M %p",
    "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'": "%Y-%m-%dT%H:%M:%S.%gZ",
    "dd MMMM yyyy": "%d %B %Y",
    "dd' o''clock 100%'": "%d o'clock 100%%",
    "hh''mm": "%I'%M",
    "yyyy年mm月": "%Y年%m月",
    "": "",
}


@pytest.mark.parametrize(("mask", "format_"), MASKS.items())
def test_a_mask_tells_months_from_minutes_by_what_is_beside_them(mask: str, format_: str) -> None:
    assert dates.to_strftime(mask) == format_


@pytest.mark.parametrize("mask", ["qq", "yyyyy", "months", "SSSS", "DD", "YYYY", "'open"])
def test_letters_that_mean_nothing_are_refused(mask: str) -> None:
    with pytest.raises(StepError, match="means nothing"):
        dates.to_strftime(mask)


ZONES = {
    "UTC": 0,
    "GMT": 0,
    "Asia/Kolkata": 330,
    "UTC+08:00": 480,
    "UTC-3": -180,
    "GMT+0530": 330,
    "-01:30": -90,
    "UTC+18:00": 1080,
}


@pytest.mark.parametrize(("name", "minutes"), ZONES.items())
def test_zones_have_names_or_offsets(name: str, minutes: int) -> None:
    zone = time_zones.zone(name)
    assert zone
    assert datetime(2024, 1, 1, tzinfo=zone).utcoffset() == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "name",
    [
        *("", "Nowhere", "America", "../etc/passwd", "/etc/passwd", "UTC+19:00", "UTC+18:01"),
        *("UTC+05:60", "right/UTC", "posix/UTC", "localtime", "Factory", "UTC\0", "Zürich"),
    ],
)
def test_other_names_are_no_zones(name: str) -> None:
    assert time_zones.zone(name) is None


def test_a_moment_beyond_the_calendar_has_no_place_in_another_zone() -> None:
    new_york = time_zones.zone("America/New_York")
    assert new_york
    last = 253_402_300_799_999_999
    assert time_zones.to_utc(new_york)(last) is None
    assert time_zones.from_utc(new_york)(-62_135_596_800_000_000) is None
    assert time_zones.to_utc(new_york)(2 * last) is None


READ: dict[str | None, str | None] = {
    "2024-01-02T10:00": "2024-01-02 10:00:00.000",
    "2024-01-02 10:00:00.123456789": "2024-01-02 10:00:00.123",
    "2024-01-02T10:00:00.000+0000": "2024-01-02 10:00:00.000",
    "2024-01-02T10:00:00+05:30": "2024-01-02 04:30:00.000",
    "2024-01-02 10:00:00 -0530": "2024-01-02 15:30:00.000",
    "2024-01-02T10:00-03": "2024-01-02 13:00:00.000",
    "2024-01-02T00:00:00+14:00": "2024-01-01 10:00:00.000",
    "2024-01-02 24:00:00": "2024-01-03 00:00:00.000",
    "2024-01-02T10:00:00+25:00": None,
    "2024-01-02T10:00:00+02:75": None,
    "2024-01-02+02:00": None,
    "9999-12-31T23:59:59-05:00": None,
    "1/2/2024 12:00 AM": "2024-01-02 00:00:00.000",
    "1/2/2024 12:00:01 pm": "2024-01-02 12:00:01.000",
    "1/2/2024 13:00 PM": None,
    "Aug 2, 2024": "2024-08-02 00:00:00.000",
    "Augu 2, 2024": None,
    "2/3/04": "2004-02-03 00:00:00.000",
    "01/01/68": "2068-01-01 00:00:00.000",
    "01/01/69": "1969-01-01 00:00:00.000",
    "0018-01-02": None,
    "01/02/0018": None,
    "2/3/4": None,
    "31-06-2024": None,
    "2024-02-30": None,
    "2024-13-01T00:00:00+01:00": None,
    "10:00": None,
    "1704189600": None,
    "infinity": None,
    "epoch": None,
    "today": None,
    "2024-01-02 10:00:00\n": None,
    "": None,
    None: None,
}


def test_texts_are_dates_or_null(tmp_path: Path) -> None:
    mask = "yyyy-mm-dd HH:MM:SS.SSS"
    got = derive(tmp_path, list(READ), "DATE_FORMAT", dateTimeFormat=mask)
    assert dict(zip(READ, got, strict=True)) == READ


def test_timestamps_with_a_zone_are_read_as_utc(tmp_path: Path) -> None:
    noon = datetime(2024, 7, 1, 12, tzinfo=UTC)
    column = pa.array([noon, None], pa.timestamp("us", "UTC"))
    made = [
        step("HOUR", sourceColumn="x", targetColumn="hour"),
        step(
            "CONVERT_TIMEZONE",
            sourceColumn="x",
            targetColumn="y",
            toTimeZone="Europe/Paris",
        ),
    ]
    got = run_table(tmp_path, pa.table({"x": column}), *made)
    assert got["hour"].to_pylist() == [12, None]
    assert got["y"].to_pylist() == ["2024-07-01 14:00:00", None]


def test_days_have_no_time(tmp_path: Path) -> None:
    made = [
        step("HOUR", sourceColumn="x", targetColumn="hour"),
        step("DATE_ADD", sourceColumn="x", targetColumn="y", units="SECONDS", dateAddValue=-1),
    ]
    got = run_table(tmp_path, pa.table({"x": [date(2024, 3, 1), None]}), *made)
    assert got["hour"].to_pylist() == [0, None]
    assert got["y"].to_pylist() == ["2024-02-29 23:59:59", None]


def test_a_conversion_may_be_of_some_rows_only(tmp_path: Path) -> None:
    made = step(
        "CONVERT_TIMEZONE",
        sourceColumn="at",
        targetColumn="y",
        fromTimeZone="Europe/Berlin",
        conditions=[condition("IS", "country", "DE")],
    )
    rows = [
        {"at": "2024-07-01 12:00:00", "country": "DE"},
        {"at": "2024-07-01 12:00:00", "country": "FR"},
    ]
    got = run_csv(tmp_path, rows, made)
    assert [row["y"] for row in got] == ["2024-07-01 10:00:00", None]


def test_functions_of_no_rows_give_the_columns(tmp_path: Path) -> None:
    made = [
        step("CONVERT_TIMEZONE", sourceColumn="x", targetColumn="y", toTimeZone="Asia/Tokyo"),
        step("WEEK_DAY", sourceColumn="x", targetColumn="z"),
    ]
    got = run_table(tmp_path, pa.table({"x": pa.array([], pa.string())}), *made)
    assert got.schema.names == ["x", "y", "z"]
    assert got.num_rows == 0


def test_columns_with_difficult_names_are_parts(tmp_path: Path) -> None:
    name = 'it\'s "a". 😀; DROP TABLE x'
    written = json.dumps({"hour": {"sourceColumn": name}, "minute": {}, "second": {}})
    made = step("TIME", dateTimeParameters=written, dateTimeFormat="HH:MM:SS", targetColumn="y")
    table = pa.table({name: [7, None]})
    assert run_table(tmp_path, table, made)["y"].to_pylist() == ["07:00:00", None]


def parts(**given: Any) -> str:
    return json.dumps(given)


DAY = {"year": {"value": "2024"}, "month": {"value": "2"}, "day": {"value": "29"}}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("DATE_ADD", {"sourceColumn": "x", "units": "DAYS", "dateAddValue": "1.5"}, "whole number"),
    ("DATE_ADD", {"sourceColumn": "x", "units": "DAY", "dateAddValue": "1"}, "mean 'DAYS'"),
    ("DATE_ADD", {"sourceColumn": "x", "units": "YEARS", "dateAddValue": "10001"}, "10000 years"),
    ("DATE_ADD", {"sourceColumn": "x", "units": "DAYS"}, "missing parameter 'dateAddValue'"),
    ("DATE_ADD", {"units": "DAYS", "dateAddValue": "1"}, "either 'sourceColumn' or 'value'"),
    (
        "DATE_ADD",
        {"sourceColumn": "x", "units": "DAYS", "dateAddValue": "1", "dateTimeFormat": "q"},
        "means nothing",
    ),
    ("DATE_DIFF", {"sourceColumn1": "x", "units": "DAYS"}, "either 'sourceColumn2' or 'value2'"),
    ("DATE_DIFF", {"sourceColumn1": "x", "sourceColumn2": "x"}, "missing parameter 'units'"),
    ("CONVERT_TIMEZONE", {"sourceColumn": "x", "fromTimeZone": "Mars"}, "'fromTimeZone': 'Mars'"),
    ("CONVERT_TIMEZONE", {"sourceColumn": "x", "toTimeZone": "Mars"}, "'toTimeZone': 'Mars'"),
    ("CONVERT_TIMEZONE", {"value": "2024-01-01"}, "missing parameter 'sourceColumn'"),
    ("NOW", {"timeZone": "Mars"}, "no time zone"),
    ("UNIX_TIME_FORMAT", {"value": "1", "dateTimeFormat": "qq"}, "means nothing"),
    ("DATE", {}, "missing parameter 'dateTimeParameters'"),
    ("DATE", {"dateTimeParameters": "{"}, "is not JSON"),
    ("DATE", {"dateTimeParameters": '{"year":' * 5000}, "is not JSON"),
    ("DATE", {"dateTimeParameters": "[]"}, "not a JSON object"),
    ("DATE", {"dateTimeParameters": parts(year="2024")}, "object of objects"),
    ("DATE", {"dateTimeParameters": parts(**DAY, value={})}, "holds 'value', which is none of"),
    ("DATE", {"dateTimeParameters": parts(year={"value": "2024"}, month={})}, "no 'month'"),
    ("DATE_TIME", {"dateTimeParameters": parts(hour={"value": "1"})}, "no 'year'"),
    ("TIME", {"dateTimeParameters": parts(**DAY)}, "neither 'hour' nor 'minute' nor 'second'"),
    ("TIME", {"dateTimeParameters": parts(hour={"value": "24"})}, "value from 0 to 23"),
    ("TIME", {"dateTimeParameters": parts(hour={"value": "٣"})}, "value from 0 to 23"),
    ("TIME", {"dateTimeParameters": parts(hour={"value": "1" * 5000})}, "value from 0 to 23"),
    ("TIME", {"dateTimeParameters": parts(hour={"value": True})}, "as text"),
    ("TIME", {"dateTimeParameters": parts(hour={"column": "x"})}, "either 'sourceColumn' or"),
    (
        "TIME",
        {"dateTimeParameters": parts(hour={"value": "1", "sourceColumn": "x"})},
        "either 'sourceColumn' or",
    ),
]


@pytest.mark.parametrize(("operation", "parameters", "reason"), REFUSED)
def test_steps_that_say_no_date_are_refused(
    operation: str, parameters: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RecipeError, match=reason):
        recipe(step(operation, targetColumn="y", **parameters))


def test_a_part_names_a_column_that_is_there(tmp_path: Path) -> None:
    made = step("TIME", dateTimeParameters=parts(hour={"sourceColumn": "hours"}), targetColumn="y")
    with pytest.raises(RecipeError, match="unknown column 'hours'; did you mean 'hour'"):
        run_csv(tmp_path, [{"hour": "1"}], made)
