import itertools
import re
from datetime import UTC, date, datetime

import pytest

from cleanroom_pipeline.demo.providers.ga4_bigquery_export import (
    GA4_SCHEMA,
    LATEST_DAYS,
    deliver_ga4_day,
    ga4_events,
)
from cleanroom_pipeline_tests.demo.providers.reading import (
    PREFIX,
    avro_rows,
    json_rows,
    parquet_rows,
    rows_of,
)

DAY, COUNT = date(2026, 3, 13), 400
EVENTS = ga4_events(DAY, COUNT, seed=7)


@pytest.mark.parametrize("age", range(LATEST_DAYS + 1))
def test_an_export_holds_what_had_come_by_then_nested_as_in_bigquery(age: int) -> None:
    expected = ga4_events(DAY, COUNT, seed=7, age=age)
    parquet = deliver_ga4_day(PREFIX, DAY, count=COUNT, seed=7, age=age)
    avro = deliver_ga4_day(PREFIX, DAY, count=COUNT, seed=7, age=age, file_format="avro")
    assert rows_of(parquet, parquet_rows) == expected
    assert rows_of(avro, avro_rows) == expected


def test_json_has_the_same_events_with_int64_as_text() -> None:
    rows = rows_of(
        deliver_ga4_day(PREFIX, DAY, count=COUNT, seed=7, age=3, file_format="json"), json_rows
    )
    assert [row["event_timestamp"] for row in rows] == [str(e["event_timestamp"]) for e in EVENTS]
    sessions = {param["key"]: param["value"] for row in rows for param in row["event_params"]}
    assert re.fullmatch(r"\d+", sessions["ga_session_id"]["int_value"])
    assert isinstance(sessions["percent_scrolled"]["float_value"], float)


def test_a_table_only_grows_for_three_days_and_then_is_final() -> None:
    ages = [ga4_events(DAY, COUNT, seed=7, age=age) for age in range(LATEST_DAYS + 2)]
    sizes = [len(events) for events in ages]
    assert sizes[0] < sizes[1] < sizes[2] < sizes[3] == sizes[4] == COUNT
    for earlier, later in itertools.pairwise(ages):
        assert all(event in later for event in earlier)


def test_a_rewrite_takes_the_keys_of_the_first_export_and_adds_a_shard() -> None:
    first = {f.key: f.body for f in deliver_ga4_day(PREFIX, DAY, count=COUNT, seed=7)}
    again = {f.key: f.body for f in deliver_ga4_day(PREFIX, DAY, count=COUNT, seed=7, age=2)}
    assert set(first) == {f"inbound/feed/events_20260313/{n:012d}.parquet" for n in (0, 1)}
    assert set(again) - set(first) == {"inbound/feed/events_20260313/000000000002.parquet"}
    assert all(first[key] != again[key] for key in first)


def test_the_intraday_table_has_a_folder_of_its_own() -> None:
    files = deliver_ga4_day(PREFIX, DAY, count=10, seed=7, table="events_intraday")
    assert {f.folder for f in files} == {"inbound/feed/events_intraday_20260313"}


def test_events_are_of_their_day_in_microseconds() -> None:
    for event in EVENTS:
        assert datetime.fromtimestamp(event["event_timestamp"] / 10**6, UTC).date() == DAY
        assert event["event_date"] == "20260313"
        assert event.keys() == set(GA4_SCHEMA.names)


def test_a_parameter_has_one_value_of_the_four() -> None:
    for event in EVENTS:
        assert len({param["key"] for param in event["event_params"]}) >= 5
        for param in event["event_params"]:
            assert list(param["value"]) == [
                "string_value", "int_value", "float_value", "double_value",
            ]  # fmt: skip
            assert sum(value is not None for value in param["value"].values()) == 1


def test_purchases_have_items_and_some_pages_name_their_reader() -> None:
    assert all(e["items"] for e in EVENTS if e["event_name"] == "purchase")
    pages = [p["value"]["string_value"] for e in EVENTS for p in e["event_params"][:1]]
    assert 0 < sum("%40" in page for page in pages) < len(pages) * 0.15
