"""An incremental pull, from an application that filters by date to a table of days.

The application, AppFlow with it, is a list of rows; everything else is the pipeline's own.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.aws.appflow import FlowExecution, Started
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.aws.sqs import InboundQueue
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline_tests.e2e_in_process.chain import Chain, Clock, PromptQueue
from cleanroom_pipeline_tests.e2e_in_process.projects import load_project, project_chain
from cleanroom_pipeline_tests.e2e_in_process.recipes import SECRET
from cleanroom_pipeline_tests.inbound.test_pulls import MemoryAppFlow, Service
from cleanroom_pipeline_tests.recipe.running import step

NAME = "crm_events"
CONNECTOR = """\
type: cleanroom_pipeline.connector_types.appflow_pull.AppFlowPullConnector
attributes:
  name: crm_events
  source:
    connector_type: Crm
    api_version: v1
    profile: crm
    entity: Event
    timestamps: {columns: [EventDate], offset: "-06:00"}
  pull: {mode: incremental, field: EventDate, overlap_minutes: 2880, key: [ID]}
  schedule: {cron: "15 3 * * *"}
  inbound: {prefix: inbound/crm_events/, format: {kind: jsonl}}
  table: {database: marketing, load: restate}
  owners: ["team:a"]
"""
RECIPE = [
    step("CRYPTOGRAPHIC_HASH", sourceColumns='["Person"]', secretId=SECRET),
    step("RENAME", sourceColumn="Person", targetColumn="person_hash"),
    step("RENAME", sourceColumn="ID", targetColumn="id"),
    step("CHANGE_DATA_TYPE", sourceColumn="EventDate", columnDataType="timestamp"),
    step("RENAME", sourceColumn="EventDate", targetColumn="event_time"),
]
Row = tuple[str, datetime]


class Crm(MemoryAppFlow):
    """An AppFlow that reads a list of rows, each an id and its moment, written at UTC-6."""

    def __init__(self, service: Service, storage: S3Storage, rows: list[Row]) -> None:
        super().__init__(service)
        object.__setattr__(self, "source", (storage, rows, {}))

    @property
    def _source(self) -> tuple[S3Storage, list[Row], dict[str, int]]:
        source: tuple[S3Storage, list[Row], dict[str, int]] = object.__getattribute__(
            self, "source"
        )
        return source

    def start(self, flow: str, client_token: str) -> Started:
        started = super().start(flow, client_token)
        execution_id = started.execution_id
        storage, rows, counts = self._source
        definition = self.describe(flow)
        assert definition
        found = [row for row in rows if is_asked_for(row[1], definition["tasks"])]
        counts[str(execution_id)] = len(found)
        (destination,) = definition["destinationFlowConfigList"]
        prefix = destination["destinationConnectorProperties"]["S3"]["bucketPrefix"]
        body = "".join(json.dumps(as_written(*row)) + "\n" for row in found)
        if found:
            storage.client.put_object(
                Bucket=storage.inbound_bucket,
                Key=f"{prefix}/{flow}/{execution_id}/file",
                Body=body.encode(),
            )
        return started

    def executions(self, flow: str) -> Iterator[FlowExecution]:
        _, _, counts = self._source
        return (
            FlowExecution(one.execution_id, one.state, "", counts[one.execution_id], 1, 0)
            for one in super().executions(flow)
        )


def is_asked_for(at: datetime, tasks: list[Mapping[str, Any]]) -> bool:
    """Tell whether a moment passes the filters of a flow."""
    moment = at.timestamp() * 1000
    compare: dict[str, Callable[[float, float], bool]] = {
        "GREATER_THAN_OR_EQUAL_TO": lambda a, b: a >= b,
        "LESS_THAN": lambda a, b: a < b,
    }
    filters = [task for task in tasks if task["taskType"] == "Filter"]
    assert [task["sourceFields"] for task in filters] == [["EventDate"]] * 2
    return all(
        compare[task["connectorOperator"]["CustomConnector"]](
            moment, float(task["taskProperties"]["VALUE"])
        )
        for task in filters
    )


def as_written(row_id: str, at: datetime) -> dict[str, str]:
    local = at.astimezone(UTC).replace(tzinfo=None) - timedelta(hours=6)
    return {"ID": row_id, "EventDate": local.isoformat(), "Person": f"{row_id}@example.com"}


@pytest.fixture
def rows() -> list[Row]:
    """What the application holds: nothing, until a test says so."""
    return []


@pytest.fixture
def chain(
    rows: list[Row],
    tmp_path: Path,
    aws: AwsSession,
    storage: S3Storage,
    ledger: Ledger,
    inbound_queue: InboundQueue,
    clock: Clock,
    reader: AwsSession,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Chain]:
    definitions = load_project(tmp_path, CONNECTOR, json.dumps(RECIPE), monkeypatch)
    with project_chain(
        CONNECTOR,
        definitions,
        clock,
        reader,
        storage=storage,
        ledger=ledger,
        inbound_queue=PromptQueue(session=aws, queue_url=inbound_queue.queue_url),
        appflow=Crm(Service(), storage, rows),
    ) as bound:
        yield bound


def pull(chain: Chain, **asked: str) -> None:
    """Run the pull job, then publish what became whole, as daemon and sensor do."""
    job = chain.definitions.resolve_job_def(f"{NAME}__pull_job")
    assert job.execute_in_process(instance=chain.instance, run_config=asked).success
    while requests := chain.cut():
        for request in requests:
            chain.publish(request)


def published(chain: Chain) -> list[tuple[date, str, datetime]]:
    table = chain.table().select(["day", "id", "event_time"])
    return sorted(tuple(row.values()) for row in table.to_pylist())


def expected(rows: list[Row]) -> list[tuple[date, str, datetime]]:
    return sorted(
        (at.astimezone(UTC).date(), row_id, at.astimezone(UTC).replace(tzinfo=None))
        for row_id, at in rows
    )


def midnight(days_ago: int) -> datetime:
    now = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return now - timedelta(days=days_ago)


def test_each_pull_adds_what_is_new_and_no_row_is_there_twice(
    chain: Chain, rows: list[Row]
) -> None:
    """Acceptance row A6: an incremental window, checked row by row."""
    second = timedelta(seconds=1)
    rows += [
        ("first of yesterday", midnight(1)),
        ("last of the day before", midnight(1) - second),
        ("today", midnight(0)),
    ]
    pull(chain)
    assert published(chain) == expected(rows)

    rows += [("late", midnight(1) + second), ("evening", midnight(1) + timedelta(hours=23))]
    pull(chain)
    assert published(chain) == expected(rows)

    before = published(chain)
    pull(chain)
    assert published(chain) == before


def test_a_row_that_the_application_lists_twice_is_one(chain: Chain, rows: list[Row]) -> None:
    rows += [("a", midnight(0)), ("a", midnight(0)), ("b", midnight(0))]
    pull(chain)
    assert [row_id for _, row_id, _ in published(chain)] == ["a", "b"]


def test_days_that_are_past_are_filled_in_and_others_stay(chain: Chain, rows: list[Row]) -> None:
    rows += [("today", midnight(0))]
    pull(chain)
    old = [("old", midnight(500)), ("older", midnight(502)), ("not asked for", midnight(499))]
    rows += old
    first, end = (f"{midnight(days):%Y-%m-%d}" for days in (502, 499))
    pull(chain, first=first, end=end)
    assert published(chain) == expected([*rows[:1], *old[:2]])


def test_no_row_is_an_empty_delivery_and_leaves_the_table(chain: Chain, rows: list[Row]) -> None:
    rows += [("today", midnight(0))]
    pull(chain)
    rows.clear()
    pull(chain)
    assert [row_id for _, row_id, _ in published(chain)] == ["today"]
    assert chain.waits().startswith("No object")
