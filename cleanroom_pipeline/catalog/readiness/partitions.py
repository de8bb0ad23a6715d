"""Checks of a partition and of the keys that it goes by: PAR.

Here: keys and values, where the partition lies, whether it agrees with its table. Not here: the
objects in it, and its columns' names and types, which are checked as a table's are.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date

from cleanroom_pipeline.catalog.readiness.facts import Check, Severity, TableFacts, storage_of
from cleanroom_pipeline.catalog.readiness.files import no_data
from cleanroom_pipeline.catalog.table_input import columns_listed


def _is_day(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_whole_number(value: str) -> bool:
    return value.isascii() and value.removeprefix("-").isdecimal()


# The primitive types that have one way to write a value: two ways would be two partitions.
KEY_TYPES: Mapping[str, Callable[[str], bool]] = {
    "string": bool,
    "date": _is_day,
    "int": _is_whole_number,
    "bigint": _is_whole_number,
}


def partition_holds_no_data(facts: TableFacts) -> Iterable[str]:
    """PAR-1."""
    if facts.partition is not None:
        yield from no_data(facts)


def partition_lies_outside_the_table(facts: TableFacts) -> Iterable[str]:
    """PAR-3."""
    if facts.partition is None:
        return
    inside, root = _location(facts.partition), str(facts.table_storage.get("Location") or "")
    if not root or inside == root or not inside.startswith(root):
        yield f"The partition lies at {inside}, which is not below the table's location."


def key_or_value_is_wrong(facts: TableFacts) -> Iterable[str]:
    """PAR-4."""
    for name, type_ in facts.partition_keys:
        if type_ not in KEY_TYPES:
            yield f"The partition key {name!r} is of type {type_!r}."
    if facts.partition is None:
        return
    values = facts.partition.get("Values") or []
    if not values or len(values) != len(facts.partition_keys):
        yield f"The partition has {len(values)} values for {len(facts.partition_keys)} keys."
        return
    for (name, type_), value in zip(facts.partition_keys, values, strict=True):
        if type_ in KEY_TYPES and not KEY_TYPES[type_](value):
            yield f"The partition's value for the key {name!r} is no {type_}."


def partition_differs_from_the_table(facts: TableFacts) -> Iterable[str]:
    """PAR-5."""
    if facts.partition is None:
        return
    if columns_listed(facts.storage) != columns_listed(facts.table_storage):
        yield "The partition has other columns than the table, or in another order."
    if facts.storage.get("SerdeInfo") != facts.table_storage.get("SerdeInfo"):
        yield "The partition is read with another SerDe than the table."


def partitions_overlap(facts: TableFacts) -> Iterable[str]:
    """PAR-6."""
    if facts.partition is None:
        return
    mine = _folder(facts.partition)
    for other in facts.others:
        folder = _folder(other)
        if mine.startswith(folder) or folder.startswith(mine):
            yield f"The partition's location overlaps with that of partition {other['Values']}."


def _location(entry: Mapping[str, object]) -> str:
    return str(storage_of(entry).get("Location") or "")


def _folder(entry: Mapping[str, object]) -> str:
    return _location(entry).rstrip("/") + "/"


CHECKS = (
    Check(
        "PAR-1",
        Severity.ERROR,
        partition_holds_no_data,
        "Let the partition's location be the very folder that holds its files.",
        "Clean Rooms user guide, troubleshooting: missing partition data fails the whole query",
    ),
    Check(
        "PAR-3",
        Severity.ERROR,
        partition_lies_outside_the_table,
        "Let the table's location be a folder above those of all partitions.",
        "inferred: roles and policies are given for the table's location",
    ),
    Check(
        "PAR-4",
        Severity.ERROR,
        key_or_value_is_wrong,
        "Use keys of type string, date, int or bigint, and one value of its type for each.",
        "Glue API, Table: PartitionKeys are of primitive types",
    ),
    Check(
        "PAR-5",
        Severity.ERROR,
        partition_differs_from_the_table,
        "Give the partition the table's columns, in their order.",
        "inferred: readers take either for the other",
    ),
    Check(
        "PAR-6",
        Severity.ERROR,
        partitions_overlap,
        "Give each partition a folder of its own, none within another's.",
        "inferred: rows that two partitions hold are read twice",
    ),
)
