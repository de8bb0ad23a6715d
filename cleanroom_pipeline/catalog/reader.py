"""Reads a published table back the way a query engine does: by its Glue entry alone.

Here: from the entry's location and columns, or those of its partitions, to rows. Not here: any
knowledge of batches.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow.fs import FileSelector, S3FileSystem

from cleanroom_pipeline.aws.filesystem import s3_filesystem
from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.catalog.readiness.files import HIDDEN

# Types of partition keys whose values Glue keeps as text, by DuckDB's names.
KEY_TYPES = {"date": "DATE", "int": "INTEGER", "bigint": "BIGINT"}


def read_table(
    glue_table: Mapping[str, Any], session: AwsSession, limit: int | None = None
) -> pa.Table:
    """Return a table's rows, or the first `limit` of them, with the columns that Glue lists.

    Of a partitioned table, that is the rows of all partitions, by their values in order, and the
    keys as columns at the end. As for Spark, hidden objects, and what lies in folders below a
    location, are no part of it.
    """
    columns = [
        duckdb.ColumnExpression(c["Name"]) for c in glue_table["StorageDescriptor"]["Columns"]
    ]
    filesystem = s3_filesystem(session)
    if not glue_table.get("PartitionKeys"):
        return _rows(filesystem, glue_table, columns, limit)
    parts = list(_parts(glue_table, columns, session, filesystem, limit))
    if parts:
        return pa.concat_tables(parts)
    listed = [*glue_table["StorageDescriptor"]["Columns"], *glue_table["PartitionKeys"]]
    return pa.table({column["Name"]: pa.nulls(0) for column in listed})


def _parts(
    glue_table: Mapping[str, Any],
    columns: Sequence[duckdb.Expression],
    session: AwsSession,
    filesystem: S3FileSystem,
    limit: int | None,
) -> Iterator[pa.Table]:
    """Yield the rows of one partition after another, until there are enough."""
    keys = glue_table["PartitionKeys"]
    catalog = GlueCatalog(session=session)
    for partition in catalog.get_partitions(glue_table["DatabaseName"], glue_table["Name"]):
        values = [_value(*pair) for pair in zip(keys, partition["Values"], strict=True)]
        rows = _rows(filesystem, partition, [*columns, *values], limit)
        yield rows
        if limit is not None:
            limit -= rows.num_rows
            if limit <= 0:
                return


def _value(key: Mapping[str, Any], value: str) -> duckdb.Expression:
    constant = duckdb.ConstantExpression(value)
    return constant.cast(KEY_TYPES.get(key["Type"], "VARCHAR")).alias(key["Name"])


def _rows(
    filesystem: S3FileSystem,
    entry: Mapping[str, Any],
    columns: Sequence[duckdb.Expression],
    limit: int | None,
) -> pa.Table:
    """Return rows of the files that lie directly at the location of a table or a partition."""
    folder = str(entry["StorageDescriptor"]["Location"]).removeprefix("s3://").rstrip("/")
    listed = filesystem.get_file_info(FileSelector(folder))
    dataset = ds.dataset(
        [info for info in listed if info.is_file and not info.base_name.startswith(HIDDEN)],
        filesystem=filesystem,
        format=ds.ParquetFileFormat(pre_buffer=True),
    )
    with duckdb.connect() as connection:
        connection.register("published", dataset)
        relation = connection.table("published").select(*columns)
        limited = relation if limit is None else relation.limit(limit)
        rows: pa.Table = limited.to_arrow_table()
        return rows
