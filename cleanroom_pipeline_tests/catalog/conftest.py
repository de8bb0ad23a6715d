"""Batches whose Parquet files lie in S3, the Glue database that they go to, a table of days."""

import io
from collections.abc import Callable
from datetime import date
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.catalog.publish import Published, TableTarget
from cleanroom_pipeline.catalog.restate import publish_day
from cleanroom_pipeline.model import Engine, TransformedBatch, TransformedFile

BATCH = "20261124T120000Z-00000001"
TABLE = pa.table({"email_hash": ["a", "b"], "value": pa.array([1.5, None], pa.float64())})

WriteBatch = Callable[..., TransformedBatch]

DAYS = TableTarget("marketing", "events", "One row an event.", {"email_hash": "From email."})
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
LATER, LATEST = "20261125T120000Z-00000002", "20261126T120000Z-00000000"
ONE, THREE = TABLE.slice(0, 1), pa.concat_tables([TABLE, TABLE.slice(0, 1)])

PublishDay = Callable[[TransformedBatch, date], Published]
View = dict[str, list[dict[str, Any]]]


def table_of(glue: GlueCatalog) -> dict[str, Any]:
    table = glue.get_table("marketing", "events")
    assert table
    return table


def state_of(glue: GlueCatalog) -> tuple[Any, Any]:
    return glue.get_table("marketing", "events"), glue.get_partitions("marketing", "events")


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


@pytest.fixture
def glue(aws: AwsSession) -> GlueCatalog:
    boto3.client("glue", region_name=aws.region).create_database(
        DatabaseInput={"Name": "marketing"}
    )
    return GlueCatalog(session=aws)


@pytest.fixture
def write_batch(storage: S3Storage) -> WriteBatch:
    """Write a batch of one or more Parquet files, as a transformation does."""

    def write(
        *tables: pa.Table, batch_id: str = BATCH, write_id: str = "00000000-0"
    ) -> TransformedBatch:
        tables = tables or (TABLE,)
        prefix = f"tables/shop/{batch_id}/{write_id}/"
        files = []
        for number, table in enumerate(tables):
            body, key = parquet(table), f"{prefix}part-{number:05d}.parquet"
            storage.client.put_object(
                Bucket="transformed", Key=key, Body=body, **storage.encryption
            )
            files.append(TransformedFile(key, len(body)))
        rows = sum(table.num_rows for table in tables)
        return TransformedBatch(
            "shop",
            batch_id,
            Engine.LOCAL,
            "transformed",
            prefix,
            tuple(files),
            rows_in=rows,
            rows_out=rows,
            recipe_sha256="0" * 64,
        )

    return write


@pytest.fixture
def publish_to(storage: S3Storage, glue: GlueCatalog) -> PublishDay:
    return lambda batch, day: publish_day(batch, day, DAYS, storage, glue)


@pytest.fixture
def view(storage: S3Storage, glue: GlueCatalog) -> Callable[[], View]:
    """What a reader sees: rows by day, from the files directly at each partition's location."""

    def rows_at(location: str) -> list[dict[str, Any]]:
        prefix = location.removeprefix("s3://transformed/")
        rows = []
        for file in storage.list_transformed(prefix):
            body = storage.client.get_object(Bucket="transformed", Key=file.key)["Body"].read()
            rows += pq.read_table(io.BytesIO(body)).to_pylist()
        return rows

    return lambda: {
        partition["Values"][0]: rows_at(partition["StorageDescriptor"]["Location"])
        for partition in glue.get_partitions("marketing", "events")
    }
