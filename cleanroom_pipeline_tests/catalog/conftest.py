"""Batches whose Parquet files lie in S3, and the Glue database that they are published in."""

import io
from collections.abc import Callable

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.model import Engine, TransformedBatch, TransformedFile

BATCH = "20261124T120000Z-00000001"
TABLE = pa.table({"email_hash": ["a", "b"], "value": pa.array([1.5, None], pa.float64())})

WriteBatch = Callable[..., TransformedBatch]


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
