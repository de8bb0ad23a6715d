"""Nested types: structs, lists and maps as DuckDB spells them, and the structure of JSON texts.

Here: taking types apart and putting them together. Not here: what nests or unnests columns.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.findings import StepError
from cleanroom_pipeline.recipe.plan import BIGINT, BOOLEAN, DOUBLE, TEXT, Column

# sqlglot's names of scalar types where DuckDB has another, which is the one that plans compare.
_DUCKDB_NAMES: Mapping[str, str] = {
    "TEXT": TEXT,
    "INT": "INTEGER",
    "REAL": "FLOAT",
    "INT128": "HUGEINT",
    "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
}
# Room for every whole number of 64 bits, with a sign or without.
BEYOND_BIGINT = "DECIMAL(20,0)"
# How deep lists may lie in lists; Arrow has a limit too.
MOST_LISTS = 20
# Texts in which a whole number may be that BIGINT has no room for.
MAY_BE_BEYOND_BIGINT = r"[:,\[]\s*(9\d{18}|\d{20})"
# What json_structure calls the kinds of JSON values.
_JSON_TYPES: Mapping[str, str] = {
    "BOOLEAN": BOOLEAN,
    "BIGINT": BIGINT,
    "UBIGINT": BIGINT,
    "HUGEINT": BIGINT,
    "DOUBLE": DOUBLE,
}


def parsed(type_: str) -> exp.DataType:
    """Return a type as sqlglot's tree."""
    return exp.DataType.build(type_, dialect="duckdb")


def spelled(type_: exp.Expr) -> str:
    """Return the name of a type, scalar ones as plans compare them."""
    name = type_.sql("duckdb").replace(", ", ",") if _is_decimal(type_) else type_.sql("duckdb")
    return _DUCKDB_NAMES.get(name, name)


def _is_decimal(type_: exp.Expr) -> bool:
    return isinstance(type_, exp.DataType) and type_.this is exp.DataType.Type.DECIMAL


def is_nested(type_: str) -> bool:
    """Say whether a DuckDB type is a struct, a list or a map."""
    return type_.endswith("]") or type_.startswith(("STRUCT", "MAP"))


def struct_fields(type_: str) -> tuple[Column, ...] | None:
    """Return the fields of a struct type as columns; None for another type."""
    tree = parsed(type_) if type_.startswith("STRUCT") and not type_.endswith("]") else None
    if tree is None:
        return None
    return tuple(Column(one.this.name, spelled(one.args["kind"])) for one in tree.expressions)


def element_type(type_: str) -> str | None:
    """Return the type of a list's elements; None for another type."""
    return spelled(parsed(type_).expressions[0]) if type_.endswith("[]") else None


def map_types(type_: str) -> tuple[str, str] | None:
    """Return the types of a map's keys and values; None for another type."""
    if type_.endswith("]") or not type_.startswith("MAP"):
        return None
    key, value = parsed(type_).expressions
    return spelled(key), spelled(value)


def list_of(type_: str) -> str:
    """Return the type of lists of a type."""
    return f"{parsed(type_).sql('duckdb')}[]"


def map_of(type_: str) -> str:
    """Return the type of maps from texts to a type."""
    return f"MAP(VARCHAR, {parsed(type_).sql('duckdb')})"


def struct_of(columns: Iterable[Column]) -> str:
    """Return the type of structs that have these columns as fields."""
    fields = [
        exp.ColumnDef(this=exp.to_identifier(one.name, quoted=True), kind=parsed(one.type))
        for one in columns
    ]
    tree = exp.DataType(this=exp.DataType.Type.STRUCT, expressions=fields, nested=True)
    return tree.sql("duckdb")


def refuse_fields(names: Iterable[str]) -> None:
    """Raise StepError where names can't be the fields of one struct."""
    folded = [name.lower() for name in names]
    if "" in folded:
        raise StepError("a field of a struct needs a name; one is empty")
    if len(set(folded)) < len(folded):
        raise StepError("fields of a struct need names that differ in more than case")


def json_structure(
    structure: Any, levels: int, integer: str = BIGINT, lists: int = MOST_LISTS
) -> Any:
    """Return a structure for json_transform: objects down to `levels`, deeper ones as JSON text.

    `structure` is what json_group_structure gives. Kinds that differ from row to row are text,
    whole numbers of type `integer`. Raises StepError for keys that can't be the fields of a struct.
    """
    if isinstance(structure, dict) and structure and levels > 0:
        refuse_fields(structure)
        return {
            name: json_structure(one, levels - 1, integer, lists) for name, one in structure.items()
        }
    if isinstance(structure, list) and levels > 0 and lists > 0:
        return [json_structure(structure[0], levels, integer, lists - 1)]
    type_ = _JSON_TYPES.get(structure, TEXT) if isinstance(structure, str) else TEXT
    return integer if type_ == BIGINT else type_


def type_of_json(structure: Any) -> str:
    """Return the DuckDB type of a structure as `json_structure` gives it."""
    if isinstance(structure, dict):
        return struct_of(Column(name, type_of_json(one)) for name, one in structure.items())
    if isinstance(structure, list):
        return list_of(type_of_json(structure[0]))
    return str(structure)


def structure_text(structure: Any) -> str:
    """Return a structure as json_transform takes it."""
    return json.dumps(structure, ensure_ascii=False)
