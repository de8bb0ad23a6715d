import re
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.types as pt
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.catalog.table_input import (
    UnmappableTypeError,
    batch_of,
    columns_of,
    day_table_input,
    glue_type,
    partition_input,
    rows_of,
    table_input,
)
from cleanroom_pipeline.model import ColumnSpec, Engine, TransformedBatch, TransformedFile

GLUE_MODEL: Any = ServiceModel(Loader().load_service_model("glue", "service-2"))
TABLE_INPUT_SHAPE = GLUE_MODEL.shape_for("TableInput")

GOLDEN: dict[str, Any] = {
    "Name": "customers",
    "Description": "One row a customer.",
    "TableType": "EXTERNAL_TABLE",
    "PartitionKeys": [],
    "Parameters": {
        "EXTERNAL": "TRUE",
        "classification": "parquet",
        "compressionType": "none",
        "objectCount": "2",
        "recordCount": "7",
        "sizeKey": "30",
        "typeOfData": "file",
        "cleanroom.batch_id": "20261124T120000Z-00000001",
        "cleanroom.connector": "shop",
        "cleanroom.engine": "local",
        "cleanroom.recipe_sha256": "abc",
    },
    "StorageDescriptor": {
        "Columns": [
            {"Name": "email_hash", "Type": "string", "Comment": "From email."},
            {"Name": "value", "Type": "double", "Comment": ""},
        ],
        "Location": "s3://transformed/tables/shop/b/w/",
        "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "Compressed": False,
        "NumberOfBuckets": -1,
        "SerdeInfo": {
            "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
            "Parameters": {"serialization.format": "1"},
        },
        "StoredAsSubDirectories": False,
    },
}


GOLDEN_PARTITION: dict[str, Any] = {
    "Values": ["2026-11-24"],
    "Parameters": {
        "classification": "parquet",
        "compressionType": "none",
        "objectCount": "2",
        "recordCount": "7",
        "sizeKey": "30",
        "typeOfData": "file",
        "cleanroom.batch_id": "20261124T120000Z-00000001",
        "cleanroom.connector": "shop",
        "cleanroom.engine": "local",
        "cleanroom.recipe_sha256": "abc",
    },
    "StorageDescriptor": GOLDEN["StorageDescriptor"],
}

GOLDEN_DAY_TABLE = GOLDEN | {
    "PartitionKeys": [
        {"Name": "day", "Type": "date", "Comment": "The day that a delivery holds in full."}
    ],
    "Parameters": {
        "EXTERNAL": "TRUE",
        "classification": "parquet",
        "compressionType": "none",
        "typeOfData": "file",
        "cleanroom.connector": "shop",
        "cleanroom.last_batch_id": "20261124T120000Z-00000001",
        "cleanroom.load": "restate",
    },
    "StorageDescriptor": {
        **GOLDEN_PARTITION["StorageDescriptor"],
        "Location": "s3://transformed/tables/shop/",
    },
}


def golden_batch() -> TransformedBatch:
    return TransformedBatch(
        "shop",
        "20261124T120000Z-00000001",
        Engine.LOCAL,
        "transformed",
        "tables/shop/b/w/",
        (TransformedFile("a", 10), TransformedFile("b", 20)),
        rows_in=9,
        rows_out=7,
        recipe_sha256="abc",
    )


COLUMNS = [ColumnSpec("email_hash", "string", "From email."), ColumnSpec("value", "double")]


def golden_input() -> dict[str, Any]:
    return table_input("customers", COLUMNS, golden_batch(), description="One row a customer.")


def golden_day_table(last_batch: str | None = "20261124T120000Z-00000001") -> dict[str, Any]:
    return day_table_input(
        "customers",
        COLUMNS,
        golden_batch(),
        description="One row a customer.",
        last_batch=last_batch,
    )


def golden_partition() -> dict[str, Any]:
    return partition_input(date(2026, 11, 24), COLUMNS, golden_batch())


def test_the_table_input_is_written_out_whole() -> None:
    assert golden_input() == GOLDEN


def test_the_table_input_of_a_table_of_days_is_written_out_whole() -> None:
    assert golden_day_table() == GOLDEN_DAY_TABLE
    assert "cleanroom.last_batch_id" not in golden_day_table(last_batch=None)["Parameters"]


def test_the_partition_input_of_a_day_is_written_out_whole() -> None:
    assert golden_partition() == GOLDEN_PARTITION


@pytest.mark.parametrize(
    ("parameters", "batch", "rows"),
    [
        (GOLDEN["Parameters"], "20261124T120000Z-00000001", 7),
        ({"cleanroom.batch_id": "zzz", "recordCount": "-1"}, None, 0),
        ({"cleanroom.batch_id": "", "recordCount": "\u00b2"}, None, 0),
        ({}, None, 0),
        (None, None, 0),
    ],
)
def test_batch_and_rows_are_what_an_entry_says_where_one_of_ours_can_say_it(
    parameters: Any, batch: str | None, rows: int
) -> None:
    entry = {"Parameters": parameters}
    assert (batch_of(entry), rows_of(entry)) == (batch, rows)


def breaches(value: Any, shape: Any, where: str = "") -> list[str]:
    """Return where a value is longer, in bytes, than its shape allows, or has other characters.

    botocore leaves both to the service.
    """
    if shape.type_name == "structure":
        inner = [(v, shape.members[name], name) for name, v in value.items()]
    elif shape.type_name == "list":
        inner = [(v, shape.member, str(number)) for number, v in enumerate(value)]
    elif shape.type_name == "map":
        inner = [
            (part, sh, k)
            for k, v in value.items()
            for part, sh in ((k, shape.key), (v, shape.value))
        ]
    else:
        return [where] if breaks(value, shape) else []
    return [found for v, sh, name in inner for found in breaches(v, sh, f"{where}/{name}")]


def breaks(value: Any, shape: Any) -> bool:
    if shape.type_name != "string":
        return False
    line_breaks_too = r"\r" in shape.metadata.get("pattern", r"\r")
    illegal = re.search(
        r"[\x00-\x08\x0b\x0c\x0e-\x1f]" if line_breaks_too else r"[\x00-\x08\x0a-\x1f]", value
    )
    return bool(illegal) or len(value.encode()) > shape.metadata.get("max", 2**31)


TABLE_REQUEST = {"DatabaseName": "marketing", "TableInput": golden_input()}
DAYS_REQUEST = {"DatabaseName": "marketing", "TableInput": golden_day_table()}
PARTITION_REQUEST = {
    "DatabaseName": "marketing",
    "TableName": "customers",
    "PartitionInput": golden_partition(),
}


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("CreateTable", TABLE_REQUEST),
        ("UpdateTable", TABLE_REQUEST),
        ("CreateTable", DAYS_REQUEST),
        ("UpdateTable", DAYS_REQUEST),
        ("CreatePartition", PARTITION_REQUEST),
        ("UpdatePartition", PARTITION_REQUEST | {"PartitionValueList": ["2026-11-24"]}),
    ],
)
def test_glues_model_takes_it(operation: str, request_: dict[str, Any]) -> None:
    shape = GLUE_MODEL.operation_model(operation).input_shape
    report = ParamValidator().validate(request_, shape)
    assert not report.has_errors(), report.generate_report()
    assert breaches(request_, shape) == []


@given(comment=st.text(max_size=400), description=st.text(max_size=100), times=st.integers(1, 40))
def test_no_comment_or_description_is_more_than_glue_takes(
    comment: str, description: str, times: int
) -> None:
    transformed, column = golden_batch(), ColumnSpec("a", "string", comment)
    planned = table_input("t", [column], transformed, description=description * times)
    assert breaches(planned, TABLE_INPUT_SHAPE) == []


def test_a_long_comment_shows_that_something_is_left_out() -> None:
    column = ColumnSpec("a", "string", "From " + ", ".join(["ä" * 20] * 20) + ".")
    planned = table_input("t", [column], golden_batch(), description="")
    (listed,) = planned["StorageDescriptor"]["Columns"]
    assert listed["Comment"].startswith("From ää")
    assert listed["Comment"].endswith("ä...")


NAMED = [
    (pa.bool_(), "boolean"),
    (pa.int8(), "tinyint"),
    (pa.int16(), "smallint"),
    (pa.int32(), "int"),
    (pa.int64(), "bigint"),
    (pa.float32(), "float"),
    (pa.float64(), "double"),
    (pa.string(), "string"),
    (pa.large_string(), "string"),
    (pa.string_view(), "string"),
    (pa.dictionary(pa.int32(), pa.string()), "string"),
    (pa.date32(), "date"),
    (pa.timestamp("s"), "timestamp"),
    (pa.timestamp("us"), "timestamp"),
    (pa.timestamp("ns"), "timestamp"),
    (pa.timestamp("ms", "UTC"), "timestamp"),
    (pa.decimal128(5, 5), "decimal(5,5)"),
    (pa.decimal128(38, 18), "decimal(38,18)"),
    (pa.dictionary(pa.int8(), pa.int64()), "bigint"),
    (pa.list_(pa.int64()), "array<bigint>"),
    (pa.large_list(pa.list_(pa.string())), "array<array<string>>"),
    (pa.map_(pa.string(), pa.float64()), "map<string,double>"),
    (
        pa.struct([("a", pa.int32()), ("b", pa.list_(pa.string()))]),
        "struct<a:int,b:array<string>>",
    ),
]


@pytest.mark.parametrize(("type_", "name"), NAMED, ids=str)
def test_each_type_has_its_name_in_glue(type_: pa.DataType, name: str) -> None:
    assert glue_type(type_, "c") == name


REFUSED = [
    pa.null(),
    pa.uint8(),
    pa.uint16(),
    pa.uint32(),
    pa.uint64(),
    pa.float16(),
    pa.binary(),
    pa.binary(8),
    pa.large_binary(),
    pa.binary_view(),
    pa.date64(),
    pa.time32("s"),
    pa.time64("us"),
    pa.duration("s"),
    pa.month_day_nano_interval(),
    pa.decimal32(5, 2),
    pa.decimal64(10, 2),
    pa.decimal256(50, 2),
    pa.decimal128(5, -2),
    pa.decimal128(2, 5),
    pa.dictionary(pa.int32(), pa.uint8()),
    pa.dictionary(pa.int32(), pa.binary()),
    pa.list_(pa.null()),
    pa.list_(pa.int64(), 3),
    pa.list_view(pa.int64()),
    pa.large_list_view(pa.int64()),
    pa.large_list(pa.uint64()),
    pa.map_(pa.string(), pa.binary()),
    pa.map_(pa.list_(pa.string()), pa.string()),
    pa.struct([]),
    pa.struct([("a", pa.binary())]),
    pa.list_(pa.struct([("a", pa.map_(pa.string(), pa.uint8()))])),
    pa.run_end_encoded(pa.int32(), pa.string()),
    pa.dense_union([pa.field("a", pa.int64())]),
    pa.sparse_union([pa.field("a", pa.int64())]),
    pa.uuid(),
    pa.json_(),
    pa.bool8(),
    pa.opaque(pa.string(), "point", "db"),
]


@pytest.mark.parametrize("type_", REFUSED, ids=str)
def test_a_type_that_glue_has_no_name_for_is_refused_by_column_and_type(type_: pa.DataType) -> None:
    with pytest.raises(UnmappableTypeError, match="Column 'shoe_size' is of type ") as caught:
        glue_type(type_, "shoe_size")
    assert "CHANGE_DATA_TYPE" in str(caught.value)


def test_the_innermost_type_that_has_no_name_is_the_one_that_is_told() -> None:
    type_ = pa.list_(pa.struct([("a", pa.map_(pa.string(), pa.uint8()))]))
    with pytest.raises(UnmappableTypeError, match="'shoe_size' is of type uint8,"):
        glue_type(type_, "shoe_size")


def test_every_kind_of_type_that_arrow_has_is_decided_upon() -> None:
    """Arrow's own predicates list its kinds: one that a new release adds shows up here."""
    groups = {"date", "decimal", "floating", "integer", "interval", "nested", "primitive"}
    groups |= {"signed_integer", "temporal", "time", "union", "unsigned_integer"}
    kinds = {name[3:] for name in dir(pt) if name.startswith("is_") and "value" not in name}
    decided = [type_ for type_, _ in NAMED] + REFUSED
    undecided = {
        kind
        for kind in kinds - groups
        if not any(getattr(pt, f"is_{kind}")(type_) for type_ in decided)
    }
    assert undecided == set()


@pytest.mark.parametrize("name", ["a:int,b", "a>", "a b", "a.b", "ä", "", "a\n", "a`"])
def test_a_fields_name_can_not_change_the_type_that_it_stands_in(name: str) -> None:
    with pytest.raises(UnmappableTypeError, match="'home'"):
        glue_type(pa.list_(pa.struct([("ok", pa.int32()), (name, pa.int32())])), "home")


def test_columns_keep_the_files_order_and_get_their_comments() -> None:
    schema = pa.schema([("b", pa.string()), ("a", pa.int64())])
    assert columns_of(schema, {"a": "From A."}) == (
        ColumnSpec("b", "string", ""),
        ColumnSpec("a", "bigint", "From A."),
    )
