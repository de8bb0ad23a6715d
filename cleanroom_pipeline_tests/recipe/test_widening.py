"""One type, and one list of columns, for files that declare them differently.

Here: the rules over type names. Not here: files that are read together (test_reading_typed.py).
"""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.recipe.files import SchemaMismatchError
from cleanroom_pipeline.recipe.widening import NULL, common_columns, common_type

TYPES = [
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
    "UBIGINT", "FLOAT", "DOUBLE", "DECIMAL(4,2)", "DECIMAL(38,0)", "DECIMAL(38,37)", "BOOLEAN",
    "VARCHAR", "BLOB", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS",
    "UUID", "INTEGER[]", "STRUCT(a INTEGER)", "MAP(VARCHAR, INTEGER)", NULL,
]  # fmt: skip


@pytest.mark.parametrize(
    ("types", "common"),
    [
        (["INTEGER", "BIGINT"], "BIGINT"),
        (["UTINYINT", "TINYINT"], "SMALLINT"),
        (["UINTEGER", "INTEGER"], "BIGINT"),
        (["UBIGINT", "BIGINT"], None),
        (["UBIGINT", "UINTEGER"], "UBIGINT"),
        (["SMALLINT", "FLOAT"], "FLOAT"),
        (["INTEGER", "FLOAT"], "DOUBLE"),
        (["INTEGER", "DOUBLE"], "DOUBLE"),
        (["BIGINT", "DOUBLE"], None),
        (["DECIMAL(10,2)", "DECIMAL(8,4)"], "DECIMAL(12,4)"),
        (["DECIMAL(10,2)", "INTEGER"], "DECIMAL(12,2)"),
        (["DECIMAL(38,0)", "DECIMAL(38,1)"], None),
        (["DECIMAL(10,2)", "DOUBLE"], None),
        (["DATE", "TIMESTAMP"], "TIMESTAMP"),
        (["TIMESTAMP_MS", "TIMESTAMP"], "TIMESTAMP"),
        (["TIMESTAMP_NS", "TIMESTAMP"], None),
        ([NULL, "STRUCT(a INTEGER)"], "STRUCT(a INTEGER)"),
        ([NULL, NULL], NULL),
        (["VARCHAR", "INTEGER"], None),
        (["INTEGER[]", "BIGINT[]"], None),
        (["BOOLEAN", "INTEGER"], None),
        (["INTEGER", "UINTEGER", "DOUBLE"], "DOUBLE"),
    ],
)
def test_types_are_widened_by_the_table_in_any_order(types: list[str], common: str | None) -> None:
    assert {common_type(order) for order in permutations(types)} == {common}


@given(st.lists(st.sampled_from(TYPES), min_size=1, max_size=5))
def test_the_rule_is_total_and_stable(types: list[str]) -> None:
    common = common_type(types)
    assert common_type(reversed(types)) == common
    if common is not None:
        assert common_type([*types, common]) == common


def test_columns_are_matched_by_name_in_the_order_of_the_first_file() -> None:
    files = [
        ("one", (("a", "INTEGER"), ("b", "VARCHAR"))),
        ("two", (("b", NULL), ("a", "BIGINT"))),
    ]
    assert common_columns(files) == (("a", "BIGINT"), ("b", "VARCHAR"))
    assert common_columns([]) == ()


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ((("a", "INTEGER"),), r"one holds \(a INTEGER, b VARCHAR\), two holds \(a INTEGER\)"),
        ((("a", "VARCHAR"), ("b", "VARCHAR")), r"two holds \(a VARCHAR, b VARCHAR\)"),
        ((("jane", "VARCHAR"),), "one holds 2 and two 1, and they share no name"),
    ],
)
def test_files_that_differ_are_told_with_both_schemas(
    columns: tuple[tuple[str, str], ...], told: str
) -> None:
    with pytest.raises(SchemaMismatchError, match=told):
        common_columns([("one", (("a", "INTEGER"), ("b", "VARCHAR"))), ("two", columns)])


def test_optional_columns_may_be_missing_but_not_all_of_them() -> None:
    one, two = (("a", "VARCHAR"),), (("b", "VARCHAR"), ("a", "VARCHAR"))
    assert common_columns([("one", one), ("two", two)], optional=True) == (*one, two[0])
    with pytest.raises(SchemaMismatchError, match="share no name"):
        common_columns([("one", one), ("two", (("c", "VARCHAR"),))], optional=True)
