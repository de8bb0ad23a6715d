"""Checks of the table's own entry: TBL.

Here: type, columns at all, names of database and table. Not here: single columns.
"""

from collections.abc import Iterable

from cleanroom_pipeline.catalog.readiness import names
from cleanroom_pipeline.catalog.readiness.facts import Check, Severity, TableFacts


def table_type_is_wrong(facts: TableFacts) -> Iterable[str]:
    """TBL-1."""
    table_type = facts.table.get("TableType")
    if table_type != "EXTERNAL_TABLE":
        yield f"TableType is {table_type!r}."


def table_has_no_columns(facts: TableFacts) -> Iterable[str]:
    """TBL-2."""
    if not facts.table_storage.get("Columns"):
        yield "The table has no columns."


def table_name_is_refused(facts: TableFacts) -> Iterable[str]:
    """TBL-3."""
    for what, name, pattern in (
        ("database", facts.database, names.DATABASE),
        ("table", str(facts.table["Name"]), names.TABLE),
    ):
        if not pattern.fullmatch(name) or len(name) > names.LONGEST:
            yield f"Clean Rooms takes no {what} of the name {name!r}."


def table_name_needs_quotes(facts: TableFacts) -> Iterable[str]:
    """TBL-4."""
    for what, name in (("database", facts.database), ("table", str(facts.table["Name"]))):
        if names.needs_quotes(name):
            yield f"The {what} {name!r} has to be quoted in every query."


CHECKS = (
    Check(
        "TBL-1",
        Severity.ERROR,
        table_type_is_wrong,
        "Set TableType to EXTERNAL_TABLE; for a view use Clean Rooms' Athena source.",
        "AWS re:Post, \"Invalid Glue table type 'null'\"",
    ),
    Check(
        "TBL-2",
        Severity.ERROR,
        table_has_no_columns,
        "List the columns with their types in the storage descriptor.",
        "Glue API, StorageDescriptor",
    ),
    Check(
        "TBL-3",
        Severity.ERROR,
        table_name_is_refused,
        "Use letters, digits and underscores, at most 128.",
        "Clean Rooms API, GlueTableReference",
    ),
    Check(
        "TBL-4",
        Severity.WARNING,
        table_name_needs_quotes,
        "Use lower-case letters, digits and underscores, a letter first, and no reserved word.",
        "Clean Rooms SQL reference, naming rules",
    ),
)
