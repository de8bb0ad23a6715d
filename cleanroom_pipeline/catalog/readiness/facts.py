"""What is known of a table, and what a check says about it.

Here: the types that checks share. Not here: a check.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cleanroom_pipeline.parquet_footer import Footer


class Severity(StrEnum):
    """How bad a finding is: it fails or returns nothing, likely a mistake, or a privacy matter."""

    ERROR = "E"
    WARNING = "W"
    PRIVACY = "P"


@dataclass(frozen=True, slots=True)
class TableFile:
    """An object at or below the table's location; `name` is its key relative to it.

    `footer` is None where the object is not Parquet.
    """

    name: str
    size: int
    footer: Footer | None


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A Glue table as GetTable gives it (or its TableInput), its database, and its objects."""

    database: str
    table: Mapping[str, Any]
    files: tuple[TableFile, ...]

    @property
    def storage(self) -> Mapping[str, Any]:
        """The table's storage descriptor."""
        descriptor: Mapping[str, Any] = self.table.get("StorageDescriptor") or {}
        return descriptor

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and type of each column, partition keys last."""
        listed = [*(self.storage.get("Columns") or []), *(self.table.get("PartitionKeys") or [])]
        return tuple((column["Name"], column.get("Type") or "") for column in listed)

    @property
    def data_files(self) -> tuple[TableFile, ...]:
        """The objects directly at the location."""
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
