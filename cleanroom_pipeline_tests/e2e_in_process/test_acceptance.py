"""Deliveries that follow one another: exports, re-exports, cadences and bursts, up to the table."""

from collections.abc import Callable

import pytest

from cleanroom_pipeline.demo.providers.bigquery_export import ExportFormat
from cleanroom_pipeline_tests.e2e_in_process.chain import in_order
from cleanroom_pipeline_tests.e2e_in_process.conftest import StartChain
from cleanroom_pipeline_tests.e2e_in_process.provided import (
    Provided,
    aep_audience,
    aep_dataset,
    bigquery_export,
    keys,
)

ENDINGS = {"csv": ".csv.gz", "json": ".json.gz", "parquet": ".parquet", "avro": ".avro"}
QUIET_MINUTES = 15
DELIVERIES_A_DAY = 8


@pytest.mark.parametrize("file_format", ENDINGS)
def test_bigquery_push_of_three_shards_is_one_batch_and_a_re_export_replaces_it(
    start_chain: StartChain, file_format: ExportFormat
) -> None:
    """Acceptance row A19."""
    chain = start_chain("bigquery_export")
    first = bigquery_export("full", file_format=file_format)
    again = bigquery_export("full", file_format=file_format, count=45, seed=8)
    assert sorted(file.name for file in first.files) == [
        f"customers-00000000000{shard}{ENDINGS[file_format]}" for shard in range(3)
    ]
    assert keys(first.files) == keys(again.files)
    for number, export in enumerate((first, again), start=1):
        chain.deliver(*export.files)
        chain.waits()
        chain.clock.wait(minutes=QUIET_MINUTES)
        batch = chain.publish_next()
        assert chain.keys_of(batch.batch_id) == keys(export.files)
        assert len(chain.batches()) == number
        assert chain.rows(export.columns) == in_order(export.rows)

    replaced = min(batch.batch_id for batch in chain.batches())
    chain.publish_again(replaced)
    assert in_order(chain.table_of(replaced).select(first.columns)) == in_order(first.rows)
    assert chain.rows(again.columns) == in_order(again.rows)


@pytest.mark.parametrize(
    ("profile", "provide"), [("aep_audience", aep_audience), ("aep_dataset", aep_dataset)]
)
def test_aep_push_every_three_hours_is_a_batch_each_time_and_the_table_shows_the_last(
    start_chain: StartChain, profile: str, provide: Callable[..., Provided]
) -> None:
    """Acceptance row A20, over a simulated day."""
    chain = start_chain(profile)
    for number in range(DELIVERIES_A_DAY):
        export = provide(chain.clock.now, seed=number)
        chain.deliver(*export.files)
        batch = chain.publish_next()
        assert chain.keys_of(batch.batch_id) == keys(export.data)
        assert chain.rows(export.columns) == in_order(export.rows)
        chain.clock.wait(hours=3)
    assert len({batch.batch_id for batch in chain.batches()}) == DELIVERIES_A_DAY


def test_a_burst_is_taken_whole_and_the_next_one_brings_its_new_objects_alone(
    start_chain: StartChain,
) -> None:
    """Acceptance row A14: bulk, incremental, and a chosen batch once more."""
    chain = start_chain("bigquery_export")
    bursts = {
        "bulk": bigquery_export("bulk", count=240, shards=24),
        "new": bigquery_export("new", count=30, shards=2, seed=8),
    }
    batches = {}
    for name, burst in bursts.items():
        chain.deliver(*burst.files)
        chain.waits()
        chain.clock.wait(minutes=QUIET_MINUTES)
        batches[name] = chain.publish_next()
        assert chain.keys_of(batches[name].batch_id) == keys(burst.files)
        assert chain.rows(burst.columns) == in_order(burst.rows)

    for name, burst in bursts.items():
        before = chain.table_of(batches[name].batch_id)
        chain.publish_again(batches[name].batch_id)
        assert chain.table_of(batches[name].batch_id).equals(before)
        assert in_order(before.select(burst.columns)) == in_order(burst.rows)
    assert chain.rows(bursts["new"].columns) == in_order(bursts["new"].rows)
    assert len(chain.batches()) == len(bursts)
