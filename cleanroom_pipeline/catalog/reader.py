"""Reads a published table back the way a query engine does: by its Glue entry alone.

Here: from the entry's location and columns to rows. Not here: any knowledge of batches.
"""

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow.fs import FileSelector

from cleanroom_pipeline.aws.filesystem import s3_filesystem
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.catalog.readiness.files import HIDDEN


def read_table(
    glue_table: Mapping[str, Any], session: AwsSession, limit: int | None = None
) -> pa.Table:
    """Return a table's rows, or the first `limit` of them, with the columns that Glue lists.

    As for Spark, hidden objects, and what lies in folders below the location, are no part of it.
    """
    descriptor = glue_table["StorageDescriptor"]
    folder = str(descriptor["Location"]).removeprefix("s3://").rstrip("/")
    filesystem = s3_filesystem(session)
    listed = filesystem.get_file_info(FileSelector(folder))
    dataset = ds.dataset(
        [info for info in listed if info.is_file and not info.base_name.startswith(HIDDEN)],
        filesystem=filesystem,
        format=ds.ParquetFileFormat(pre_buffer=True),
    )
    with duckdb.connect() as connection:
        connection.register("published", dataset)
        relation = connection.table("published").select(
            *(duckdb.ColumnExpression(column["Name"]) for column in descriptor["Columns"])
        )
        limited = relation if limit is None else relation.limit(limit)
        rows: pa.Table = limited.to_arrow_table()
        return rows
