"""One type for a column that files of a batch declare differently, and one list of columns.

Here: pure rules over DuckDB type names. Not here: reading files, or casting anything.

A type is widened only to one that holds every value of all of them exactly. What is not in the
tables below (nested types, say) goes with itself alone.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from cleanroom_pipeline.recipe.files import Columns, schema_mismatch

# How DuckDB spells the type of a column that holds nothing.
NULL = '"NULL"'
_DECIMAL = re.compile(r"DECIMAL\((\d+), ?(\d+)\)")
_MOST_DIGITS = 38
_DIGITS = {
    "TINYINT": 3,
    "UTINYINT": 3,
    "SMALLINT": 5,
    "USMALLINT": 5,
    "INTEGER": 10,
    "UINTEGER": 10,
    "BIGINT": 19,
    "UBIGINT": 20,
}
# Narrow types first. A FLOAT holds whole numbers of 24 bits exactly, a DOUBLE those of 53.
_HELD_BY: Mapping[str, frozenset[str]] = {
    "SMALLINT": frozenset({"TINYINT", "UTINYINT"}),
    "USMALLINT": frozenset({"UTINYINT"}),
    "INTEGER": frozenset({"TINYINT", "UTINYINT", "SMALLINT", "USMALLINT"}),
    "UINTEGER": frozenset({"UTINYINT", "USMALLINT"}),
    "BIGINT": frozenset(_DIGITS) - {"BIGINT", "UBIGINT"},
    "UBIGINT": frozenset({"UTINYINT", "USMALLINT", "UINTEGER"}),
    "FLOAT": frozenset({"TINYINT", "UTINYINT", "SMALLINT", "USMALLINT"}),
    "DOUBLE": frozenset(_DIGITS) - {"BIGINT", "UBIGINT"} | {"FLOAT"},
    "TIMESTAMP": frozenset({"DATE", "TIMESTAMP_S", "TIMESTAMP_MS"}),
}


def decimal_digits(type_: str) -> tuple[int, int] | None:
    """Return how many digits a DECIMAL has, and how many of them after the point."""
    found = _DECIMAL.fullmatch(type_)
    return (int(found[1]), int(found[2])) if found else None


def common_type(types: Iterable[str]) -> str | None:
    """Return the narrowest type that holds all of them exactly, in whatever order; None if none."""
    distinct = set(types) - {NULL}
    if len(distinct) < 2:
        return next(iter(distinct), NULL)
    if any(map(decimal_digits, distinct)):
        return _common_decimal(distinct)
    held = (type_ for type_, narrower in _HELD_BY.items() if distinct <= narrower | {type_})
    return next(held, None)


def _common_decimal(types: Iterable[str]) -> str | None:
    whole = scale = 0
    for type_ in types:
        if found := decimal_digits(type_):
            digits, places = found
        elif type_ in _DIGITS:
            digits, places = _DIGITS[type_], 0
        else:
            return None
        whole, scale = max(whole, digits - places), max(scale, places)
    return f"DECIMAL({whole + scale},{scale})" if whole + scale <= _MOST_DIGITS else None


def common_columns(files: Sequence[tuple[str, Columns]], *, optional: bool = False) -> Columns:
    """Return the columns of a batch's files, given as (name, columns), in the first one's order.

    With `optional`, as in JSON, a column that a file lacks is null there; else files hold the same
    names. Raises SchemaMismatchError, which names the first file and the first that differs.
    """
    if not files:
        return ()
    first_name, first = files[0]
    types = {name: {type_} for name, type_ in first}
    for name, columns in files[1:]:
        names = {column for column, _ in columns}
        differs = names.isdisjoint(types) if optional else names != set(types)
        if differs or len(names) != len(columns):
            raise schema_mismatch(first_name, first, name, columns)
        for column, type_ in columns:
            types.setdefault(column, set()).add(type_)
            if common_type(types[column]) is None:
                raise schema_mismatch(first_name, first, name, columns)
    return tuple((column, common_type(found) or NULL) for column, found in types.items())
