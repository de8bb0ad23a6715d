"""Reads what a Parquet file says of itself, from its last bytes alone.

Here: the footer, from anything that can read a range of bytes. Not here: S3, or any row.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

MAGIC = b"PAR1"
TAIL_BYTES = 8
LARGEST_FOOTER = 256 * 2**20

ReadRange = Callable[[int, int], bytes]


class NotParquetError(ValueError):
    """The bytes are not those of a Parquet file."""


@dataclass(frozen=True, slots=True)
class Footer:
    """Schema and number of rows of a Parquet file.

    `nanoseconds` names the leaf columns (`a.b` for a nested one) of type TIMESTAMP(NANOS). Arrow's
    schema can't tell them from Spark's own INT96 timestamps.
    """

    schema: pa.Schema
    rows: int
    nanoseconds: frozenset[str] = frozenset()


def read_footer(read_range: ReadRange, size: int) -> Footer:
    """Read the footer of a file of `size` bytes; `read_range` takes a start and a length.

    https://parquet.apache.org/docs/file-format/: footer, its length in 4 bytes, then the magic.
    """
    if size < len(MAGIC) + TAIL_BYTES:
        raise NotParquetError(f"A Parquet file has more than {size} bytes.")
    tail = read_range(size - TAIL_BYTES, TAIL_BYTES)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or not 0 < length <= min(size - len(MAGIC) - TAIL_BYTES, LARGEST_FOOTER):
        raise NotParquetError("The file does not end as a Parquet file does.")
    footer = read_range(size - TAIL_BYTES - length, length)
    try:
        metadata = pq.read_metadata(pa.BufferReader(MAGIC + footer + tail))
        schema = metadata.schema.to_arrow_schema()
        leaves = [metadata.schema.column(number) for number in range(metadata.num_columns)]
        nanoseconds = frozenset(leaf.path for leaf in leaves if _counts_nanoseconds(leaf))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise NotParquetError("The file's Parquet footer can't be read.") from error
    return Footer(schema, metadata.num_rows, nanoseconds)


def _counts_nanoseconds(leaf: pq.ColumnSchema) -> bool:
    # Of a column chunk's metadata nothing is read: pyarrow 26 ends the process on a damaged one.
    described = json.loads(leaf.logical_type.to_json())
    return (described.get("Type"), described.get("timeUnit")) == ("Timestamp", "nanoseconds")
