"""The columns that a recipe must give, as far as that is certain without the data.

Here: what is certain, and how a Parquet schema departs from it. Not here: reading a file.

The names are those of the recipe's plan. A type is certain only where it is the same whatever the
types of the input are: a managed engine reads text files by its own guesses. It is compared by
family, as engines differ in width:

| plan                                       | Parquet                               |
|--------------------------------------------|---------------------------------------|
| VARCHAR                                    | string                                |
| BOOLEAN                                    | bool, string: nobody documents which  |
| integers, FLOAT, DOUBLE, DECIMAL           | integers, float, double, decimal      |
| DATE, TIMESTAMP                            | date, timestamp                       |
| anything else                              | not compared                          |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from cleanroom_pipeline.recipe import Recipe, RecipeError
from cleanroom_pipeline.recipe.meaning import build_plan
from cleanroom_pipeline.recipe.operations.declaration import PlanOptions
from cleanroom_pipeline.recipe.plan import BIGINT, BOOLEAN, DATE, DOUBLE, TEXT, TIMESTAMP, Column

TEXTS, TRUTHS, NUMBERS, MOMENTS = "text", "boolean", "number", "date or timestamp"
ALSO_ALLOWED = {(TRUTHS, TEXTS)}
PROBED = (BIGINT, DOUBLE, BOOLEAN, TIMESTAMP)
PLAN_FAMILIES: Mapping[str, str] = {
    TEXT: TEXTS,
    BOOLEAN: TRUTHS,
    **dict.fromkeys(
        ("TINYINT", "SMALLINT", "INTEGER", BIGINT, "HUGEINT", "FLOAT", DOUBLE, "DECIMAL"), NUMBERS
    ),
    DATE: MOMENTS,
    TIMESTAMP: MOMENTS,
}


@dataclass(frozen=True, slots=True)
class ExpectedColumns:
    """The names in order; `open` where data may add more. `families` of those that are certain."""

    names: tuple[str, ...]
    open: bool
    families: Mapping[str, str] = field(default_factory=dict)


def expected_columns(recipe: Recipe, input_columns: Sequence[str]) -> ExpectedColumns:
    """Return what is certain of a recipe's columns. Raises RecipeError where it does not fit."""
    plan = build_plan(recipe.steps, [Column(name) for name in input_columns], PlanOptions())
    found = [{column.name: _family_of(column.type) for column in plan.columns}]
    for type_ in PROBED:
        columns = [Column(name, type_) for name in input_columns]
        try:
            probed = build_plan(recipe.steps, columns, PlanOptions())
        except RecipeError:
            continue
        found.append({column.name: _family_of(column.type) for column in probed.columns})
    certain = {
        name: family
        for name, family in found[0].items()
        if family and len(found) > 1 and all(one.get(name) == family for one in found)
    }
    return ExpectedColumns(plan.names, plan.opened, certain)


def _family_of(duckdb_type: str) -> str | None:
    return PLAN_FAMILIES.get(duckdb_type.partition("(")[0])


def arrow_family(type_: pa.DataType) -> str | None:
    """Return the family of a Parquet column's type; None for one that is in none."""
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return TEXTS
    if pa.types.is_boolean(type_):
        return TRUTHS
    if pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return NUMBERS
    if pa.types.is_date(type_) or pa.types.is_timestamp(type_):
        return MOMENTS
    return None


def departures(expected: ExpectedColumns, schema: pa.Schema) -> list[str]:
    """Return how a schema departs from what is expected; nothing where it does not."""
    names = list(schema.names)
    found = []
    if missing := [name for name in expected.names if name not in names]:
        found.append(f"missing: {', '.join(missing)}")
    unexpected = [name for name in names if name not in expected.names]
    if unexpected and not expected.open:
        found.append(f"unexpected: {', '.join(unexpected)}")
    for name, family in expected.families.items():
        type_ = schema.field(name).type if name in names else None
        theirs = family if type_ is None else arrow_family(type_)
        if theirs != family and (family, theirs) not in ALSO_ALLOWED:
            found.append(f"{name} is {type_} and must be a {family}")
    return found
