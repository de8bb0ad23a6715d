from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from cleanroom_pipeline.aws.glue import GlueCatalog, MissingDatabaseError
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.catalog.publish import (
    NotReadyError,
    Published,
    PublishError,
    TableTarget,
    publish,
)
from cleanroom_pipeline.catalog.table_input import UnmappableTypeError
from cleanroom_pipeline.model import TransformedBatch
from cleanroom_pipeline_tests.catalog.conftest import TABLE, WriteBatch, parquet

TARGET = TableTarget("marketing", "customers", "One row a customer.", {"email_hash": "From email."})
LATER = "20261124T130000Z-00000002"

Publish = Callable[[TransformedBatch], Published]


@pytest.fixture
def publish_batch(storage: S3Storage, glue: GlueCatalog) -> Publish:
    return lambda batch: publish(batch, TARGET, storage, glue)


def shown(glue: GlueCatalog) -> dict[str, Any]:
    table = glue.get_table("marketing", "customers")
    assert table
    return table


def versions(glue: GlueCatalog) -> int:
    answer = glue.client.get_table_versions(DatabaseName="marketing", TableName="customers")
    return len(answer["TableVersions"])


def objects(storage: S3Storage) -> list[Any]:
    answer: Any = storage.client.list_object_versions(Bucket="transformed")
    return [(v["Key"], v["VersionId"]) for v in answer["Versions"]]


def test_the_first_batch_makes_the_table(
    glue: GlueCatalog, write_batch: WriteBatch, publish_batch: Publish
) -> None:
    batch = write_batch()
    published = publish_batch(batch)
    table = shown(glue)
    assert published.previous_location is None
    assert published.findings == ()
    assert table["TableType"] == "EXTERNAL_TABLE"
    assert table["StorageDescriptor"]["Location"] == published.location == batch.location
    assert table["StorageDescriptor"]["Columns"] == [
        {"Name": "email_hash", "Type": "string", "Comment": "From email."},
        {"Name": "value", "Type": "double", "Comment": ""},
    ]
    assert table["Parameters"]["recordCount"] == "2"


def test_rows_of_all_files_count(
    glue: GlueCatalog, write_batch: WriteBatch, publish_batch: Publish
) -> None:
    assert publish_batch(write_batch(TABLE, TABLE.slice(0, 1), TABLE.slice(0, 0))).rows == 3
    assert shown(glue)["Parameters"]["objectCount"] == "3"


def test_the_next_batch_is_one_update_of_the_same_table_and_no_other_write(
    storage: S3Storage, glue: GlueCatalog, write_batch: WriteBatch, publish_batch: Publish
) -> None:
    first = write_batch()
    publish_batch(first)
    before = shown(glue)
    batch = write_batch(batch_id=LATER)
    stored = objects(storage)
    second = publish_batch(batch)
    assert second.previous_location == first.location
    assert shown(glue)["Parameters"]["cleanroom.batch_id"] == LATER
    assert shown(glue)["CreateTime"] == before["CreateTime"]
    assert versions(glue) == 2
    assert objects(storage) == stored
    assert len(glue.client.get_tables(DatabaseName="marketing")["TableList"]) == 1


def test_a_column_that_a_batch_no_longer_has_goes_from_the_table(
    glue: GlueCatalog, write_batch: WriteBatch, publish_batch: Publish
) -> None:
    publish_batch(write_batch())
    publish_batch(write_batch(TABLE.select(["value"]), batch_id=LATER))
    assert [c["Name"] for c in shown(glue)["StorageDescriptor"]["Columns"]] == ["value"]


def test_an_older_batch_that_runs_late_leaves_the_newer_one_in_sight(
    glue: GlueCatalog, write_batch: WriteBatch, publish_batch: Publish
) -> None:
    publish_batch(write_batch(batch_id=LATER))
    before = shown(glue)
    assert publish_batch(write_batch()).superseded_by == LATER
    assert shown(glue) == before
    assert versions(glue) == 1


def test_the_same_batch_again_shows_its_newest_files(
    glue: GlueCatalog, write_batch: WriteBatch, publish_batch: Publish
) -> None:
    publish_batch(write_batch())
    again = write_batch(write_id="00000000-1")
    assert publish_batch(again).superseded_by is None
    assert shown(glue)["StorageDescriptor"]["Location"] == again.location


@pytest.mark.parametrize(
    "table",
    [
        {"Parameters": {"cleanroom.batch_id": "zzz"}},
        {"Parameters": {"cleanroom.batch_id": ""}},
        {"TableType": "VIRTUAL_VIEW"},
        {"StorageDescriptor": {"Columns": []}},
    ],
)
def test_a_table_that_no_batch_of_ours_made_is_taken_over(
    glue: GlueCatalog,
    write_batch: WriteBatch,
    publish_batch: Publish,
    table: Mapping[str, Any],
) -> None:
    glue.put_table("marketing", {"Name": "customers", **table}, replaces=None)
    batch = write_batch()
    published = publish_batch(batch)
    assert (published.previous_location, published.superseded_by) == (None, None)
    assert shown(glue)["StorageDescriptor"]["Location"] == batch.location


def test_the_table_of_another_connector_is_left_alone(
    glue: GlueCatalog, write_batch: WriteBatch, publish_batch: Publish
) -> None:
    publish_batch(write_batch())
    before = shown(glue)
    with pytest.raises(PublishError, match=r"of connector 'shop'\. Give store a table of its own"):
        publish_batch(replace(write_batch(batch_id=LATER), connector="store"))
    assert shown(glue) == before


def put(storage: S3Storage, key: str, body: bytes, **options: Any) -> None:
    storage.client.put_object(
        Bucket="transformed", Key=key, Body=body, **(options or storage.encryption)
    )


def body_of(storage: S3Storage, key: str) -> bytes:
    return storage.client.get_object(Bucket="transformed", Key=key)["Body"].read()


Spoil = Callable[[S3Storage, TransformedBatch], TransformedBatch]


def foreign_object(storage: S3Storage, batch: TransformedBatch) -> TransformedBatch:
    put(storage, batch.prefix + "foreign.parquet", b"x")
    return batch


def foreign_object_below(storage: S3Storage, batch: TransformedBatch) -> TransformedBatch:
    put(storage, batch.prefix + "below/_SUCCESS", b"")
    return batch


def missing_file(storage: S3Storage, batch: TransformedBatch) -> TransformedBatch:
    storage.client.delete_object(Bucket="transformed", Key=batch.files[0].key)
    return batch


def no_file(storage: S3Storage, batch: TransformedBatch) -> TransformedBatch:
    storage.delete_transformed(batch.prefix)
    return replace(batch, files=())


def other_size(storage: S3Storage, batch: TransformedBatch) -> TransformedBatch:
    put(storage, batch.files[0].key, parquet(TABLE.slice(0, 1)) + b" ")
    return batch


def other_bytes(storage: S3Storage, batch: TransformedBatch) -> TransformedBatch:
    put(storage, batch.files[0].key, b"no parquet")
    return replace(batch, files=(replace(batch.files[0], size=10), *batch.files[1:]))


def more_rows_told(storage: S3Storage, batch: TransformedBatch) -> TransformedBatch:
    return replace(batch, rows_out=batch.rows_out + 1)


def other_key(storage: S3Storage, batch: TransformedBatch) -> TransformedBatch:
    key = batch.files[1].key
    other = storage.kms_key_arn[:-1] + "!"
    body = body_of(storage, key)
    put(storage, key, body, ServerSideEncryption="aws:kms", SSEKMSKeyId=other)
    return batch


def no_key(storage: S3Storage, batch: TransformedBatch) -> TransformedBatch:
    key = batch.files[1].key
    put(storage, key, body_of(storage, key), ServerSideEncryption="AES256")
    return batch


def other_bucket(storage: S3Storage, batch: TransformedBatch) -> TransformedBatch:
    return replace(batch, bucket="elsewhere")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (foreign_object, r"not what was written there: foreign\.parquet\. Run transformed_table"),
        (foreign_object_below, r"not what was written there: below/_SUCCESS\."),
        (missing_file, r"not what was written there: part-00000\.parquet\."),
        (other_size, r"not what was written there: part-00000\.parquet\."),
        (no_file, "not Parquet: no file at all"),
        (other_bytes, r"not Parquet: part-00000\.parquet"),
        (more_rows_told, "hold 4 rows; the transformation wrote 5"),
        (other_key, r"part-00001\.parquet is encrypted under arn:.*, and must be under arn:"),
        (no_key, r"part-00001\.parquet is encrypted under no KMS key, and must be under arn:"),
        (other_bucket, "written to s3://elsewhere/.*, and the transformed bucket is transformed"),
    ],
)
def test_what_is_not_what_was_written_is_not_published(
    storage: S3Storage,
    glue: GlueCatalog,
    write_batch: WriteBatch,
    publish_batch: Publish,
    spoil: Spoil,
    told: str,
) -> None:
    publish_batch(write_batch())
    before = shown(glue)
    spoiled = spoil(storage, write_batch(TABLE, TABLE, batch_id=LATER))
    with pytest.raises(PublishError, match=told):
        publish_batch(spoiled)
    assert shown(glue) == before
    assert versions(glue) == 1


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (TABLE.rename_columns(["email_hash", "worth"]), "value double against worth double"),
        (TABLE.set_column(1, "value", pa.array([1, 2])), "value double against value int64"),
        (TABLE.select(["email_hash"]), "value double against nothing"),
        (
            TABLE.select(["value", "email_hash"]),
            "email_hash string against value double; value double against email_hash string",
        ),
    ],
)
def test_files_of_two_schemas_are_named_with_what_differs(
    glue: GlueCatalog, write_batch: WriteBatch, publish_batch: Publish, other: pa.Table, told: str
) -> None:
    batch = write_batch(TABLE, other)
    with pytest.raises(PublishError, match=r"part-00000.*part-00001.*differ in schema: .*" + told):
        publish_batch(batch)
    assert glue.get_table("marketing", "customers") is None


@pytest.mark.parametrize(
    ("table", "check_ids"),
    [
        (TABLE.rename_columns(["Email Hash", "oid"]), {"COL-1", "COL-3"}),
        (TABLE.rename_columns(["EMAIL_HASH", "email_hash"]), {"COL-1", "COL-6"}),
        (TABLE.rename_columns(["email_hash", "email_hash"]), {"COL-6", "COL-10"}),
        (pa.table({"t": pa.array([1, 2]).cast(pa.timestamp("ns"))}), {"COL-8"}),
    ],
)
def test_a_table_that_clean_rooms_would_refuse_is_not_published(
    glue: GlueCatalog,
    write_batch: WriteBatch,
    publish_batch: Publish,
    table: pa.Table,
    check_ids: set[str],
) -> None:
    publish_batch(write_batch())
    before = shown(glue)
    with pytest.raises(NotReadyError, match=r"marketing\.customers is not published") as caught:
        publish_batch(write_batch(table, batch_id=LATER))
    assert {finding.check_id for finding in caught.value.findings} == check_ids
    assert all(finding.fix in str(caught.value) for finding in caught.value.findings)
    assert shown(glue) == before


def test_a_warning_is_told_and_stops_nothing(
    glue: GlueCatalog, write_batch: WriteBatch, publish_batch: Publish
) -> None:
    published = publish_batch(write_batch(TABLE.rename_columns(["user", "value"])))
    assert [finding.check_id for finding in published.findings] == ["COL-5"]
    assert shown(glue)["StorageDescriptor"]["Location"] == published.location


def test_a_type_that_glue_has_no_name_for_is_not_published(
    glue: GlueCatalog, write_batch: WriteBatch, publish_batch: Publish
) -> None:
    publish_batch(write_batch())
    before = shown(glue)
    batch = write_batch(pa.table({"photo": pa.array([b"x"], pa.binary())}), batch_id=LATER)
    with pytest.raises(UnmappableTypeError, match="'photo' is of type binary"):
        publish_batch(batch)
    assert shown(glue) == before


def test_a_database_that_is_not_there_is_named(
    storage: S3Storage, glue: GlueCatalog, write_batch: WriteBatch
) -> None:
    with pytest.raises(MissingDatabaseError, match="'sales'"):
        publish(write_batch(), replace(TARGET, database="sales"), storage, glue)


def test_no_error_tells_a_rows_value(
    storage: S3Storage, write_batch: WriteBatch, publish_batch: Publish
) -> None:
    secret = pa.table({"Email": ["jane@example.com"], "value": [1.0]})
    with pytest.raises(NotReadyError) as caught:
        publish_batch(write_batch(secret))
    assert "jane" not in str(caught.value)
