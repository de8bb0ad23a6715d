"""Checks of the columns: COL.

Here: names and types, in Glue and in the files. Not here: how many may be allowed in a rule.
"""

import re
from collections import Counter
from collections.abc import Iterable

from cleanroom_pipeline.catalog.readiness import names
from cleanroom_pipeline.catalog.readiness.facts import Check, Severity, TableFacts
from cleanroom_pipeline.catalog.table_input import UnmappableTypeError, glue_type

# Clean Rooms user guide, data-formats; `binary` has no counterpart there.
SUPPORTED = frozenset(
    """
    array bigint boolean byte char date decimal double float int integer interval long map real
    short smallint string struct time timestamp tinyint varchar
    """.split()
)


def _named(name: str) -> str:
    return f"Column {name!r} (legal: {names.suggestion(name)!r})"


def name_is_refused(facts: TableFacts) -> Iterable[str]:
    """COL-1."""
    for name, _ in facts.columns:
        if name and not names.COLUMN.fullmatch(name):
            yield f"{_named(name)} has a name that Clean Rooms refuses."


def name_has_a_bad_length(facts: TableFacts) -> Iterable[str]:
    """COL-2."""
    for name, _ in facts.columns:
        if not 0 < len(name) <= names.LONGEST_COLUMN:
            yield f"A column's name has {len(name)} characters."


def name_is_a_system_column(facts: TableFacts) -> Iterable[str]:
    """COL-3."""
    for name, _ in facts.columns:
        if name in names.FORBIDDEN_COLUMNS:
            yield f"{_named(name)} has the name of a system column, which not even quotes allow."


def name_has_a_forbidden_prefix(facts: TableFacts) -> Iterable[str]:
    """COL-4."""
    for name, _ in facts.columns:
        if name.startswith(names.FORBIDDEN_PREFIXES):
            yield f"{_named(name)} has a prefix that is reserved for the system."


def name_needs_quotes(facts: TableFacts) -> Iterable[str]:
    """COL-5."""
    for name, _ in facts.columns:
        if names.COLUMN.fullmatch(name) and names.needs_quotes(name):
            yield f"{_named(name)} has to be quoted in every query."


def names_clash(facts: TableFacts) -> Iterable[str]:
    """COL-6."""
    counts = Counter(name.lower() for name, _ in facts.columns)
    for name, count in counts.items():
        if count > 1:
            yield f"{count} columns are called {name!r}, case and partition keys included."


def files_name_columns_otherwise(facts: TableFacts) -> Iterable[str]:
    """COL-7."""
    listed = [column["Name"] for column in facts.storage.get("Columns") or []]
    for file in facts.data_files:
        if file.footer and file.footer.schema.names != listed:
            yield f"Object {file.name!r} has other columns, or in another order or case."


def type_is_not_supported(facts: TableFacts) -> Iterable[str]:
    """COL-8."""
    for name, type_ in facts.columns:
        words = re.findall(r"[a-z_]\w*", re.sub(r"[^<>,:]+:", "", type_.lower()))
        if not words or not SUPPORTED.issuperset(words):
            yield f"Column {name!r} is of type {type_!r}."
    footers = [file.footer for file in facts.data_files if file.footer]
    for path in sorted(frozenset().union(*(footer.nanoseconds for footer in footers))):
        yield f"Column {path!r} counts nanoseconds in the files, which Spark does not read."


def type_is_too_long(facts: TableFacts) -> Iterable[str]:
    """COL-9."""
    for name, type_ in facts.columns:
        if len(type_) > names.LONGEST_TYPE:
            yield f"The type of column {name!r} is {len(type_)} characters long."


def files_type_columns_otherwise(facts: TableFacts) -> Iterable[str]:
    """COL-10."""
    listed = dict(facts.columns)
    for file in facts.data_files:
        for field in file.footer.schema if file.footer else ():
            try:
                actual = glue_type(field.type, field.name)
            except UnmappableTypeError:
                actual = str(field.type)
            if field.name in listed and listed[field.name] != actual:
                yield (
                    f"Column {field.name!r} is {listed[field.name]} in Glue and {actual} in "
                    f"{file.name!r}."
                )


RENAME = "Add a RENAME step to the recipe."
CHANGE_TYPE = "Add a CHANGE_DATA_TYPE step to the recipe."
NAMING = "Clean Rooms SQL reference, naming rules"

CHECKS = (
    Check("COL-1", Severity.ERROR, name_is_refused, RENAME, "Clean Rooms API, ColumnName"),
    Check("COL-2", Severity.ERROR, name_has_a_bad_length, RENAME, NAMING),
    Check("COL-3", Severity.ERROR, name_is_a_system_column, RENAME, NAMING),
    Check("COL-4", Severity.ERROR, name_has_a_forbidden_prefix, RENAME, NAMING),
    Check("COL-5", Severity.WARNING, name_needs_quotes, RENAME, NAMING),
    Check("COL-6", Severity.ERROR, names_clash, RENAME, "inferred: Glue folds case"),
    Check(
        "COL-7",
        Severity.WARNING,
        files_name_columns_otherwise,
        "Take Glue's columns from the files' footer.",
        "aws-sdk-pandas issue 2357",
    ),
    Check(
        "COL-8",
        Severity.ERROR,
        type_is_not_supported,
        CHANGE_TYPE,
        "Clean Rooms user guide, data-formats",
    ),
    Check(
        "COL-9",
        Severity.WARNING,
        type_is_too_long,
        "Flatten the column with UNNEST_STRUCT steps.",
        "Clean Rooms API, ColumnTypeString",
    ),
    Check(
        "COL-10",
        Severity.ERROR,
        files_type_columns_otherwise,
        "Take Glue's types from the files' footer.",
        "inferred: a reader fails, or reads other values",
    ),
)
