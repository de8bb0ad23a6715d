"""Facts of a table, or of a day of one, that a test of readiness may spoil."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pyarrow as pa

from cleanroom_pipeline.catalog.readiness import TableFacts, TableFile
from cleanroom_pipeline.catalog.table_input import (
    columns_of,
    day_table_input,
    partition_input,
    table_input,
)
from cleanroom_pipeline.model import Engine, TransformedBatch, TransformedFile
from cleanroom_pipeline.parquet_footer import Footer

CSV = {"SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde"}
JSON = {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"}
SCHEMA = pa.schema([("email_hash", pa.string()), ("value", pa.float64())])
FOOTER = Footer(SCHEMA, 3)


COLUMNS = columns_of(SCHEMA, {})
TRANSFORMED = TransformedBatch(
    "shop",
    "20261124T120000Z-00000001",
    Engine.LOCAL,
    "transformed",
    "tables/shop/b/w/",
    (TransformedFile("part-00000.parquet", 10),),
    rows_in=3,
    rows_out=3,
    recipe_sha256="abc",
)


def good_facts() -> TableFacts:
    table = table_input("customers", COLUMNS, TRANSFORMED, description="")
    return TableFacts("marketing", table, (TableFile("part-00000.parquet", 10, FOOTER),))


def good_day() -> TableFacts:
    """Facts of a partition, of which the table has another."""
    table = day_table_input("days", COLUMNS, TRANSFORMED, description="", last_batch=None)
    other = replace(TRANSFORMED, prefix="tables/shop/a/w/")
    return replace(
        good_facts(),
        table=table,
        partition=partition_input(date(2026, 11, 24), COLUMNS, TRANSFORMED),
        others=(partition_input(date(2026, 11, 23), COLUMNS, other),),
    )


@dataclass
class Draft:
    """Facts that a test may spoil."""

    database: str = "marketing"
    table: dict[str, Any] = field(default_factory=lambda: copy.deepcopy(dict(good_facts().table)))
    files: list[TableFile] = field(default_factory=lambda: list(good_facts().files))
    partition: dict[str, Any] | None = None
    others: tuple[Mapping[str, Any], ...] = ()

    @property
    def storage(self) -> dict[str, Any]:
        storage: dict[str, Any] = self.table["StorageDescriptor"]
        return storage

    def column(self, name: str, type_: str = "string", arrow: pa.DataType | None = None) -> None:
        """Add a column to Glue's list and to the file."""
        self.storage["Columns"].append({"Name": name, "Type": type_})
        footer = self.files[0].footer
        assert footer
        schema = pa.schema([*footer.schema, pa.field(name, arrow or pa.string())])
        self.files[0] = replace(self.files[0], footer=replace(footer, schema=schema))

    def file(self, name: str, size: int = 10, footer: Footer | None = FOOTER) -> None:
        self.files.append(TableFile(name, size, footer))

    def fill(self, count: int, size: int = 10) -> None:
        for number in range(count):
            self.file(f"part-{number + 1:05d}.parquet", size)

    def other_format(self, serde: dict[str, str], name: str) -> None:
        self.storage["SerdeInfo"] = serde
        self.file(name, 5, None)

    def nanoseconds(self) -> None:
        schema = pa.schema([SCHEMA.field(0), ("value", pa.timestamp("ns"))])
        self.files[0] = replace(self.files[0], footer=Footer(schema, 3, frozenset({"value"})))
        self.storage["Columns"][1]["Type"] = "timestamp"

    def facts(self) -> TableFacts:
        return TableFacts(self.database, self.table, tuple(self.files), self.partition, self.others)

    def day(self, location: str | None = None, **partition: Any) -> dict[str, Any]:
        """Make it the facts of a partition, which differs in this from a good one; return it."""
        day = copy.deepcopy(good_day())
        assert day.partition is not None
        self.table, self.partition = dict(day.table), {**day.partition, **partition}
        self.others = day.others
        if location is not None:
            self.partition["StorageDescriptor"]["Location"] = location
        return self.partition

    def keys(self, *types: str) -> None:
        """Let the table have keys of these types."""
        self.table["PartitionKeys"] = [
            {"Name": f"key_{number}", "Type": type_} for number, type_ in enumerate(types)
        ]

    def day_of_this(self) -> None:
        """Make a partition of what was a whole table, with all that is wrong with it."""
        storage = self.storage
        table = dict(good_day().table)
        place = {"Location": table["StorageDescriptor"]["Location"]}
        given_keys = self.table.get("PartitionKeys") or table["PartitionKeys"]
        self.partition = {"Values": ["2026-11-24"], "StorageDescriptor": storage}
        self.table = self.table | {
            "PartitionKeys": given_keys,
            "StorageDescriptor": {**storage, **place},
        }


Spoil = Callable[[Draft], object]


def keyed(types: tuple[str, ...], values: list[str]) -> Spoil:
    """Return what gives a partition's table other keys, and the partition values for them."""

    def spoil(draft: Draft) -> None:
        draft.day(Values=values)
        draft.keys(*types)

    return spoil


def with_files(*files: TableFile) -> Spoil:
    """Return what leaves a partition with these files alone."""

    def spoil(draft: Draft) -> None:
        draft.day()
        draft.files = list(files)

    return spoil


def other_serde(draft: Draft) -> None:
    draft.day()["StorageDescriptor"]["SerdeInfo"] = CSV
