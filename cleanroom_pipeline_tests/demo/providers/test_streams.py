"""Braze Currents, Segment, Customer.io and AppFlow: deliveries that the next one ends."""

import io
import re
from datetime import UTC, datetime, timedelta
from typing import get_args

import botocore.session
import fastavro
import pytest
from botocore.model import StringShape, StructureShape

from cleanroom_pipeline.demo.click_events import click_events
from cleanroom_pipeline.demo.providers.appflow import (
    appflow_execution_id,
    deliver_appflow,
    execution_record,
)
from cleanroom_pipeline.demo.providers.braze_currents import (
    ADDED_BY_SCHEMA_2,
    REQUIRED,
    EventType,
    currents_events,
    currents_schema,
    deliver_currents,
)
from cleanroom_pipeline.demo.providers.customer_io import (
    CallFormat,
    CallType,
    customer_io_calls,
    deliver_customer_io,
    flat,
)
from cleanroom_pipeline.demo.providers.layout import Delivered
from cleanroom_pipeline.demo.providers.segment import deliver_segment_logs, segment_calls
from cleanroom_pipeline_tests.demo.providers.reading import (
    NOW,
    PREFIX,
    READERS,
    avro_rows,
    json_rows,
    rows_of,
)

CLICK: EventType = "users.messages.email.Click"
INTEGRATION = "5f2c8d9e0a1b2c3d4e5f6071"


def currents(count: int = 300, files: int = 3, schema_id: int = 1) -> tuple[Delivered, ...]:
    return deliver_currents(
        PREFIX,
        CLICK,
        integration_id=INTEGRATION,
        count=count,
        seed=7,
        now=NOW,
        files=files,
        schema_id=schema_id,
    )


def test_currents_files_lie_by_event_type_hour_schema_and_zone() -> None:
    integration = rf"dataexport\.prod-03\.S3\.integration\.{INTEGRATION}"
    shape = re.compile(
        rf"inbound/feed/{integration}/event_type=users\.messages\.email\.Click/"
        rf"date=2026-03-14-09/1/prod-03/{integration}\+(\d+)\+(\d{{10}})\.avro"
    )
    matches = [shape.fullmatch(file.key) for file in currents()]
    assert [m[1] for m in matches if m] == ["0", "1", "2"]


@pytest.mark.parametrize("event_type", get_args(EventType))
@pytest.mark.parametrize("schema_id", [1, 2])
def test_currents_events_come_back_as_they_were(event_type: EventType, schema_id: int) -> None:
    files = deliver_currents(
        PREFIX,
        event_type,
        integration_id=INTEGRATION,
        count=100,
        seed=7,
        now=NOW,
        schema_id=schema_id,
    )
    assert rows_of(files, avro_rows) == currents_events(
        event_type, 100, seed=7, now=NOW, schema_id=schema_id
    )
    assert f"/{schema_id}/" in files[0].key


def test_all_but_four_fields_of_a_currents_event_may_be_null() -> None:
    fields = currents_schema(CLICK)["fields"]
    assert [field["name"] for field in fields[:4]] == list(REQUIRED)
    assert all(isinstance(field["type"], str) for field in fields[:4])
    assert all(field["type"][0] == "null" and field["default"] is None for field in fields[4:])


def test_a_later_currents_schema_adds_an_optional_field_and_reads_earlier_files() -> None:
    one, two = currents_schema(CLICK), currents_schema(CLICK, 2)
    assert [f["name"] for f in two["fields"]][:-1] == [f["name"] for f in one["fields"]]
    old = currents(count=20, files=1)[0].body
    read = [
        dict(r) for r in fastavro.reader(io.BytesIO(old), reader_schema=two) if isinstance(r, dict)
    ]
    assert len(read) == 20
    assert {row[ADDED_BY_SCHEMA_2] for row in read} == {None}


def test_some_currents_events_come_twice_under_one_id_and_some_are_days_old() -> None:
    events = currents_events(CLICK, 1_000, seed=7, now=NOW)
    distinct = {event["id"] for event in events}
    assert 0 < len(events) - len(distinct) < len(events) * 0.05
    ages = [NOW - datetime.fromtimestamp(event["time"], UTC) for event in events]
    late = sum(age > timedelta(minutes=6) for age in ages)
    assert 0 < late < len(events) * 0.2
    assert max(ages) <= timedelta(days=3, seconds=1)


def test_currents_never_writes_an_empty_file() -> None:
    assert currents(count=0) == ()
    assert len(currents(count=2, files=5)) == 2


def test_segment_logs_lie_by_source_and_by_day_in_milliseconds() -> None:
    files = deliver_segment_logs(PREFIX, source_id="AbC123", count=50, seed=7, now=NOW, files=3)
    shape = re.compile(r"inbound/feed/segment-logs/AbC123/(\d{13})/[0-9a-f.]+\.gz")
    days = {m[1] for m in (shape.fullmatch(f.key) for f in files) if m}
    assert [datetime.fromtimestamp(int(day) / 1000, UTC) for day in days] == [
        datetime(2026, 3, 14, tzinfo=UTC)
    ]
    assert len(files) == 3


def test_segment_logs_hold_whole_calls() -> None:
    files = deliver_segment_logs(PREFIX, source_id="s", count=200, seed=7, now=NOW, files=3)
    calls = segment_calls(200, seed=7, now=NOW)
    by_id = {call["messageId"]: call for call in calls}
    assert {row["messageId"]: row for row in rows_of(files, json_rows)} == by_id
    assert len(by_id) == 200
    assert all("traits" in call for call in calls if call["type"] == "identify")
    assert all("event" in call for call in calls if call["type"] == "track")
    assert {call["type"] for call in calls} == {"identify", "track"}
    hour_ago = f"{NOW - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"
    assert all(hour_ago <= call["receivedAt"] < f"{NOW:%Y-%m-%dT%H:%M:%S}" for call in calls)


def customer_io(positions: tuple[int, ...], file_format: CallFormat) -> tuple[Delivered, ...]:
    return deliver_customer_io(
        PREFIX,
        integration=2184,
        positions=positions,
        count=60,
        seed=7,
        now=NOW,
        file_format=file_format,
    )


@pytest.mark.parametrize("file_format", get_args(CallFormat))
def test_customer_io_numbers_the_files_of_each_call_type(file_format: CallFormat) -> None:
    names = [file.name for file in customer_io((1, 2, 4), file_format)]
    assert names == [
        f"2184.{action}.{position}.{call_type}.{file_format}"
        for position in (1, 2, 4)
        for action, call_type in ((13698, "identify"), (13699, "track"))
    ]


@pytest.mark.parametrize("file_format", get_args(CallFormat))
def test_customer_io_nests_in_json_alone(file_format: CallFormat) -> None:
    identify, track = customer_io((1,), file_format)
    files: dict[CallType, Delivered] = {"identify": identify, "track": track}
    for call_type, file in files.items():
        rows = READERS[file_format](file.body)
        calls = customer_io_calls(call_type, 60, seed=7, now=NOW)
        assert rows == (calls if file_format == "json" else [flat(call) for call in calls])
        assert rows


def test_customer_io_syncs_hold_different_calls() -> None:
    files = customer_io((1, 2), "json")
    ids = [row["messageId"] for row in rows_of(files, json_rows)]
    assert len(ids) == len(set(ids)) == 120


def test_appflow_writes_json_lines_in_a_folder_of_the_execution_with_no_ending() -> None:
    execution = appflow_execution_id("clicks", seed=7, now=NOW)
    files = deliver_appflow(
        PREFIX, flow="clicks", execution_id=execution, count=90, seed=7, now=NOW, files=3
    )
    assert all(re.fullmatch(rf"inbound/feed/clicks/{execution}/[^/.]+", f.key) for f in files)
    assert rows_of(files, json_rows) == list(click_events(90, seed=7))


@pytest.mark.parametrize("count", [0, 1, 90])
def test_appflow_says_how_many_records_and_bytes_it_wrote(count: int) -> None:
    files = deliver_appflow(
        PREFIX, flow="clicks", execution_id="e", count=count, seed=7, now=NOW, files=2
    )
    record = execution_record(files, execution_id="e", now=NOW)
    result = record["executionResult"]
    assert record["executionStatus"] == "Successful"
    assert result["recordsProcessed"] == count == len(rows_of(files, json_rows))
    assert result["bytesWritten"] == sum(len(file.body) for file in files)
    assert bool(files) is bool(count)


def test_an_execution_record_has_members_that_the_service_model_knows() -> None:
    record = execution_record((), execution_id="e", now=NOW)
    model = botocore.session.get_session().get_service_model("appflow")
    known = model.shape_for("ExecutionRecord")
    assert isinstance(known, StructureShape)
    result, status = known.members["executionResult"], known.members["executionStatus"]
    assert isinstance(result, StructureShape)
    assert isinstance(status, StringShape)
    assert record.keys() <= known.members.keys()
    assert record["executionResult"].keys() <= result.members.keys()
    assert record["executionStatus"] in status.enum
