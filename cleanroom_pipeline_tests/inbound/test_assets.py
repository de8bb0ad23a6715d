from datetime import UTC, datetime

import dagster as dg

from cleanroom_pipeline.inbound.assets import build_inbound_files_asset
from cleanroom_pipeline.inbound.by_hand import cut_again, cut_pending
from cleanroom_pipeline.inbound.completion.quiet_period import QuietPeriod
from cleanroom_pipeline.inbound.intake import Intake
from cleanroom_pipeline.model import BatchState, Manifest
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.records import FormatChoice
from cleanroom_pipeline_tests.inbound.conftest import Put

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
PARTITIONS = dg.DynamicPartitionsDefinition(name="shop__batches")
ASSET = build_inbound_files_asset(
    "shop",
    PARTITIONS,
    FormatChoice(FileFormat(), by_name=True),
    prefix="inbound/shop/",
    description="test",
    owners=[],
)
POLICY = QuietPeriod(AT - AT)


def cut(intake: Intake) -> Manifest:
    return cut_pending(intake, "shop", POLICY, reason="test")


def run(intake: Intake, batch_id: str) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("shop__batches", [batch_id])
        return dg.materialize(
            [ASSET],
            partition_key=batch_id,
            instance=instance,
            resources={"storage": intake.storage, "ledger": intake.ledger},
            raise_on_error=False,
        )


def failure(result: dg.ExecuteInProcessResult) -> str:
    data = result.failure_data_for_node("shop__inbound_files")
    assert data
    assert data.error
    assert data.error.cause
    return data.error.cause.message


def state(intake: Intake, manifest: Manifest) -> BatchState:
    return intake.ledger.batch("shop", manifest.batch_id).state


def test_a_batch_is_looked_into_and_is_running(intake: Intake, put: Put) -> None:
    put("inbound/shop/a.csv", b"a,b\n1,2\n")
    manifest = cut(intake)
    result = run(intake, manifest.batch_id)
    assert result.success
    (found,) = result.asset_materializations_for_node("shop__inbound_files")
    assert found.metadata["dagster/partition_row_count"].value == 1
    assert state(intake, manifest) is BatchState.RUNNING


def test_a_batch_of_which_a_version_is_gone_fails_with_its_name_and_what_to_do(
    intake: Intake, put: Put
) -> None:
    put("inbound/shop/a.csv", b"a,b\n1,2\n")
    gone = put("inbound/shop/b.csv", b"a,b\n1,2\n")
    manifest = cut(intake)
    intake.storage.client.delete_object(Bucket="inbound", Key="inbound/shop/b.csv", VersionId=gone)
    told = failure(run(intake, manifest.batch_id))
    assert "inbound/shop/b.csv" in told
    assert "a.csv" not in told
    assert f"cleanroom batch cut shop --again {manifest.batch_id}" in told


def test_a_batch_that_was_cut_again_is_not_run_any_more(intake: Intake, put: Put) -> None:
    put("inbound/shop/a.csv", b"a,b\n1,2\n")
    manifest = cut(intake)
    for next_state in (BatchState.RUNNING, BatchState.FAILED):
        intake.ledger.move("shop", manifest.batch_id, next_state, run_id="r", at=AT)
    cut_again(intake, intake.ledger.batch("shop", manifest.batch_id), reason="test")
    assert "is replaced: it can't be run" in failure(run(intake, manifest.batch_id))
    assert state(intake, manifest) is BatchState.REPLACED
