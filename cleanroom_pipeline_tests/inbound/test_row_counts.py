"""Rows of a batch, held against what its provider reports."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from cleanroom_pipeline.inbound.assets import build_inbound_files_asset
from cleanroom_pipeline.inbound.by_hand import cut_again
from cleanroom_pipeline.inbound.completion.provider_run import ProviderRun
from cleanroom_pipeline.inbound.intake import Intake
from cleanroom_pipeline.inbound.row_counts import (
    RECONCILE_CHECK,
    RecordsMissingError,
    missing_records,
    records_reconcile,
    rows_as_reported,
)
from cleanroom_pipeline.inbound.tick import Tick, TickSettings
from cleanroom_pipeline.ledger import Delivery
from cleanroom_pipeline.model import Arrival, BatchState, Manifest
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.records import (
    FormatChoice,
    InboundSummary,
    MissingRecordError,
    read_inbound_summary,
)
from cleanroom_pipeline_tests.inbound.conftest import Put
from cleanroom_pipeline_tests.inbound.killed_process import NoRuns

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
FILES = (Arrival("in/a", "v", "e", 1, AT),)
SUMMARY = InboundSummary("csv", ("a",), 8, bad_rows=2)
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
PARTITIONS = dg.DynamicPartitionsDefinition(name="shop__batches")
PULLED = build_inbound_files_asset(
    "shop",
    PARTITIONS,
    FormatChoice(FileFormat(kind="jsonl", max_bad_rows=5), by_name=False),
    prefix="inbound/shop/",
    description="test",
    owners=[],
    pulled=True,
)


def manifest_with(records: int | None) -> Manifest:
    return Manifest("shop", "20261124T120000Z-00000000", "b", "d", FILES, "p", "r", records=records)


@pytest.mark.parametrize(("records", "passed"), [(None, True), (10, True), (9, False), (11, False)])
def test_what_a_pusher_reports_is_a_matter_of_warnings(records: int | None, passed: bool) -> None:
    result = rows_as_reported(manifest_with(records), SUMMARY)
    assert (result.passed, result.severity) == (passed, WARN)
    assert missing_records(manifest_with(records), result) is None


@pytest.mark.parametrize(
    ("records", "passed", "severity"),
    [(None, True, WARN), (10, True, WARN), (9, False, WARN), (11, False, ERROR)],
)
def test_fewer_rows_than_appflow_wrote_are_an_error_and_more_a_warning(
    records: int | None, passed: bool, severity: dg.AssetCheckSeverity
) -> None:
    result = records_reconcile(manifest_with(records), SUMMARY)
    assert (result.passed, result.severity) == (passed, severity)
    failed = missing_records(manifest_with(records), result)
    assert isinstance(failed, RecordsMissingError) == (severity is ERROR)


def test_rows_that_were_put_aside_are_counted_and_explained() -> None:
    result = records_reconcile(manifest_with(11), SUMMARY)
    assert result.description == (
        "AppFlow reports 11 records; 10 rows are there, of which 2 were put aside as bad."
    )


def pulled_batch(intake: Intake, put: Put, body: bytes, records: int) -> str:
    """Have AppFlow deliver one file, and the sensor cut it; return the batch's id."""
    put("inbound/shop/flow/e1/a", body)
    intake.ledger.record_delivery("shop", Delivery("e1", "inbound/shop/flow/e1/", records, AT))
    ticked = Tick(TickSettings("shop", ProviderRun()), intake, NoRuns(), lambda: 0.0)(None)
    (batch_id,) = ticked.partitions
    return batch_id


def run(intake: Intake, batch_id: str) -> tuple[dg.ExecuteInProcessResult, list[dg.AssetKey]]:
    """Run the asset and one after it; return the result, and what was made."""

    @dg.asset(deps=[PULLED], partitions_def=PARTITIONS)
    def published() -> None:
        """Stands for what comes after."""

    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("shop__batches", [batch_id])
        result = dg.materialize(
            [PULLED, published],
            partition_key=batch_id,
            instance=instance,
            resources={"storage": intake.storage, "ledger": intake.ledger},
            raise_on_error=False,
        )
        made = [event.asset_key for event in result.get_asset_materialization_events()]
    return result, [key for key in made if key]


def test_a_pull_whose_records_are_all_there_goes_on(intake: Intake, put: Put) -> None:
    batch_id = pulled_batch(intake, put, b'{"a": 1}\n{"a": 2}\n', 2)
    result, made = run(intake, batch_id)
    assert result.success
    assert dg.AssetKey("published") in made
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.blocking) == (RECONCILE_CHECK, True, True)


def test_a_record_that_is_put_aside_is_not_missing(intake: Intake, put: Put) -> None:
    batch_id = pulled_batch(intake, put, b'{"a": 1}\n{"a": \n', 2)
    result, made = run(intake, batch_id)
    assert result.success
    assert dg.AssetKey("published") in made
    (check,) = result.get_asset_check_evaluations()
    assert check.passed
    assert "of which 1 were put aside" in str(check.description)


def test_a_pull_that_lacks_records_is_never_published(intake: Intake, put: Put) -> None:
    batch_id = pulled_batch(intake, put, b'{"a": 1}\n{"a": 2}\n', 3)
    result, made = run(intake, batch_id)
    assert (result.success, made) == (False, [])
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.severity) == (False, ERROR)
    data = result.failure_data_for_node("shop__inbound_files")
    assert data
    assert data.error
    assert data.error.cause
    assert "RecordsMissingError" in data.error.cause.message
    assert f"--again {batch_id}" in data.error.cause.message
    with pytest.raises(MissingRecordError):
        read_inbound_summary(intake.storage, "shop", batch_id)


def test_a_person_may_have_the_rows_of_such_a_pull_all_the_same(intake: Intake, put: Put) -> None:
    batch_id = pulled_batch(intake, put, b'{"a": 1}\n{"a": 2}\n', 3)
    run(intake, batch_id)
    intake.ledger.move("shop", batch_id, BatchState.FAILED, run_id="r", at=AT)
    again = cut_again(intake, intake.ledger.batch("shop", batch_id), reason="two will do")
    result, made = run(intake, again.batch_id)
    assert result.success
    assert dg.AssetKey("published") in made


def test_more_rows_than_appflow_wrote_are_published_with_a_warning(
    intake: Intake, put: Put
) -> None:
    batch_id = pulled_batch(intake, put, b'{"a": 1}\n{"a": 2}\n', 1)
    result, made = run(intake, batch_id)
    assert result.success
    assert dg.AssetKey("published") in made
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.severity) == (False, WARN)
