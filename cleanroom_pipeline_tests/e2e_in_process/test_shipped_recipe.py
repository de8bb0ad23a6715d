"""Google Analytics 4 by the recipe that is shipped, from an export to a table of days."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from cleanroom_pipeline.aws.appflow import AppFlow
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.aws.sqs import InboundQueue
from cleanroom_pipeline.demo.providers.ga4_bigquery_export import deliver_ga4_day, ga4_events
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline_tests.demo.test_ga4_recipe import COLUMNS
from cleanroom_pipeline_tests.e2e_in_process.chain import Clock, PromptQueue, addresses_in
from cleanroom_pipeline_tests.e2e_in_process.projects import load_project, project_chain

CONNECTOR = """\
type: cleanroom_pipeline.connector_types.s3_push.S3PushConnector
attributes:
  name: ga4_events
  profile: ga4_bigquery_export
  recipe: ga4_events.json
  inbound: {prefix: inbound/ga4_events/}
  table: {database: marketing}
  owners: ["team:a"]
"""
DAY, COUNT, SEED = date(2026, 3, 13), 150, 7


def test_a_day_is_published_as_the_documented_events_table(
    tmp_path: Path,
    aws: AwsSession,
    storage: S3Storage,
    ledger: Ledger,
    inbound_queue: InboundQueue,
    clock: Clock,
    reader: AwsSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    definitions = load_project(tmp_path, CONNECTOR, None, monkeypatch)
    with project_chain(
        CONNECTOR,
        definitions,
        clock,
        reader,
        storage=storage,
        ledger=ledger,
        inbound_queue=PromptQueue(session=aws, queue_url=inbound_queue.queue_url),
        appflow=AppFlow(session=aws),
    ) as chain:
        files = deliver_ga4_day("inbound/ga4_events/", DAY, count=COUNT, seed=SEED, age=0)
        chain.deliver(*files)
        chain.waits()
        chain.clock.wait(minutes=30)
        chain.publish_next()
        table = chain.table()
    assert table.column_names == [*COLUMNS, "day"]
    assert set(table["day"].to_pylist()) == {DAY}
    assert sorted(table["event_time"].to_pylist()) == sorted(
        datetime.fromtimestamp(event["event_timestamp"] // 10**6, UTC).replace(tzinfo=None)
        for event in ga4_events(DAY, COUNT, seed=SEED, age=0)
    )
    assert addresses_in(table) == []
