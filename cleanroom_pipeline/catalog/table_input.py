"""From an Arrow schema to the Glue `TableInput` of the table, and the `PartitionInput` of a day.

Here: one pure function per document, and a total map of types. Not here: calls to Glue, or the
question whether Clean Rooms will like the result (`catalog.readiness`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Literal

import pyarrow as pa
import pyarrow.types as pt

from cleanroom_pipeline.model import BATCH_ID, CONNECTOR_NAME, ColumnSpec, TransformedBatch, checked

INPUT_FORMAT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
OUTPUT_FORMAT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"

BATCH_PARAMETER = "cleanroom.batch_id"
CONNECTOR_PARAMETER = "cleanroom.connector"
LOAD_PARAMETER = "cleanroom.load"
LAST_BATCH_PARAMETER = "cleanroom.last_batch_id"
ROWS_PARAMETER = "recordCount"

FILE_PARAMETERS: dict[str, str] = {
    "classification": "parquet",
    "compressionType": "none",
    "typeOfData": "file",
}
TABLE_PARAMETERS: dict[str, str] = {"EXTERNAL": "TRUE", **FILE_PARAMETERS}

Load = Literal["snapshot", "restate"]
"""What a batch does to the table: it is the whole table from now on, or one day of it."""

# DATE is a type of Clean Rooms', and Glue takes any primitive type for a key:
# https://docs.aws.amazon.com/clean-rooms/latest/userguide/data-formats.html
# https://docs.aws.amazon.com/glue/latest/webapi/API_Table.html
DAY_KEY: Mapping[str, str] = {
    "Name": "day",
    "Type": "date",
    "Comment": "The day that a delivery holds in full.",
}

# In bytes; and no control character, in a comment not even a line break:
# https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-tables.html
LONGEST_COMMENT = 255
LONGEST_DESCRIPTION = 2048
# What such a type is written in has no quotes: a field's name must not be able to end it.
FIELD_NAME = re.compile(r"[A-Za-z0-9_]+")


class UnmappableTypeError(TypeError):
    """A column has a type that a Glue table can't have."""


# Glue's names of types: https://docs.aws.amazon.com/athena/latest/ug/data-types.html
# Unsigned integers have none, and readers differ in what they take them for.
SIMPLE_TYPES: Sequence[tuple[Callable[[pa.DataType], bool], str]] = (
    (pt.is_boolean, "boolean"),
    (pt.is_int8, "tinyint"),
    (pt.is_int16, "smallint"),
    (pt.is_int32, "int"),
    (pt.is_int64, "bigint"),
    (pt.is_float32, "float"),
    (pt.is_float64, "double"),
    (pt.is_string, "string"),
    (pt.is_large_string, "string"),
    (pt.is_string_view, "string"),
    (pt.is_date32, "date"),
    (pt.is_timestamp, "timestamp"),
)


def _decimal(type_: pa.DataType, column: str) -> str:
    if not 0 <= type_.scale <= type_.precision:
        raise _unmappable(type_, column)
    return f"decimal({type_.precision},{type_.scale})"


def _array(type_: pa.DataType, column: str) -> str:
    return f"array<{glue_type(type_.value_type, column)}>"


def _map(type_: pa.DataType, column: str) -> str:
    if pt.is_nested(type_.key_type):
        raise _unmappable(type_, column)
    return f"map<{glue_type(type_.key_type, column)},{glue_type(type_.item_type, column)}>"


def _struct(type_: pa.DataType, column: str) -> str:
    fields = [type_.field(number) for number in range(type_.num_fields)]
    if not fields or not all(FIELD_NAME.fullmatch(field.name) for field in fields):
        raise _unmappable(type_, column)
    return f"struct<{','.join(f'{f.name}:{glue_type(f.type, column)}' for f in fields)}>"


COMPOSED_TYPES: Sequence[
    tuple[Callable[[pa.DataType], bool], Callable[[pa.DataType, str], str]]
] = (
    (pt.is_decimal128, _decimal),
    (pt.is_dictionary, lambda type_, column: glue_type(type_.value_type, column)),
    (pt.is_list, _array),
    (pt.is_large_list, _array),
    (pt.is_map, _map),
    (pt.is_struct, _struct),
)


def _unmappable(type_: pa.DataType, column: str) -> UnmappableTypeError:
    return UnmappableTypeError(
        f"Column {column!r} is of type {type_}, which a Glue table can't have. Add a "
        "CHANGE_DATA_TYPE or a DELETE step for it to the recipe."
    )


def glue_type(type_: pa.DataType, column: str) -> str:
    """Return Glue's name of an Arrow type; UnmappableTypeError for one that it has no name for."""
    for matches, name in SIMPLE_TYPES:
        if matches(type_):
            return name
    for matches, name_of in COMPOSED_TYPES:
        if matches(type_):
            return name_of(type_, column)
    raise _unmappable(type_, column)


def columns_of(schema: pa.Schema, comments: Mapping[str, str]) -> tuple[ColumnSpec, ...]:
    """Return the columns of a schema, in its order, with the comments that there are."""
    return tuple(
        ColumnSpec(field.name, glue_type(field.type, field.name), comments.get(field.name, ""))
        for field in schema
    )


def _line(text: str, most: int) -> str:
    """Return the text as one line of at most so many bytes, dots where something is left out."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line.encode()) <= most:
        return line
    return line.encode()[: most - 3].decode(errors="ignore") + "..."


def columns_listed(descriptor: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return name and type of each column that a storage descriptor lists, in its order."""
    return tuple((c["Name"], c.get("Type") or "") for c in descriptor.get("Columns") or [])


def batch_of(entry: Mapping[str, Any] | None, parameter: str = BATCH_PARAMETER) -> str | None:
    """Return the batch that a table or a partition says that it shows.

    A batch id that none of ours can have is as good as none: anyone may have written it there.
    """
    batch_id = str(((entry or {}).get("Parameters") or {}).get(parameter, ""))
    return batch_id if BATCH_ID.fullmatch(batch_id) else None


def rows_of(entry: Mapping[str, Any]) -> int:
    """Return how many rows a table or a partition says that it has; 0 if it doesn't say."""
    rows = str((entry.get("Parameters") or {}).get(ROWS_PARAMETER, ""))
    return int(rows) if rows.isascii() and rows.isdecimal() else 0


def table_input(
    name: str,
    columns: Sequence[ColumnSpec],
    transformed: TransformedBatch,
    *,
    description: str,
) -> dict[str, Any]:
    """Return the whole `TableInput` of a snapshot; UpdateTable replaces everything it leaves out.

    `TableType` is set because Clean Rooms refuses a table without one, and the location is the very
    folder that holds the files because Clean Rooms finds nothing below it:
    https://docs.aws.amazon.com/clean-rooms/latest/userguide/prepare-data-S3.html
    """
    return {
        "Name": name,
        "Description": _line(description, LONGEST_DESCRIPTION),
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [],
        "Parameters": TABLE_PARAMETERS | _batch_parameters(transformed),
        "StorageDescriptor": _descriptor(columns, transformed.location),
    }


def day_table_input(
    name: str,
    columns: Sequence[ColumnSpec],
    transformed: TransformedBatch,
    *,
    description: str,
    last_batch: str | None,
) -> dict[str, Any]:
    """Return the whole `TableInput` of a table that has a partition for each day.

    What is true of one batch is said in its partition alone. The location is the connector's own
    folder: all partitions lie below it, and no object directly in it.
    """
    connector = checked(CONNECTOR_NAME, transformed.connector, "A connector's name")
    last = {} if last_batch is None else {LAST_BATCH_PARAMETER: last_batch}
    ours = {CONNECTOR_PARAMETER: connector, LOAD_PARAMETER: "restate"}
    location = f"s3://{transformed.bucket}/tables/{connector}/"
    return {
        "Name": name,
        "Description": _line(description, LONGEST_DESCRIPTION),
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [dict(DAY_KEY)],
        "Parameters": TABLE_PARAMETERS | ours | last,
        "StorageDescriptor": _descriptor(columns, location),
    }


def partition_input(
    day: date, columns: Sequence[ColumnSpec], transformed: TransformedBatch
) -> dict[str, Any]:
    """Return the whole `PartitionInput` of the day that a batch holds, in the table's columns."""
    return {
        "Values": [day.isoformat()],
        "Parameters": FILE_PARAMETERS | _batch_parameters(transformed),
        "StorageDescriptor": _descriptor(columns, transformed.location),
    }


def _batch_parameters(transformed: TransformedBatch) -> dict[str, str]:
    return {
        "objectCount": str(len(transformed.files)),
        ROWS_PARAMETER: str(transformed.rows_out),
        "sizeKey": str(sum(file.size for file in transformed.files)),
        BATCH_PARAMETER: transformed.batch_id,
        CONNECTOR_PARAMETER: transformed.connector,
        "cleanroom.engine": transformed.engine.value,
        "cleanroom.recipe_sha256": transformed.recipe_sha256,
    }


def _descriptor(columns: Sequence[ColumnSpec], location: str) -> dict[str, Any]:
    return {
        "Columns": [
            {
                "Name": column.name,
                "Type": column.type,
                "Comment": _line(column.comment, LONGEST_COMMENT),
            }
            for column in columns
        ],
        "Location": location,
        "InputFormat": INPUT_FORMAT,
        "OutputFormat": OUTPUT_FORMAT,
        "Compressed": False,
        "NumberOfBuckets": -1,
        "SerdeInfo": {
            "SerializationLibrary": SERDE,
            "Parameters": {"serialization.format": "1"},
        },
        "StoredAsSubDirectories": False,
    }
