"""DataBrew's data types and its cast that gives null.

Here: the type names, the DuckDB type of each, casting a column to it. Not here: when to cast.
"""

from collections.abc import Callable, Mapping

from sqlglot import exp

from cleanroom_pipeline.recipe import dates
from cleanroom_pipeline.recipe.expressions import (
    boolean,
    cast,
    decimal,
    double,
    text,
    try_cast,
    whole_number,
)
from cleanroom_pipeline.recipe.plan import BOOLEAN, DATE, DOUBLE, TEXT, TIMESTAMP, Column

_DECIMAL = "DECIMAL(38,18)"
DUCKDB_TYPES: Mapping[str, str] = {
    "byte": "TINYINT",
    "short": "SMALLINT",
    "int": "INTEGER",
    "integer": "INTEGER",
    "long": "BIGINT",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "double": DOUBLE,
    "number": DOUBLE,
    "decimal": _DECIMAL,
    "string": TEXT,
    "boolean": BOOLEAN,
    "timestamp": TIMESTAMP,
    "date": DATE,
}
CAST_TYPES = tuple(DUCKDB_TYPES)

_CASTS: Mapping[str, Callable[[Column], exp.Expr]] = {
    "FLOAT": lambda column: try_cast(double(column), "FLOAT"),
    DOUBLE: double,
    _DECIMAL: decimal,
    TEXT: text,
    BOOLEAN: boolean,
    TIMESTAMP: dates.timestamp,
    DATE: lambda column: cast(dates.timestamp(column), DATE),
}


def cast_column(column: Column, type_name: str) -> exp.Expr:
    """Return the column as a DataBrew type; null for what can't be cast (documented by AWS)."""
    duckdb_type = DUCKDB_TYPES[type_name]
    convert = _CASTS.get(duckdb_type)
    return convert(column) if convert else whole_number(column, duckdb_type)
