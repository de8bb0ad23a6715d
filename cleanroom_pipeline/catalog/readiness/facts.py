"""What is known of a table, and what a check says about it.

Here: the types that checks share. Not here: a check.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cleanroom_pipeline.catalog.table_input import columns_listed
from cleanroom_pipeline.parquet_footer import Footer


class Severity(StrEnum):
    """How bad a finding is: it fails or returns nothing, likely a mistake, or a privacy matter."""

    ERROR = "E"
    WARNING = "W"
    PRIVACY = "P"


@dataclass(frozen=True, slots=True)
class TableFile:
    """An object at or below the location that is checked; `name` is its key relative to it.

    `footer` is None where the object is not Parquet.
    """

    name: str
    size: int
    footer: Footer | None


def storage_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the storage descriptor of a table or a partition; an empty one if it has none."""
    descriptor: Mapping[str, Any] = entry.get("StorageDescriptor") or {}
    return descriptor


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A Glue table as GetTable gives it (or its TableInput), its database, and its objects.

    Of a partitioned table one `partition` (or its PartitionInput) is checked with the table: the
    objects are that one's. `others` are the table's other partitions.
    """

    database: str
    table: Mapping[str, Any]
    files: tuple[TableFile, ...]
    partition: Mapping[str, Any] | None = None
    others: tuple[Mapping[str, Any], ...] = ()

    @property
    def table_storage(self) -> Mapping[str, Any]:
        """The table's own storage descriptor."""
        return storage_of(self.table)

    @property
    def storage(self) -> Mapping[str, Any]:
        """The storage descriptor of what holds the objects: the partition, or else the table."""
        return storage_of(self.table if self.partition is None else self.partition)

    @property
    def place(self) -> str:
        """What holds the objects, in words."""
        return "table" if self.partition is None else "partition"

    @property
    def partition_keys(self) -> tuple[tuple[str, str], ...]:
        """Name and type of each partition key."""
        return columns_listed({"Columns": self.table.get("PartitionKeys")})

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and type of each column, partition keys last."""
        return columns_listed(self.table_storage) + self.partition_keys

    @property
    def data_files(self) -> tuple[TableFile, ...]:
        """The objects directly at the location that is checked."""
        return tuple(file for file in self.files if "/" not in file.name)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: no finding holds a row's value."""

    check_id: str
    severity: Severity
    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class Check:
    """A check: `find` gives one message per thing that is wrong; `source` says whose rule it is."""

    check_id: str
    severity: Severity
    find: Callable[[TableFacts], Iterable[str]]
    fix: str
    source: str
