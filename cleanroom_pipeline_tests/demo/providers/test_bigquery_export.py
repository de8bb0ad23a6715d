import re
from typing import get_args

import pyarrow as pa
import pytest

from cleanroom_pipeline.demo.customers import customers
from cleanroom_pipeline.demo.providers.bigquery_export import (
    CUSTOMER_SCHEMA,
    ENDINGS,
    ExportFormat,
    avro_schema,
    bigquery_customers,
    deliver_bigquery_export,
    exported,
)
from cleanroom_pipeline.demo.providers.layout import Delivered
from cleanroom_pipeline_tests.demo.providers.reading import (
    PREFIX,
    avro_codec,
    avro_rows,
    csv_rows,
    json_rows,
    parquet_codec,
    parquet_rows,
    plain,
    rows_of,
)

COUNT = 300
EXPECTED = bigquery_customers(COUNT, seed=7)


def deliver(file_format: ExportFormat, shards: int = 3) -> tuple[Delivered, ...]:
    return deliver_bigquery_export(
        PREFIX, export="e1", count=COUNT, shards=shards, seed=7, file_format=file_format
    )


@pytest.mark.parametrize("file_format", get_args(ExportFormat))
def test_shards_are_numbered_with_twelve_digits_from_zero(file_format: ExportFormat) -> None:
    keys = sorted(file.key for file in deliver(file_format))
    shape = re.compile(rf"inbound/feed/e1/customers-(\d{{12}}){re.escape(ENDINGS[file_format])}")
    matches = [shape.fullmatch(key) for key in keys]
    assert [int(m[1]) for m in matches if m] == [0, 1, 2]


def test_shards_come_in_no_order() -> None:
    keys = [file.key for file in deliver("parquet", shards=8)]
    assert keys != sorted(keys)


def test_parquet_and_avro_hold_typed_rows_packed_as_bigquery_packs_them() -> None:
    parquet, avro = deliver("parquet"), deliver("avro")
    assert rows_of(parquet, parquet_rows) == EXPECTED
    assert rows_of(avro, avro_rows) == EXPECTED
    assert parquet_codec(parquet[0].body) == "SNAPPY"
    assert avro_codec(avro[0].body) == "deflate"


def test_csv_holds_text_under_a_header_in_each_shard() -> None:
    rows = rows_of(deliver("csv"), csv_rows)
    untyped = [{k: v for k, v in row.items() if k != "visits"} for row in rows]
    assert untyped == [
        {k: v or "" for k, v in row._asdict().items()} for row in customers(COUNT, seed=7)
    ]
    assert [row["visits"] for row in rows] == [
        "" if row["visits"] is None else str(row["visits"]) for row in EXPECTED
    ]


def test_json_has_int64_as_text_leaves_nulls_out_and_escapes_what_html_minds() -> None:
    rows = rows_of(deliver("json"), json_rows)
    assert len(rows) == COUNT
    for row, expected in zip(rows, EXPECTED, strict=True):
        assert row.keys() == {k for k, v in expected.items() if v is not None}
        if "visits" in row:
            assert row["visits"] == str(expected["visits"])
        assert row["signup_ts"] == f"{expected['signup_ts']:%Y-%m-%d %H:%M:%S} UTC"
        assert row.get("notes") == expected["notes"]
    text = b"".join(plain(file.body) for file in deliver("json"))
    assert not set(text) & set(b"<>&")
    assert b"\\u003c" in text


def test_some_numbers_are_too_large_for_a_float() -> None:
    visits = [row["visits"] for row in EXPECTED if row["visits"] is not None]
    assert any(int(float(number)) != number for number in visits)


def test_csv_refuses_nested_fields() -> None:
    schema = pa.schema({"items": pa.list_(pa.string())})
    with pytest.raises(TypeError, match="CSV cannot hold"):
        exported([{"items": ["x"]}], schema, "csv")


def test_every_nullable_field_is_a_union_with_null_in_avro() -> None:
    fields = avro_schema(CUSTOMER_SCHEMA)["fields"]
    assert [field["name"] for field in fields] == CUSTOMER_SCHEMA.names
    assert all(field["type"][0] == "null" for field in fields)
