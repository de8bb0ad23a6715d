import urllib.request
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from moto.server import ThreadedMotoServer

from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.catalog.publish import TableTarget, publish
from cleanroom_pipeline.catalog.reader import read_table
from cleanroom_pipeline_tests.catalog.conftest import TABLE, WriteBatch, parquet

TARGET = TableTarget("marketing", "customers", "", {})
LATER = "20261124T130000Z-00000002"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server: pyarrow's own S3 client knows nothing of an AWS that lives in this process."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


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
