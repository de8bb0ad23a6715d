"""A customer table as BigQuery's EXPORT DATA writes it: numbered shards, in four formats.

Here: the table, its types, and how each format writes them. Not here: the people
(`demo.customers`), Google Analytics' tables (`ga4_bigquery_export`).

The shards' names, what each format can hold, INT64 as text and `<>&` as `\\u` escapes in JSON:
https://cloud.google.com/bigquery/docs/exporting-data. That JSON leaves NULLs out is not on that
page. Avro is written with `use_avro_logical_types=true`. BigQuery signals no end, and promises no
order, number or size of the files. The ending of the names is whatever the statement's `uri` says.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal

import pyarrow as pa

from cleanroom_pipeline.demo.customers import Customer, customers
from cleanroom_pipeline.demo.providers.layout import (
    Delivered,
    Row,
    avro_bytes,
    chances,
    csv_bytes,
    gzipped,
    json_lines,
    parquet_bytes,
    shares,
    shuffled,
)

ExportFormat = Literal["csv", "json", "parquet", "avro"]

ENDINGS: Mapping[ExportFormat, str] = {
    "csv": ".csv.gz",
    "json": ".json.gz",
    "parquet": ".parquet",
    "avro": ".avro",
}
TIMESTAMP = pa.timestamp("us", tz="UTC")
CUSTOMER_SCHEMA = pa.schema(
    {
        **dict.fromkeys(Customer._fields, pa.string()),
        "birth_date": pa.date32(),
        "signup_ts": TIMESTAMP,
        "visits": pa.int64(),
    }
)

_AVRO_TYPES: Mapping[pa.DataType, Any] = {
    pa.string(): "string",
    pa.int64(): "long",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.date32(): {"type": "int", "logicalType": "date"},
    TIMESTAMP: {"type": "long", "logicalType": "timestamp-micros"},
}
_JSON_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def bigquery_customers(count: int, *, seed: int) -> list[Row]:
    """`count` customers as rows of the table; `visits` is an INT64 that a float cannot hold."""
    chance = chances("bigquery_customers", seed)
    return [
        {
            **row._asdict(),
            "birth_date": date.fromisoformat(row.birth_date) if row.birth_date else None,
            "signup_ts": datetime.strptime(row.signup_ts, "%Y-%m-%d %H:%M:%S UTC").replace(
                tzinfo=UTC
            ),
            "visits": 2**53 + 1 + chance.randrange(1000) if chance.random() < 0.95 else None,
        }
        for row in customers(count, seed=seed)
    ]


def deliver_bigquery_export(
    prefix: str,
    *,
    export: str,
    count: int,
    shards: int,
    seed: int,
    file_format: ExportFormat = "parquet",
) -> tuple[Delivered, ...]:
    """Return the shards of one export, under `<prefix><export>/`, in no order."""
    rows = bigquery_customers(count, seed=seed)
    delivered = (
        Delivered(
            f"{prefix}{export}/customers-{shard:012d}{ENDINGS[file_format]}",
            exported(share, CUSTOMER_SCHEMA, file_format),
        )
        for shard, share in enumerate(shares(rows, shards))
    )
    return shuffled(delivered, chances("bigquery_export", seed))


def exported(rows: Sequence[Row], schema: pa.Schema, file_format: ExportFormat) -> bytes:
    """Return one shard; CSV holds no nested fields, and raises TypeError for them."""
    match file_format:
        case "csv":
            return gzipped(csv_bytes(schema.names, [csv_row(row) for row in rows]))
        case "json":
            text = json_lines(in_json(row) for row in rows).decode()
            return gzipped(text.translate(_JSON_ESCAPES).encode())
        case "parquet":
            return parquet_bytes(rows, schema, compression="snappy")
        case "avro":
            return avro_bytes(rows, avro_schema(schema), codec="deflate")


def csv_row(row: Row) -> dict[str, str | None]:
    """Return a row of scalars as CSV writes it: NULL and the empty text look alike there."""
    return {name: _as_text(value) for name, value in row.items()}


def _as_text(value: Any) -> str | None:
    match value:
        case None | str():
            return value
        case bool():
            return str(value).lower()
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S} UTC"
        case int() | float() | date():
            return str(value)
    raise TypeError(f"CSV cannot hold a value of the type {type(value).__name__}.")


def in_json(value: Any) -> Any:
    """Return a value as JSON writes it: INT64, dates and times as text, NULL fields left out."""
    match value:
        case dict():
            return {k: in_json(v) for k, v in value.items() if v is not None}
        case list():
            return [in_json(item) for item in value]
        case None | bool() | float():
            return value
    return _as_text(value)


def avro_schema(schema: pa.Schema, name: str = "Root") -> dict[str, Any]:
    """Return the Avro schema of a table: each NULLABLE field is a union with null."""
    return _avro_record(list(schema), name)


def _avro_record(fields: Sequence[pa.Field], name: str) -> dict[str, Any]:
    return {
        "type": "record",
        "name": name,
        "fields": [_avro_field(f, f"{name}_{f.name}") for f in fields],
    }


def _avro_field(field: pa.Field, name: str) -> dict[str, Any]:
    if pa.types.is_list(field.type):
        # BigQuery's REPEATED fields are never NULL.
        items = _avro_type(field.type.value_type, name)
        return {"name": field.name, "type": {"type": "array", "items": items}}
    return {"name": field.name, "type": ["null", _avro_type(field.type, name)]}


def _avro_type(type_: pa.DataType, name: str) -> Any:
    if pa.types.is_struct(type_):
        return _avro_record([type_.field(place) for place in range(type_.num_fields)], name)
    return _AVRO_TYPES[type_]
