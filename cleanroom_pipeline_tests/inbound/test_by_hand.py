from datetime import UTC, datetime, timedelta

import pytest

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.inbound.by_hand import (
    CutRefusedError,
    cut_again,
    cut_pending,
    run_again,
)
from cleanroom_pipeline.inbound.completion.quiet_period import QuietPeriod
from cleanroom_pipeline.inbound.completion.sequence import NumberedFiles
from cleanroom_pipeline.inbound.intake import Intake
from cleanroom_pipeline.model import Batch, BatchState, Manifest
from cleanroom_pipeline.records import read_manifest
from cleanroom_pipeline_tests.inbound.conftest import Put

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
PATIENT = QuietPeriod(timedelta(days=1))


def cut(intake: Intake, reason: str = "they called") -> Manifest:
    return cut_pending(intake, "shop", PATIENT, reason=reason)


def batch_of(intake: Intake, manifest: Manifest) -> Batch:
    return intake.ledger.batch("shop", manifest.batch_id)


def fail(intake: Intake, manifest: Manifest) -> Batch:
    for state in (BatchState.RUNNING, BatchState.FAILED):
        intake.ledger.move("shop", manifest.batch_id, state, run_id="r", at=AT)
    return batch_of(intake, manifest)


def test_what_is_pending_is_cut_though_its_policy_waits_and_the_reason_is_kept(
    intake: Intake, put: Put
) -> None:
    put("inbound/shop/a.csv")
    put("inbound/shop/_SUCCESS")
    manifest = read_manifest(intake.storage, "shop", cut(intake).batch_id)
    assert [file.key for file in manifest.files] == ["inbound/shop/a.csv"]
    assert [signal.key for signal in manifest.signals] == ["inbound/shop/_SUCCESS"]
    assert (manifest.policy, manifest.reason) == ("by_hand", "they called")
    assert batch_of(intake, manifest).state is BatchState.CUT


@pytest.mark.parametrize("reason", ["", " \n", "x" * 501, "a\x1b[2J"])
def test_a_cut_needs_a_reason_that_can_be_shown(intake: Intake, put: Put, reason: str) -> None:
    put("inbound/shop/a.csv")
    with pytest.raises(CutRefusedError, match="A reason is needed"):
        cut(intake, reason)
    assert list(intake.ledger.batches("shop")) == []


def test_nothing_pending_is_nothing_to_cut(intake: Intake, put: Put) -> None:
    put("inbound/shop/_SUCCESS")
    with pytest.raises(CutRefusedError, match="no object that is in no batch yet"):
        cut(intake)


def test_a_gap_that_a_person_passed_over_is_not_waited_for_any_more(
    intake: Intake, put: Put
) -> None:
    numbered = NumberedFiles("{stream}.{position}.csv")
    put("inbound/shop/clicks.1.csv")
    put("inbound/shop/clicks.3.csv")
    cut_pending(intake, "shop", numbered, reason="2 was never made")
    assert intake.ledger.positions("shop") == {"clicks": 3}


def test_what_is_left_of_a_batch_that_failed_takes_its_place(
    intake: Intake, put: Put, storage: S3Storage
) -> None:
    put("inbound/shop/a.csv")
    gone = put("inbound/shop/b.csv")
    earlier = cut(intake)
    failed = fail(intake, earlier)
    storage.client.delete_object(Bucket="inbound", Key="inbound/shop/b.csv", VersionId=gone)
    later = cut_again(intake, failed, reason="b is lost")
    assert [file.key for file in later.files] == ["inbound/shop/a.csv"]
    assert later.recut_of == earlier.batch_id
    assert batch_of(intake, earlier).state is BatchState.REPLACED
    assert batch_of(intake, later).state is BatchState.CUT
    assert later.batch_id > earlier.batch_id


def test_a_batch_that_has_not_failed_is_not_cut_again(intake: Intake, put: Put) -> None:
    put("inbound/shop/a.csv")
    manifest = cut(intake)
    with pytest.raises(CutRefusedError, match="is cut: only one that failed"):
        cut_again(intake, batch_of(intake, manifest), reason="no")


def test_a_batch_of_which_nothing_is_left_is_not_cut_again(
    intake: Intake, put: Put, storage: S3Storage
) -> None:
    gone = put("inbound/shop/a.csv")
    failed = fail(intake, cut(intake))
    storage.client.delete_object(Bucket="inbound", Key="inbound/shop/a.csv", VersionId=gone)
    with pytest.raises(CutRefusedError, match="Nothing is left"):
        cut_again(intake, failed, reason="no")
    assert batch_of(intake, cut_manifest(intake, failed)).state is BatchState.FAILED


def cut_manifest(intake: Intake, batch: Batch) -> Manifest:
    return read_manifest(intake.storage, "shop", batch.batch_id)


def test_a_batch_that_failed_can_be_run_again_and_one_that_runs_cannot(
    intake: Intake, put: Put
) -> None:
    put("inbound/shop/a.csv")
    manifest = cut(intake)
    with pytest.raises(CutRefusedError, match="is cut: only one that failed or is published"):
        run_again(intake, batch_of(intake, manifest), at=AT)
    run_again(intake, fail(intake, manifest), at=AT)
    assert (batch_of(intake, manifest).state, batch_of(intake, manifest).attempt) == (
        BatchState.CUT,
        2,
    )
