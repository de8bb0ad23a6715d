"""Parquet, Avro, ORC and Excel: types, nested values, and files that must agree.

Here: files that name their types. Not here: files of texts (test_reading_text.py), damage
(test_damage.py).
"""

import tempfile
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.recipe.files import FileFormat, FileReadError, SchemaMismatchError
from cleanroom_pipeline.recipe.inspection import inspect_file
from cleanroom_pipeline_tests.recipe.writing import (
    avro,
    avro_record,
    orc_file,
    parquet,
    put,
    read_rows,
    read_table,
    xlsx,
)

at = datetime.fromisoformat

PARQUET, AVRO = FileFormat(kind="parquet"), FileFormat(kind="avro")
ORC, XLSX = FileFormat(kind="orc"), FileFormat(kind="xlsx")
PARAMETERS = pa.list_(
    pa.struct(
        [("key", pa.string()), ("value", pa.struct([("text", pa.string()), ("n", pa.int64())]))]
    )
)
NESTED = pa.table(
    {
        "event_params": pa.array(
            [[{"key": "page", "value": {"text": "x", "n": None}}], None], PARAMETERS
        ),
        "labels": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int32())),
        "at": pa.array([at("2026-01-02T03:04:05.000006"), None], pa.timestamp("us")),
        "day": pa.array([date(2026, 1, 2), None]),
        "price": pa.array([Decimal("1.20"), None], pa.decimal128(20, 2)),
        "raw": pa.array([b"\xff", None]),
    }
)
KEY_VALUE = {
    "type": "record",
    "name": "key_value",
    "fields": [{"name": "key", "type": "string"}, {"name": "n", "type": ["null", "long"]}],
}


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd"])
def test_parquet_keeps_nested_values(tmp_path: Path, codec: str) -> None:
    assert read_table([put(tmp_path, parquet(NESTED, codec))], PARQUET).to_pylist() == (
        NESTED.to_pylist()
    )


@pytest.mark.parametrize("codec", ["uncompressed", "snappy", "zlib", "zstd", "lz4"])
def test_orc_keeps_nested_values(tmp_path: Path, codec: str) -> None:
    assert read_table([put(tmp_path, orc_file(NESTED, codec))], ORC).to_pylist() == (
        NESTED.to_pylist()
    )


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "zstandard", "bzip2"])
def test_avro_keeps_nested_values(tmp_path: Path, codec: str) -> None:
    schema = avro_record(
        params={"type": "array", "items": KEY_VALUE},
        first=["null", "key_value"],
        labels={"type": "map", "values": "double"},
    )
    row = {"params": [{"key": "a", "n": 1}], "first": {"key": "b", "n": None}, "labels": {"x": 0.5}}
    file = put(tmp_path, avro(schema, [row] * 500, codec))
    table = read_table([file], AVRO)
    assert table.num_rows == 500
    assert table.to_pylist()[499] == {**row, "labels": [("x", 0.5)]}
    assert dict(inspect_file(file, AVRO).columns) == {
        "params": 'STRUCT("key" VARCHAR, n BIGINT)[]',
        "first": 'STRUCT("key" VARCHAR, n BIGINT)',
        "labels": "MAP(VARCHAR, DOUBLE)",
    }


MOMENT = datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC)
SOME_UUID = uuid.UUID(int=7)


@pytest.mark.parametrize(
    ("type_", "value", "duckdb_type", "read"),
    [
        ("int", 1, "INTEGER", 1),
        ("long", 2**40, "BIGINT", 2**40),
        ("float", 0.5, "FLOAT", 0.5),
        ("double", 0.1, "DOUBLE", 0.1),
        ("boolean", True, "BOOLEAN", True),
        ("string", "é", "VARCHAR", "é"),
        ("bytes", b"\xff", "BLOB", b"\xff"),
        ("null", None, '"NULL"', None),
        (["null", "int"], None, "INTEGER", None),
        (["string"], "x", "VARCHAR", "x"),
        ({"type": "enum", "name": "e", "symbols": ["A", "B"]}, "B", "VARCHAR", "B"),
        ({"type": "fixed", "name": "f", "size": 2}, b"ab", "BLOB", b"ab"),
        ({"type": "int", "logicalType": "date"}, date(2026, 1, 2), "DATE", date(2026, 1, 2)),
        ({"type": "int", "logicalType": "time-millis"}, time(1, 2), "TIME", time(1, 2)),
        (
            {"type": "long", "logicalType": "timestamp-millis"},
            MOMENT,
            "TIMESTAMP",
            MOMENT.replace(tzinfo=None),
        ),
        (
            {"type": "long", "logicalType": "timestamp-micros"},
            MOMENT,
            "TIMESTAMP",
            MOMENT.replace(tzinfo=None),
        ),
        (
            {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 2},
            Decimal("123456789012345678901234567890123456.78"),
            "DECIMAL(38,2)",
            Decimal("123456789012345678901234567890123456.78"),
        ),
        (
            {"type": "fixed", "name": "d", "size": 8, "logicalType": "decimal", "precision": 9},
            Decimal(-12),
            "DECIMAL(9,0)",
            Decimal(-12),
        ),
        ({"type": "string", "logicalType": "uuid"}, SOME_UUID, "UUID", str(SOME_UUID)),
        ({"type": "string", "logicalType": "never heard of"}, "x", "VARCHAR", "x"),
    ],
)
def test_avro_types_become_the_natural_ones(
    tmp_path: Path, type_: Any, value: Any, duckdb_type: str, read: Any
) -> None:
    file = put(tmp_path, avro(avro_record(x=type_), [{"x": value}]))
    assert inspect_file(file, AVRO).columns == (("x", duckdb_type),)
    assert read_rows(file, AVRO) == [(read,)]


RECURSIVE = {
    "type": "record",
    "name": "tree",
    "fields": [{"name": "left", "type": ["null", "tree"]}],
}


@pytest.mark.parametrize(
    ("type_", "reason"),
    [
        (["null", "int", "string"], "field 'x' is a union"),
        ({"type": "array", "items": ["int", "string"]}, "field 'x' is a union"),
        (RECURSIVE, "field 'left' holds itself"),
        ({"type": "record", "name": "none", "fields": []}, "record without a field"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 39}, "decimal of more than 38"),
    ],
)
def test_an_avro_type_that_is_not_read_is_refused_by_name(
    tmp_path: Path, type_: Any, reason: str
) -> None:
    with pytest.raises(FileReadError, match=reason):
        inspect_file(put(tmp_path, avro(avro_record(x=type_), [])), AVRO)


def test_the_block_of_an_avro_file_that_is_damaged_is_told(tmp_path: Path) -> None:
    whole = bytearray(avro(avro_record(x="string"), [{"x": "SECRET"}] * 500, "snappy"))
    whole[-60] ^= 1
    with pytest.raises(FileReadError, match="damaged") as caught:
        inspect_file(put(tmp_path, bytes(whole)), AVRO)
    assert 0 < (caught.value.byte or 0) < len(whole)


SHEET: list[list[Any]] = [
    ["id", "when", "ok", 2026, "amount"],
    [1, at("2026-01-02T00:00:00"), True, "x", 1.5],
    [None, None, None, None, None],
    ["2", at("2026-01-02T03:04:00"), False],
]
SHEET_ROWS = [
    ("1", "2026-01-02", "true", "x", "1.5"),
    ("2", "2026-01-02 03:04:00", "false", None, None),
]


def test_a_sheet_is_read_as_text(tmp_path: Path) -> None:
    table = read_table([put(tmp_path, xlsx(SHEET))], XLSX)
    assert table.schema.names == ["id", "when", "ok", "2026", "amount"]
    assert [tuple(row.values()) for row in table.to_pylist()] == SHEET_ROWS


@pytest.mark.parametrize("sheet", ["Two", 1])
def test_a_sheet_is_chosen_by_name_or_place(tmp_path: Path, sheet: str | int) -> None:
    file = put(tmp_path, xlsx(SHEET, [["a"], ["b"]]))
    assert read_rows(file, FileFormat(kind="xlsx", sheet=sheet)) == [("b",)]
    headerless = FileFormat(kind="xlsx", sheet=sheet, header=False)
    assert read_table([file], headerless).to_pylist() == [{"Column_1": "a"}, {"Column_1": "b"}]


@pytest.mark.parametrize(
    ("rows", "sheet", "line", "reason"),
    [
        ([["a"], ["b", "SECRET"]], None, 2, "has 2 cells, not 1"),
        ([["a", None, "b"]], None, 1, "column 2 of the header has no name"),
        ([["a", "a"]], None, 1, "have one name"),
        ([], None, 1, "empty"),
        ([["a"]], "Sheet1", None, "no sheet 'Sheet1'"),
        ([["a"]], 5, None, "none at place 5"),
    ],
)
def test_a_sheet_that_is_no_table_is_told(
    tmp_path: Path, rows: Any, sheet: Any, line: int | None, reason: str
) -> None:
    with pytest.raises(FileReadError, match=reason) as caught:
        inspect_file(put(tmp_path, xlsx(rows)), FileFormat(kind="xlsx", sheet=sheet))
    assert caught.value.line == line
    assert "SECRET" not in str(caught.value)


def test_columns_are_widened_to_hold_what_every_file_holds(tmp_path: Path) -> None:
    tables = [
        pa.table({"n": pa.array([1], pa.int32()), "d": pa.array([date(2026, 1, 2)]), "z": [None]}),
        pa.table({"z": pa.array(["x"]), "n": pa.array([2**40]), "d": [at("2026-01-02T03:00:00")]}),
        pa.table({"n": pa.array([None], pa.null()), "d": pa.array([None], pa.null()), "z": ["y"]}),
    ]
    files = [put(tmp_path, parquet(table), str(n)) for n, table in enumerate(tables)]
    assert read_table(files, PARQUET).to_pylist() == [
        {"n": 1, "d": at("2026-01-02T00:00:00"), "z": None},
        {"n": 2**40, "d": at("2026-01-02T03:00:00"), "z": "x"},
        {"n": None, "d": None, "z": "y"},
    ]


def test_columns_that_no_type_holds_are_refused_with_both_files(tmp_path: Path) -> None:
    tables = [pa.table({"n": [2**60]}), pa.table({"n": [0.5]})]
    files = [put(tmp_path, parquet(table), str(n)) for n, table in enumerate(tables)]
    with pytest.raises(SchemaMismatchError, match=r"/0 holds \(n BIGINT\).*/1 holds \(n DOUBLE\)"):
        read_table(files, PARQUET)


def test_a_column_that_holds_nothing_anywhere_is_text(tmp_path: Path) -> None:
    file = put(tmp_path, parquet(pa.table({"n": pa.array([None], pa.null())})))
    assert read_table([file], PARQUET).schema.field("n").type == pa.string()


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.none() | st.integers(-(2**63), 2**63 - 1),
            "t": st.none() | st.text(st.characters(codec="utf-8"), max_size=6),
            "d": st.none() | st.dates(date(1900, 1, 1), date(2100, 1, 1)),
            "at": st.none() | st.datetimes(at("1900-01-01T00:00:00"), at("2100-01-01T00:00:00")),
            "p": st.none() | st.decimals(-1000, 1000, places=2),
            "l": st.none() | st.lists(st.integers(0, 9), max_size=3),
        }
    ),
    max_size=8,
)
SCHEMA = pa.schema(
    [
        ("n", pa.int64()),
        ("t", pa.string()),
        ("d", pa.date32()),
        ("at", pa.timestamp("us")),
        ("p", pa.decimal128(12, 2)),
        ("l", pa.list_(pa.int64())),
    ]
)
AVRO_SCHEMA = avro_record(
    n=["null", "long"],
    t=["null", "string"],
    d=["null", {"type": "int", "logicalType": "date"}],
    at=["null", {"type": "long", "logicalType": "timestamp-micros"}],
    p=["null", {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}],
    l=["null", {"type": "array", "items": "long"}],
)


@settings(max_examples=30, deadline=None)
@given(rows=ROWS)
def test_a_table_comes_back_from_every_kind_as_it_was(rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    moments = [row | {"at": row["at"] and row["at"].replace(tzinfo=UTC)} for row in rows]
    contents = [
        (PARQUET, parquet(table)),
        (ORC, orc_file(table)),
        (AVRO, avro(AVRO_SCHEMA, moments, "zstandard")),
    ]
    for format_, content in contents:
        with tempfile.TemporaryDirectory() as folder:
            assert read_table([put(Path(folder), content)], format_).to_pylist() == rows
