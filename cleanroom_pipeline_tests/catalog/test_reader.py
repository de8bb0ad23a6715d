import urllib.request
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.catalog.publish import TableTarget, publish
from cleanroom_pipeline.catalog.reader import read_table
from cleanroom_pipeline.catalog.restate import publish_day
from cleanroom_pipeline_tests.catalog.conftest import TABLE, WriteBatch, parquet

TARGET = TableTarget("marketing", "customers", "", {})
LATER = "20261124T130000Z-00000002"


@pytest.fixture
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> AwsSession:
    """An empty AWS account behind the endpoint, and a session with it."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    urllib.request.urlopen(f"{endpoint}/moto-api/reset", data=b"").close()
    return AwsSession(region="us-east-1")


def entry(glue: GlueCatalog) -> dict[str, Any]:
    table = glue.get_table("marketing", "customers")
    assert table
    return table


def entry_of(location: str, *columns: str) -> dict[str, Any]:
    listed = [{"Name": name, "Type": "string"} for name in columns]
    return {"StorageDescriptor": {"Location": location, "Columns": listed}}


def test_the_rows_of_all_files_come_back_through_the_entry_alone(
    aws: AwsSession, storage: S3Storage, glue: GlueCatalog, write_batch: WriteBatch
) -> None:
    publish(write_batch(TABLE, TABLE.slice(0, 1)), TARGET, storage, glue)
    rows = read_table(entry(glue), aws)
    assert sorted(rows.to_pylist(), key=str) == sorted(
        [*TABLE.to_pylist(), TABLE.to_pylist()[0]], key=str
    )
    assert rows.schema.equals(TABLE.schema)


def test_a_reader_sees_the_batch_before_or_the_batch_after_and_nothing_between(
    aws: AwsSession, storage: S3Storage, glue: GlueCatalog, write_batch: WriteBatch
) -> None:
    publish(write_batch(), TARGET, storage, glue)
    before = entry(glue)
    later = write_batch(TABLE.slice(0, 1), batch_id=LATER)
    assert read_table(entry(glue), aws).num_rows == 2
    publish(later, TARGET, storage, glue)
    assert read_table(entry(glue), aws).num_rows == 1
    assert read_table(before, aws).num_rows == 2


def test_no_more_rows_than_asked_for_come_back(
    aws: AwsSession, storage: S3Storage, glue: GlueCatalog, write_batch: WriteBatch
) -> None:
    publish(write_batch(), TARGET, storage, glue)
    assert [read_table(entry(glue), aws, limit).num_rows for limit in (0, 1, 5)] == [0, 1, 2]


def test_an_empty_table_has_its_columns(
    aws: AwsSession, storage: S3Storage, glue: GlueCatalog, write_batch: WriteBatch
) -> None:
    publish(write_batch(TABLE.slice(0, 0)), TARGET, storage, glue)
    rows = read_table(entry(glue), aws)
    assert (rows.num_rows, rows.column_names) == (0, TABLE.column_names)


def test_the_entry_says_which_columns_and_in_which_order(
    aws: AwsSession, storage: S3Storage
) -> None:
    names = ["a", 'b"; DROP', "c.d", "select"]
    table = pa.table([pa.array([name]) for name in names], names)
    storage.client.put_object(Bucket="transformed", Key="t/x.parquet", Body=parquet(table))
    rows = read_table(entry_of("s3://transformed/t/", "select", "c.d", 'b"; DROP'), aws)
    assert rows.to_pylist() == [{"select": "select", "c.d": "c.d", 'b"; DROP': 'b"; DROP'}]


def test_what_lies_in_folders_below_is_no_part_of_the_table(
    aws: AwsSession, storage: S3Storage
) -> None:
    """Clean Rooms does not see it either, nor what is hidden."""
    for key in ("t/_x.parquet", "t/.x.parquet", "t/x.parquet", "t/below/x.parquet", "t2/x.parquet"):
        storage.client.put_object(Bucket="transformed", Key=key, Body=parquet(TABLE))
    assert read_table(entry_of("s3://transformed/t/", "email_hash"), aws).num_rows == 2


def test_a_location_is_taken_as_it_is(aws: AwsSession, storage: S3Storage) -> None:
    for key in ("a?b#c d%20/x.parquet", "a/x.parquet"):
        storage.client.put_object(Bucket="transformed", Key=key, Body=parquet(TABLE))
    rows = read_table(entry_of("s3://transformed/a?b#c d%20/", "email_hash"), aws)
    assert rows.to_pylist() == [{"email_hash": "a"}, {"email_hash": "b"}]


MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)


def with_day(table: pa.Table, day: date) -> list[dict[str, Any]]:
    return [row | {"day": day} for row in table.to_pylist()]


@pytest.fixture
def two_days(storage: S3Storage, glue: GlueCatalog, write_batch: WriteBatch) -> GlueCatalog:
    """A table of two days, the later of which was published first."""
    publish_day(write_batch(TABLE, batch_id=LATER), TUESDAY, TARGET, storage, glue)
    publish_day(write_batch(TABLE.slice(0, 1)), MONDAY, TARGET, storage, glue)
    return glue


def test_the_rows_of_all_days_come_back_with_their_day(
    aws: AwsSession, two_days: GlueCatalog
) -> None:
    rows = read_table(entry(two_days), aws)
    assert rows.to_pylist() == [
        *with_day(TABLE.slice(0, 1), MONDAY),
        *with_day(TABLE, TUESDAY),
    ]
    assert rows.schema.equals(pa.schema([*TABLE.schema, ("day", pa.date32())]))


def test_a_reader_sees_a_day_as_it_was_or_as_it_is_and_the_other_days_unchanged(
    aws: AwsSession, storage: S3Storage, two_days: GlueCatalog, write_batch: WriteBatch
) -> None:
    batch = write_batch(TABLE.slice(1, 1), batch_id="20261125T000000Z-00000000")
    before = read_table(entry(two_days), aws).to_pylist()
    publish_day(batch, MONDAY, TARGET, storage, two_days)
    after = read_table(entry(two_days), aws).to_pylist()
    assert after == [*with_day(TABLE.slice(1, 1), MONDAY), *before[1:]]


def test_no_more_rows_than_asked_for_come_back_over_several_days(
    aws: AwsSession, two_days: GlueCatalog
) -> None:
    counts = [read_table(entry(two_days), aws, limit).num_rows for limit in (0, 1, 2, 3, 9)]
    assert counts == [0, 1, 2, 3, 3]


def test_a_table_without_a_day_has_its_columns_and_no_row(
    aws: AwsSession, two_days: GlueCatalog
) -> None:
    for day in (MONDAY, TUESDAY):
        two_days.client.delete_partition(
            DatabaseName="marketing", TableName="customers", PartitionValues=[day.isoformat()]
        )
    rows = read_table(entry(two_days), aws)
    assert (rows.num_rows, rows.column_names) == (0, [*TABLE.column_names, "day"])


def test_values_of_other_keys_are_of_their_keys_types(
    aws: AwsSession, storage: S3Storage, glue: GlueCatalog
) -> None:
    storage.client.put_object(Bucket="transformed", Key="t/1/x.parquet", Body=parquet(TABLE))
    keys = [{"Name": "number", "Type": "int"}, {"Name": "a'b", "Type": "string"}]
    listed = {"Columns": [{"Name": "email_hash"}], "Location": "s3://transformed/t/1/"}
    table = {"Name": "customers", "PartitionKeys": keys, "StorageDescriptor": listed}
    glue.put_table("marketing", table, replaces=None)
    values = {"Values": ["7", "x'; DROP"], "StorageDescriptor": listed}
    glue.put_partition("marketing", "customers", values, replaces=None)
    rows = read_table(entry(glue), aws, limit=1)
    assert rows.to_pylist() == [{"email_hash": "a", "number": 7, "a'b": "x'; DROP"}]
