from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.catalog.assets import (
    READY_CHECK,
    TABLE_METADATA,
    build_glue_table_asset,
)
from cleanroom_pipeline.catalog.publish import TableTarget, publish
from cleanroom_pipeline.catalog.readiness import CHECKS
from cleanroom_pipeline.catalog.restate import publish_day
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import (
    SUPERSEDED_METADATA,
    Arrival,
    BatchState,
    Manifest,
    TransformedBatch,
    manifest_key,
)
from cleanroom_pipeline.records import InboundSummary, write_inbound_summary, write_transformed
from cleanroom_pipeline_tests.catalog.conftest import BATCH, TABLE, WriteBatch

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
PARTITIONS = dg.DynamicPartitionsDefinition(name="shop__batches")
KEY = dg.AssetKey(["shop", "glue_table"])
ASSET = build_glue_table_asset(
    "shop",
    PARTITIONS,
    database="marketing",
    table="customers",
    description="One row a customer.",
    comments=lambda columns: {"email_hash": f"From {columns[0]}."},
    owners=["team:a"],
)


@pytest.fixture
def running_batch(storage: S3Storage, ledger: Ledger) -> None:
    """A batch of one file that is being run, and was looked into."""
    arrival = Arrival("inbound/shop/a.csv", "v", "e", 1, AT)
    manifest = Manifest("shop", BATCH, "inbound", "d", (arrival,), "quiet_period", "test")
    ledger.record_arrivals("shop", [arrival], seen_at=AT)
    ledger.begin_cut(manifest, ledger.head("shop"))
    ledger.finish_cut(manifest, at=AT)
    ledger.move("shop", BATCH, BatchState.RUNNING, run_id="r", at=AT)
    write_inbound_summary(storage, "shop", BATCH, InboundSummary("csv", ("email",), 2))


def run(
    storage: S3Storage,
    glue: GlueCatalog,
    ledger: Ledger,
    transformed: TransformedBatch,
    asset: dg.AssetsDefinition = ASSET,
) -> dg.ExecuteInProcessResult:
    write_transformed(storage, transformed)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("shop__batches", [BATCH])
        return dg.materialize(
            [asset],
            partition_key=BATCH,
            instance=instance,
            resources={"storage": storage, "glue": glue, "ledger": ledger},
            raise_on_error=False,
        )


def metadata_of(result: dg.ExecuteInProcessResult) -> Mapping[str, Any]:
    (materialization,) = result.asset_materializations_for_node("shop__glue_table")
    return {name: entry.value for name, entry in materialization.metadata.items()}


@pytest.mark.usefixtures("running_batch")
def test_a_published_batch_tells_what_it_is(
    storage: S3Storage, glue: GlueCatalog, ledger: Ledger, write_batch: WriteBatch
) -> None:
    transformed = write_batch()
    result = run(storage, glue, ledger, transformed)
    assert result.success
    metadata = metadata_of(result)
    assert metadata["dagster/table_name"] == "marketing.customers"
    assert metadata["dagster/row_count"] == metadata["dagster/partition_row_count"] == 2
    assert metadata["dagster/uri"] == transformed.location
    assert metadata["previous_location"] == "none"
    assert metadata["readiness"] == f"All {len(CHECKS)} checks passed."
    assert SUPERSEDED_METADATA not in metadata
    columns = metadata["dagster/column_schema"].columns
    assert [(c.name, c.type, c.description) for c in columns] == [
        ("email_hash", "string", "From email."),
        ("value", "double", None),
    ]
    transformed_table = dg.AssetKey(["shop", "transformed_table"])
    assert metadata["dagster/column_lineage"].deps_by_column == {
        name: [dg.TableColumnDep(transformed_table, name)] for name in ("email_hash", "value")
    }


@pytest.mark.usefixtures("running_batch")
def test_a_published_batch_has_passed_its_check_and_is_so_in_the_ledger(
    storage: S3Storage, glue: GlueCatalog, ledger: Ledger, write_batch: WriteBatch
) -> None:
    result = run(storage, glue, ledger, write_batch())
    (check,) = result.get_asset_check_evaluations()
    assert (check.asset_key, check.check_name, check.passed) == (KEY, READY_CHECK, True)
    batch = ledger.batch("shop", BATCH)
    assert (batch.state, batch.run_id) == (BatchState.PUBLISHED, result.run_id)


@pytest.mark.usefixtures("running_batch")
def test_a_batch_that_is_not_ready_fails_its_check_and_is_not_published(
    storage: S3Storage, glue: GlueCatalog, ledger: Ledger, write_batch: WriteBatch
) -> None:
    result = run(storage, glue, ledger, write_batch(TABLE.rename_columns(["Email", "value"])))
    assert not result.success
    assert not result.asset_materializations_for_node("shop__glue_table")
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == (READY_CHECK, False)
    assert "COL-1" in str(check.metadata["report"].value)
    assert glue.get_table("marketing", "customers") is None
    assert ledger.batch("shop", BATCH).state is BatchState.RUNNING


@pytest.mark.usefixtures("running_batch")
def test_files_that_are_not_those_that_were_written_fail_the_run(
    storage: S3Storage, glue: GlueCatalog, ledger: Ledger, write_batch: WriteBatch
) -> None:
    result = run(storage, glue, ledger, replace(write_batch(), rows_out=3))
    assert not result.success
    assert glue.get_table("marketing", "customers") is None
    assert ledger.batch("shop", BATCH).state is BatchState.RUNNING


@pytest.mark.usefixtures("running_batch")
def test_an_empty_table_is_published_with_its_columns(
    storage: S3Storage, glue: GlueCatalog, ledger: Ledger, write_batch: WriteBatch
) -> None:
    empty = pa.table({"email_hash": pa.array([], pa.string())})
    assert run(storage, glue, ledger, write_batch(empty)).success
    table = glue.get_table("marketing", "customers")
    assert table
    assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == ["email_hash"]


@pytest.mark.usefixtures("running_batch")
def test_a_batch_that_is_older_than_the_one_in_sight_says_so(
    storage: S3Storage, glue: GlueCatalog, ledger: Ledger, write_batch: WriteBatch
) -> None:
    newer = "20261124T130000Z-00000002"
    target = TableTarget("marketing", "customers", "", {})
    publish(write_batch(batch_id=newer), target, storage, glue)
    result = run(storage, glue, ledger, write_batch())
    assert metadata_of(result)[SUPERSEDED_METADATA] == newer
    assert ledger.batch("shop", BATCH).state is BatchState.PUBLISHED


@pytest.mark.usefixtures("running_batch")
def test_a_run_that_takes_up_a_failed_one_from_here_is_published_in_the_ledger_too(
    storage: S3Storage, glue: GlueCatalog, ledger: Ledger, write_batch: WriteBatch
) -> None:
    ledger.move("shop", BATCH, BatchState.FAILED, run_id="r", at=AT)
    assert run(storage, glue, ledger, write_batch()).success
    assert ledger.batch("shop", BATCH).state is BatchState.PUBLISHED


def test_a_batch_that_the_ledger_does_not_know_is_not_published(
    storage: S3Storage, glue: GlueCatalog, ledger: Ledger, write_batch: WriteBatch
) -> None:
    assert not run(storage, glue, ledger, write_batch()).success
    assert glue.get_table("marketing", "customers") is None


DAY_ASSET = build_glue_table_asset(
    "shop",
    PARTITIONS,
    database="marketing",
    table="customers",
    description="One row a customer.",
    comments=lambda _: {},
    owners=["team:a"],
    load="restate",
)


def manifest_of(storage: S3Storage, day: str | None) -> None:
    manifest = Manifest("shop", BATCH, "inbound", "d", (), "restatement", "test", day=day)
    storage.put_record(manifest_key("shop", BATCH), manifest.to_json())


@pytest.mark.usefixtures("running_batch")
def test_a_batch_of_a_day_tells_its_day_and_the_rows_of_all_days(
    storage: S3Storage, glue: GlueCatalog, ledger: Ledger, write_batch: WriteBatch
) -> None:
    target = TableTarget("marketing", "customers", "", {})
    other = write_batch(batch_id="20261123T120000Z-00000000")
    publish_day(other, date(2026, 11, 22), target, storage, glue)
    manifest_of(storage, "2026-11-23")
    result = run(storage, glue, ledger, write_batch(TABLE.slice(0, 1)), DAY_ASSET)
    assert result.success
    metadata = metadata_of(result)
    assert metadata["day"] == "2026-11-23"
    assert metadata["dagster/partition_row_count"] == 1
    assert metadata["dagster/row_count"] == 3
    assert SUPERSEDED_METADATA not in metadata
    assert len(glue.get_partitions("marketing", "customers")) == 2
    assert ledger.batch("shop", BATCH).state is BatchState.PUBLISHED


@pytest.mark.usefixtures("running_batch")
def test_a_batch_of_a_day_that_is_older_than_the_one_in_sight_says_so(
    storage: S3Storage, glue: GlueCatalog, ledger: Ledger, write_batch: WriteBatch
) -> None:
    later = write_batch(batch_id="20261124T130000Z-00000002")
    target = TableTarget("marketing", "customers", "", {})
    publish_day(later, date(2026, 11, 23), target, storage, glue)
    manifest_of(storage, "2026-11-23")
    result = run(storage, glue, ledger, write_batch(TABLE.slice(0, 1)), DAY_ASSET)
    assert result.success
    metadata = metadata_of(result)
    assert metadata[SUPERSEDED_METADATA] == later.batch_id
    assert metadata["dagster/row_count"] == 2


@pytest.mark.usefixtures("running_batch")
def test_a_batch_of_no_one_day_fails_the_run_where_the_table_is_one_of_days(
    storage: S3Storage, glue: GlueCatalog, ledger: Ledger, write_batch: WriteBatch
) -> None:
    manifest_of(storage, None)
    assert not run(storage, glue, ledger, write_batch(), DAY_ASSET).success
    assert glue.get_table("marketing", "customers") is None


def test_the_asset_tells_its_table_before_it_has_run() -> None:
    spec = ASSET.get_asset_spec(KEY)
    assert spec.metadata[TABLE_METADATA] == "marketing.customers"
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey(["shop", "transformed_table"])]
    (check,) = ASSET.check_specs
    assert (check.name, check.blocking) == (READY_CHECK, True)
