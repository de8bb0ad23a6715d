"""Each source profile, from a provider's objects to a table that is read back.

The connectors are the examples of docs/sources.md, so each of these also holds that page to what it
says: when a delivery is waited for, when it is whole, and what a batch of it is.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pytest

from cleanroom_pipeline.aws.appflow import AppFlow
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.demo.providers.aep_dataset import DatasetFormat
from cleanroom_pipeline.demo.providers.appflow import execution_record
from cleanroom_pipeline.demo.providers.layout import Delivered
from cleanroom_pipeline.inbound.appflow import PullSettings, wait_for_appflow_run
from cleanroom_pipeline.model import BatchState
from cleanroom_pipeline_tests.e2e_in_process.chain import Chain, addresses_in, in_order
from cleanroom_pipeline_tests.e2e_in_process.conftest import StartChain
from cleanroom_pipeline_tests.e2e_in_process.provided import (
    aep_audience,
    aep_dataset,
    appflow_events,
    bigquery_export,
    braze_clicks,
    customer_io_tracks,
    ga4_day,
    keys,
    segment_logs,
)

NOTHING = "No object"


def test_bigquery_export_is_one_batch_after_its_quiet_time(start_chain: StartChain) -> None:
    chain = start_chain("bigquery_export")
    export = bigquery_export("2026-03-14")
    for file in export.files:
        chain.deliver(file)
        assert "900 s of quiet are asked for" in chain.waits()
        chain.clock.wait(minutes=14)
        assert "900 s of quiet are asked for" in chain.waits()
    chain.clock.wait(minutes=1)
    batch = chain.publish_next()
    assert batch.state is BatchState.PUBLISHED
    assert chain.keys_of(batch.batch_id) == keys(export.files)
    assert chain.rows(export.columns) == in_order(export.rows)
    assert addresses_in(chain.table()) == []
    assert chain.waits().startswith(NOTHING)


@pytest.mark.parametrize("file_format", ["gz.parquet", "parquet", "json.gz"])
def test_aep_dataset_waits_for_all_that_its_manifest_names(
    start_chain: StartChain, file_format: DatasetFormat
) -> None:
    chain = start_chain("aep_dataset")
    export = aep_dataset(chain.clock.now, file_format=file_format)
    (manifest,) = set(export.files) - set(export.data)
    first, *others = export.data
    chain.deliver(first, manifest)
    for number, file in enumerate(others):
        chain.clock.wait(hours=1)
        said = chain.waits()
        assert "Missing" in said
        assert all(late.name in said for late in others[number:])
        chain.deliver(file)
    batch = chain.publish_next()
    assert chain.keys_of(batch.batch_id) == keys(export.data)
    assert chain.rows(export.columns) == in_order(export.rows)
    assert addresses_in(chain.table()) == []
    assert chain.waits().startswith(NOTHING)


def test_aep_dataset_exports_that_come_in_between_one_another_are_two_batches(
    start_chain: StartChain,
) -> None:
    chain = start_chain("aep_dataset")
    began = chain.clock.now
    exports = [aep_dataset(began, seed=7), aep_dataset(began + timedelta(hours=3), seed=8)]
    cut: list[dg.RunRequest] = []
    for pair in zip(*(export.files for export in exports), strict=True):
        for file in pair:
            chain.deliver(file)
            found = chain.cut()
            cut += [request for request in found if request not in cut]
            chain.clock.wait(minutes=1)
    assert len(cut) == len(chain.batches()) == 2
    of_batch = {str(request.partition_key): request for request in cut}
    parts = [keys(export.data) for export in exports]
    assert all(chain.keys_of(batch_id) in parts for batch_id in of_batch)
    for batch_id, request in of_batch.items():
        chain.publish(request)
        export = exports[parts.index(chain.keys_of(batch_id))]
        assert chain.rows(export.columns) == in_order(export.rows)


def test_aep_audience_is_read_with_its_own_text_for_null(start_chain: StartChain) -> None:
    chain = start_chain("aep_audience")
    export = aep_audience(chain.clock.now)
    assert any(phone is None for _, phone, _ in export.rows)
    *early, last = export.files
    for file in early:
        chain.deliver(file)
        assert not chain.waits().startswith(NOTHING)
        chain.clock.wait(hours=1)
    chain.deliver(last)
    batch = chain.publish_next()
    assert chain.keys_of(batch.batch_id) == keys(export.data)
    assert chain.rows(export.columns) == in_order(export.rows)
    assert addresses_in(chain.table()) == []
    assert chain.waits().startswith(NOTHING)


def test_ga4_days_are_a_batch_each_and_a_rewrite_replaces_its_day_alone(
    start_chain: StartChain,
) -> None:
    chain = start_chain("ga4_bigquery_export")
    days = [date(2026, 3, 12), date(2026, 3, 13)]
    chain.deliver(*ga4_day(date(2026, 3, 14), table="events_intraday").files)
    for day in days:
        for file in ga4_day(day).files:
            chain.deliver(file)
            assert f"Day {day}" in chain.waits()
    chain.clock.wait(minutes=29)
    assert "1800 s of quiet are asked for" in chain.waits()
    chain.clock.wait(minutes=1)
    for day in days:
        batch = chain.publish_next()
        assert chain.keys_of(batch.batch_id) == keys(ga4_day(day).files)
    first, second = (ga4_day(day) for day in days)
    assert chain.rows(first.columns) == in_order([*first.rows, *second.rows])

    chain.clock.wait(days=1)
    rewrite = ga4_day(days[1], age=2)
    assert len(rewrite.rows) > len(second.rows)
    chain.deliver(*rewrite.files)
    assert f"Day {days[1]}" in chain.waits()
    chain.clock.wait(minutes=30)
    batch = chain.publish_next()
    assert chain.keys_of(batch.batch_id) == keys(rewrite.files)
    assert chain.rows(first.columns) == in_order([*first.rows, *rewrite.rows])
    assert addresses_in(chain.table()) == []
    assert chain.waits().startswith(NOTHING)


def test_braze_currents_hour_is_a_batch_while_the_stream_goes_on(start_chain: StartChain) -> None:
    chain = start_chain("braze_currents")
    chain.clock.wait(minutes=45)
    hour = []
    for _ in range(3):
        hour.append(braze_clicks(chain.clock.now, count=100))
        chain.deliver(*hour[-1].files)
        assert "900 s of quiet are asked for" in chain.waits()
        chain.clock.wait(minutes=5)
    for _ in range(2):
        chain.deliver(*braze_clicks(chain.clock.now).files)
        assert "900 s of quiet are asked for" in chain.waits()
        chain.clock.wait(minutes=5)
    chain.deliver(*braze_clicks(chain.clock.now).files)
    batch = chain.publish_next()
    assert chain.keys_of(batch.batch_id) == keys(file for one in hour for file in one.files)
    rows = [row for one in hour for row in one.rows]
    assert len(rows) < 300
    assert chain.rows(hour[0].columns) == in_order(rows)
    assert addresses_in(chain.table()) == []
    assert "900 s of quiet are asked for" in chain.waits()


def test_braze_currents_folders_of_two_schemas_are_two_batches(start_chain: StartChain) -> None:
    """A new schema is a new folder within the hour; files of a batch have the same columns."""
    chain = start_chain("braze_currents")
    earlier, later = (braze_clicks(chain.clock.now, schema_id=schema_id) for schema_id in (1, 2))
    chain.deliver(*earlier.files)
    chain.deliver(*later.files)
    chain.waits()
    chain.clock.wait(minutes=15)
    for request in chain.cut():
        chain.publish(request)
    assert [batch.state for batch in chain.batches()] == [BatchState.PUBLISHED] * 2
    assert chain.rows(later.columns) == in_order(later.rows)


def test_segment_copy_is_one_batch_after_its_quiet_time(start_chain: StartChain) -> None:
    chain = start_chain("segment")
    copy = segment_logs(chain.clock.now)
    assert {call_type for _, call_type, _, _ in copy.rows} == {"identify", "track"}
    for file in copy.files:
        chain.deliver(file)
        assert "900 s of quiet are asked for" in chain.waits()
        chain.clock.wait(minutes=5)
    chain.clock.wait(minutes=10)
    batch = chain.publish_next()
    assert chain.keys_of(batch.batch_id) == keys(copy.files)
    assert chain.rows(copy.columns) == in_order(copy.rows)
    assert addresses_in(chain.table()) == []
    assert chain.waits().startswith(NOTHING)


def test_customer_io_file_behind_a_gap_waits_for_the_one_that_is_missing(
    start_chain: StartChain,
) -> None:
    chain = start_chain("customer_io")
    began = chain.clock.now
    for pair, missing in (((1, 2), "2184.13699.1."), ((3, 4), "2184.13699.3.")):
        syncs = customer_io_tracks(began, pair)
        early, late = syncs.files
        chain.deliver(late)
        chain.clock.wait(minutes=10)
        assert missing in chain.waits()
        chain.deliver(early)
        assert "120 s of quiet are asked for" in chain.waits()
        chain.clock.wait(minutes=2)
        batch = chain.publish_next()
        assert chain.keys_of(batch.batch_id) == keys(syncs.files)
        assert chain.rows(syncs.columns) == in_order(syncs.rows)
        assert addresses_in(chain.table()) == []
        assert chain.waits().startswith(NOTHING)


def one_execution(record: dict[str, Any]) -> AppFlow:
    """Return an AppFlow whose every flow had the execution of this record."""

    class Client:
        def describe_flow_execution_records(self, **_: Any) -> dict[str, Any]:
            return {"flowExecutions": [record]}

    class OneExecution(AppFlow):
        # Dagster makes the resource anew from its fields, and a record is none that it takes.
        @property
        def client(self) -> Any:
            return Client()

    return OneExecution(session=AwsSession(region="nowhere"))


def end_execution(chain: Chain, execution_id: str, files: Sequence[Delivered]) -> None:
    """Let the last op of the connector's pull see that an execution ended."""
    record = execution_record(files, execution_id=execution_id, now=chain.clock.now)
    settings = PullSettings(
        connector=chain.connector,
        secret="cleanroom/sfmc",
        profile=chain.connector,
        flow=chain.connector,
        entity="OpenEvent",
        prefix="inbound/sfmc_opens/",
    )

    @dg.op(out=dg.Out(str))
    def started() -> str:
        return execution_id

    @dg.job
    def end_of_a_pull() -> None:
        wait_for_appflow_run(execution_id=started())

    end_of_a_pull.execute_in_process(
        run_config={"ops": {wait_for_appflow_run.name: {"config": settings.model_dump()}}},
        resources={"appflow": one_execution(record), "ledger": chain.ledger},
        instance=chain.instance,
    )


def test_appflow_execution_is_a_batch_once_appflow_says_that_it_ended(
    start_chain: StartChain,
) -> None:
    chain = start_chain("appflow")
    pulled = appflow_events("e-1", chain.clock.now)
    for file in pulled.files:
        chain.deliver(file)
        chain.clock.wait(hours=1)
        assert "belong to no execution that is known to have ended" in chain.waits()
    end_execution(chain, "e-1", pulled.files)
    batch = chain.publish_next()
    assert chain.keys_of(batch.batch_id) == keys(pulled.files)
    assert chain.rows(pulled.columns) == in_order(pulled.rows)
    assert addresses_in(chain.table()) == []
    assert chain.waits().startswith(NOTHING)


def test_appflow_execution_that_found_nothing_is_remembered_and_makes_no_batch(
    start_chain: StartChain,
) -> None:
    chain = start_chain("appflow")
    end_execution(chain, "e-1", [])
    assert chain.waits().startswith(NOTHING)
    (empty,) = chain.ledger.empty_deliveries(chain.connector, 9)
    assert "e-1" in empty.reason
    assert chain.batches() == []
