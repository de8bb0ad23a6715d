from collections.abc import Callable

import pytest

from cleanroom_pipeline.aws.s3 import S3Storage, UnversionedBucketError
from cleanroom_pipeline.inbound.completion.decision import Whole
from cleanroom_pipeline.inbound.cutting import cut
from cleanroom_pipeline.inbound.intake import Intake
from cleanroom_pipeline.inbound.reconcile import Pass, go_on
from cleanroom_pipeline.ledger.table import never
from cleanroom_pipeline_tests.inbound.conftest import Put

FROM_THE_START = Pass()


def look_through(
    intake: Intake, so_far: Pass = FROM_THE_START, out_of_time: Callable[[], bool] = never
) -> Pass:
    return go_on(intake, "shop", so_far, out_of_time=out_of_time)


def pending(intake: Intake) -> list[tuple[str, str]]:
    arrivals = intake.ledger.pending("shop").arrivals
    return [
        (one.arrival.key.removeprefix("inbound/shop/"), one.arrival.version_id) for one in arrivals
    ]


def cut_pending(intake: Intake) -> None:
    files = tuple(one.arrival for one in intake.ledger.pending("shop").arrivals)
    at = intake.storage.inbound_clock("inbound/shop/")
    head = intake.ledger.head("shop")
    whole = Whole(files, "test")
    assert cut(intake.storage, intake.ledger, "shop", whole, head, policy="test", at=at)


def test_what_no_message_told_of_is_found(intake: Intake, put: Put) -> None:
    version = put("inbound/shop/a.csv")
    put("inbound/other/b.csv")
    done = look_through(intake)
    assert (done.finished, done.objects, done.recorded) == (True, 1, 1)
    assert pending(intake) == [("a.csv", version)]


def test_a_second_pass_finds_nothing_new(intake: Intake, put: Put) -> None:
    put("inbound/shop/a.csv")
    look_through(intake)
    assert look_through(intake).recorded == 0
    cut_pending(intake)
    assert look_through(intake).recorded == 0
    assert pending(intake) == []


def test_of_an_object_that_is_written_again_the_newest_version_counts_once(
    intake: Intake, put: Put
) -> None:
    put("inbound/shop/a.csv", b"old")
    look_through(intake)
    newest = put("inbound/shop/a.csv", b"new")
    done = look_through(intake)
    assert (done.recorded, done.set_aside) == (1, 1)
    assert pending(intake) == [("a.csv", newest)]


def test_an_object_that_is_written_again_after_the_cut_waits_for_the_next_batch(
    intake: Intake, put: Put
) -> None:
    put("inbound/shop/a.csv", b"old")
    look_through(intake)
    cut_pending(intake)
    newest = put("inbound/shop/a.csv", b"new")
    look_through(intake)
    assert pending(intake) == [("a.csv", newest)]


def test_a_deleted_object_is_set_aside_and_comes_back_with_its_deletion_undone(
    intake: Intake, put: Put, storage: S3Storage
) -> None:
    version = put("inbound/shop/a.csv")
    look_through(intake)
    marker = storage.client.delete_object(Bucket="inbound", Key="inbound/shop/a.csv")
    assert look_through(intake).set_aside == 1
    assert pending(intake) == []
    storage.client.delete_object(
        Bucket="inbound", Key="inbound/shop/a.csv", VersionId=marker["VersionId"]
    )
    assert look_through(intake).recorded == 1
    assert pending(intake) == [("a.csv", version)]


def test_a_pass_goes_on_where_it_left_off(intake: Intake, put: Put, storage: S3Storage) -> None:
    """Each page holds three versions, of which two are of one key."""
    names = ["a!b.csv", "a.csv", "a b.csv", "ä.csv", "b.csv"]
    for name in names:
        put(f"inbound/shop/{name}", b"old")
        put(f"inbound/shop/{name}", b"new")
    list_page = storage.list_inbound_page
    object.__setattr__(
        intake.storage,
        "list_inbound_page",
        lambda prefix, *, after="", most=3: list_page(prefix, after=after, most=3),
    )
    so_far, steps = Pass(), 0
    while not so_far.finished:
        so_far, steps = look_through(intake, so_far, out_of_time=lambda: True), steps + 1
    assert steps == 4
    assert so_far.objects == len(names)
    assert sorted(name for name, _ in pending(intake)) == sorted(names)
    again = look_through(intake)
    assert (again.recorded, again.set_aside) == (0, 0)


def test_folder_markers_and_temporary_files_do_not_count(intake: Intake, put: Put) -> None:
    for name in ("", "sub/", "a.csv.tmp", "_temporary/a.csv"):
        put(f"inbound/shop/{name}")
    assert look_through(intake).objects == 0
    assert pending(intake) == []


def test_a_bucket_that_keeps_no_versions_is_refused(intake: Intake, put: Put) -> None:
    """An object that is overwritten there is lost, and its batch can pin nothing."""
    put("inbound/shop/a.csv")
    intake.storage.client.put_bucket_versioning(
        Bucket="inbound", VersioningConfiguration={"Status": "Suspended"}
    )
    with pytest.raises(UnversionedBucketError, match="Bucket inbound keeps no versions"):
        look_through(intake)
