from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.catalog.publish import (
    NotReadyError,
    PublishError,
    publish,
)
from cleanroom_pipeline.catalog.restate import day_of, publish_day
from cleanroom_pipeline.catalog.table_input import batch_of
from cleanroom_pipeline.model import TransformedBatch
from cleanroom_pipeline_tests.catalog.conftest import (
    BATCH,
    DAYS,
    LATER,
    LATEST,
    MONDAY,
    ONE,
    TABLE,
    THREE,
    TUESDAY,
    PublishDay,
    View,
    WriteBatch,
    state_of,
    table_of,
)


def test_the_first_batch_makes_the_table_and_its_day(
    glue: GlueCatalog, write_batch: WriteBatch, publish_to: PublishDay
) -> None:
    batch = write_batch()
    published = publish_to(batch, MONDAY)
    table, (partition,) = state_of(glue)
    assert [(key["Name"], key["Type"]) for key in table["PartitionKeys"]] == [("day", "date")]
    assert table["StorageDescriptor"]["Location"] == "s3://transformed/tables/shop/"
    assert (
        table["Parameters"].items()
        >= {
            "cleanroom.connector": "shop",
            "cleanroom.load": "restate",
            "cleanroom.last_batch_id": BATCH,
        }.items()
    )
    assert "recordCount" not in table["Parameters"]
    assert "cleanroom.batch_id" not in table["Parameters"]
    assert partition["Values"] == ["2026-11-23"]
    assert partition["StorageDescriptor"]["Location"] == batch.location
    assert partition["StorageDescriptor"]["Columns"] == table["StorageDescriptor"]["Columns"]
    assert (
        partition["Parameters"].items()
        >= {
            "cleanroom.batch_id": BATCH,
            "cleanroom.engine": "local",
            "cleanroom.recipe_sha256": "0" * 64,
            "recordCount": "2",
        }.items()
    )
    assert (published.day, published.previous_location) == (MONDAY, None)
    assert (published.rows, published.table_rows, published.findings) == (2, 2, ())


def test_a_day_that_is_sent_again_replaces_its_rows_and_those_of_no_other_day(
    glue: GlueCatalog,
    write_batch: WriteBatch,
    publish_to: PublishDay,
    view: Callable[[], View],
) -> None:
    first = write_batch()
    publish_to(first, MONDAY)
    publish_to(write_batch(ONE, batch_id=LATER), TUESDAY)
    _, (_, tuesday) = state_of(glue)
    published = publish_to(write_batch(THREE, batch_id=LATEST), MONDAY)
    assert view() == {"2026-11-23": THREE.to_pylist(), "2026-11-24": ONE.to_pylist()}
    assert state_of(glue)[1][1] == tuesday
    assert published.previous_location == first.location
    assert (published.rows, published.table_rows) == (3, 4)
    assert table_of(glue)["Parameters"]["cleanroom.last_batch_id"] == LATEST


def test_an_older_batch_of_a_day_that_runs_late_does_not_displace_the_newer_one(
    glue: GlueCatalog, write_batch: WriteBatch, publish_to: PublishDay
) -> None:
    publish_to(write_batch(THREE, batch_id=LATER), MONDAY)
    before = state_of(glue)
    late = publish_to(write_batch(), MONDAY)
    assert (late.superseded_by, late.table_rows) == (LATER, 3)
    assert state_of(glue) == before


def test_an_older_batch_of_another_day_is_published_and_is_not_the_last_one(
    glue: GlueCatalog, write_batch: WriteBatch, publish_to: PublishDay
) -> None:
    publish_to(write_batch(batch_id=LATER), TUESDAY)
    assert publish_to(write_batch(), MONDAY).superseded_by is None
    table, partitions = state_of(glue)
    assert [batch_of(partition) for partition in partitions] == [BATCH, LATER]
    assert table["Parameters"]["cleanroom.last_batch_id"] == LATER


def test_the_same_batch_again_gives_the_same_rows_from_its_newest_files(
    glue: GlueCatalog, write_batch: WriteBatch, publish_to: PublishDay, view: Callable[[], View]
) -> None:
    publish_to(write_batch(), MONDAY)
    before, again = view(), write_batch(write_id="00000000-1")
    assert publish_to(again, MONDAY).superseded_by is None
    assert view() == before
    (partition,) = state_of(glue)[1]
    assert partition["StorageDescriptor"]["Location"] == again.location


def test_a_partition_that_no_batch_of_ours_made_is_replaced(
    glue: GlueCatalog, write_batch: WriteBatch, publish_to: PublishDay
) -> None:
    publish_to(write_batch(), MONDAY)
    (partition,) = state_of(glue)[1]
    foreign = {"Values": ["2026-11-23"], "StorageDescriptor": partition["StorageDescriptor"]}
    glue.put_partition(
        "marketing", "events", foreign | {"Parameters": {"cleanroom.batch_id": "zzz"}}, partition
    )
    assert publish_to(write_batch(write_id="00000000-1"), MONDAY).superseded_by is None
    assert batch_of(state_of(glue)[1][0]) == BATCH


def test_columns_are_told_anew_what_they_mean(
    storage: S3Storage, glue: GlueCatalog, write_batch: WriteBatch, publish_to: PublishDay
) -> None:
    publish_to(write_batch(), MONDAY)
    target = replace(DAYS, comments={"email_hash": "From mail."})
    publish_day(write_batch(batch_id=LATER), TUESDAY, target, storage, glue)
    assert table_of(glue)["StorageDescriptor"]["Columns"][0]["Comment"] == "From mail."


OTHER_COLUMNS = [
    (TABLE.select(["value"]), "value double"),
    (TABLE.set_column(1, "value", pa.array([1, 2])), "email_hash string, value bigint"),
    (TABLE.select(["value", "email_hash"]), "value double, email_hash string"),
]


@pytest.mark.parametrize(("other", "told"), OTHER_COLUMNS)
@pytest.mark.parametrize("day", [MONDAY, TUESDAY])
def test_a_batch_with_other_columns_is_refused_with_both_lists_of_them(
    glue: GlueCatalog,
    write_batch: WriteBatch,
    publish_to: PublishDay,
    other: pa.Table,
    told: str,
    day: date,
) -> None:
    publish_to(write_batch(), MONDAY)
    before = state_of(glue)
    with pytest.raises(PublishError, match="which shows 1 days") as caught:
        publish_to(write_batch(other, batch_id=LATER), day)
    assert "The table's: email_hash string, value double." in str(caught.value)
    assert f"The batch's: {told}." in str(caught.value)
    assert state_of(glue) == before


def test_a_table_without_a_day_takes_the_columns_of_the_first_batch(
    glue: GlueCatalog, write_batch: WriteBatch, publish_to: PublishDay
) -> None:
    publish_to(write_batch(), MONDAY)
    glue.client.delete_partition(
        DatabaseName="marketing", TableName="events", PartitionValues=["2026-11-23"]
    )
    publish_to(write_batch(TABLE.select(["value"]), batch_id=LATER), MONDAY)
    table, (partition,) = state_of(glue)
    for entry in (table, partition):
        assert [c["Name"] for c in entry["StorageDescriptor"]["Columns"]] == ["value"]


@pytest.mark.parametrize("name", ["day", "Day"])
def test_data_with_a_column_of_the_keys_name_is_not_published(
    glue: GlueCatalog, write_batch: WriteBatch, publish_to: PublishDay, name: str
) -> None:
    with pytest.raises(NotReadyError, match="2 columns are called 'day'") as caught:
        publish_to(write_batch(TABLE.rename_columns([name, "value"])), MONDAY)
    assert "COL-6" in {finding.check_id for finding in caught.value.findings}
    assert state_of(glue) == (None, [])


def test_days_and_snapshots_do_not_share_a_table(
    storage: S3Storage, glue: GlueCatalog, write_batch: WriteBatch, publish_to: PublishDay
) -> None:
    publish(write_batch(), DAYS, storage, glue)
    before = state_of(glue)
    with pytest.raises(PublishError, match="not partitioned by day alone"):
        publish_to(write_batch(batch_id=LATER), MONDAY)
    assert state_of(glue) == before
    days = replace(DAYS, table="days")
    publish_day(write_batch(batch_id=LATER), MONDAY, days, storage, glue)
    with pytest.raises(PublishError, match=r"marketing\.days is partitioned, and a snapshot"):
        publish(write_batch(batch_id=LATEST), days, storage, glue)


def test_the_table_of_another_connector_is_left_alone(
    glue: GlueCatalog, write_batch: WriteBatch, publish_to: PublishDay
) -> None:
    publish_to(write_batch(), MONDAY)
    before = state_of(glue)
    with pytest.raises(PublishError, match="Give store a table of its own"):
        publish_to(replace(write_batch(batch_id=LATER), connector="store"), TUESDAY)
    assert state_of(glue) == before


@pytest.mark.parametrize("day", [None, "", "2026-11-31", "24.11.2026", "2026-11-24/../x"])
def test_a_batch_of_no_one_day_is_told_so(write_batch: WriteBatch, day: str | None) -> None:
    with pytest.raises(PublishError, match=rf"Batch {BATCH} of shop is of no one day"):
        day_of(write_batch(), day)
    assert day_of(write_batch(), "2026-11-24") == TUESDAY


def lose_a_file(storage: S3Storage, batch: TransformedBatch) -> TransformedBatch:
    storage.client.delete_object(Bucket="transformed", Key=batch.files[0].key)
    return batch


def use_another_key(storage: S3Storage, batch: TransformedBatch) -> TransformedBatch:
    key = batch.files[0].key
    body = storage.client.get_object(Bucket="transformed", Key=key)["Body"].read()
    storage.client.put_object(
        Bucket="transformed", Key=key, Body=body, ServerSideEncryption="AES256"
    )
    return batch


def tell_more_rows(storage: S3Storage, batch: TransformedBatch) -> TransformedBatch:
    return replace(batch, rows_out=batch.rows_out + 1)


@pytest.mark.parametrize("spoil", [lose_a_file, use_another_key, tell_more_rows])
def test_a_failed_verification_changes_nothing(
    storage: S3Storage,
    glue: GlueCatalog,
    write_batch: WriteBatch,
    publish_to: PublishDay,
    spoil: Callable[[S3Storage, TransformedBatch], TransformedBatch],
) -> None:
    publish_to(write_batch(), MONDAY)
    before = state_of(glue)
    with pytest.raises(PublishError):
        publish_to(spoil(storage, write_batch(THREE, batch_id=LATER)), MONDAY)
    assert state_of(glue) == before
