"""Where output columns come from.

Here: lineage of recipes. Not here: running them.
"""

from typing import Any

from cleanroom_pipeline.recipe.lineage import ColumnOrigin, column_lineage
from cleanroom_pipeline_tests.recipe.running import condition, recipe, step


def lineage(columns: str, *steps: Any) -> dict[str, tuple[str, tuple[int, ...]]]:
    found = column_lineage(recipe(*steps), columns.split())
    return {name: (" ".join(sorted(one.columns)), one.steps) for name, one in found.items()}


def test_untouched_columns_come_from_themselves() -> None:
    made = recipe(step("DELETE", sourceColumn="b"))
    assert column_lineage(made, ["a", "b"]) == {"a": ColumnOrigin(frozenset({"a"}), ())}


def test_renames_and_swaps_are_followed() -> None:
    assert lineage(
        "a b",
        step("RENAME", sourceColumn="a", targetColumn="t"),
        step("RENAME", sourceColumn="b", targetColumn="a"),
        step("RENAME", sourceColumn="t", targetColumn="b"),
        step("LOWER_CASE", sourceColumn="a"),
    ) == {"b": ("a", (1, 3)), "a": ("b", (2, 4))}


def test_merges_splits_and_conditions_are_followed() -> None:
    assert lineage(
        "a b c",
        step("MERGE", sourceColumns=["a", "b"], targetColumn="m"),
        step("SPLIT_COLUMN_SINGLE_DELIMITER", sourceColumn="m", pattern=","),
        step("LOWER_CASE", sourceColumn="m_1", conditions=[condition("IS", "c", "x")]),
    ) == {
        "a": ("a", ()),
        "b": ("b", ()),
        "c": ("c", ()),
        "m_1": ("a b c", (1, 2, 3)),
        "m_2": ("a b", (1, 2)),
    }


def test_groups_fills_and_shuffles_are_followed() -> None:
    option = {"sourceColumnName": "b", "targetColumnName": "n", "functionName": "SUM"}
    assert lineage(
        "a b c",
        step("FILL_WITH_AVERAGE", sourceColumn="b"),
        step("SHUFFLE_ROWS", sourceColumns=["c"], groupByColumns=["a"]),
        step("GROUP_BY", sourceColumns=["a"], groupByAggFunctionOptions=[option]),
    ) == {"a": ("a", ()), "b": ("b", (1,)), "c": ("a c", (2,)), "n": ("a b", (1, 3))}


def test_rows_removed_are_no_part_of_a_column() -> None:
    removed = step("REMOVE_VALUES", conditions=[condition("IS_MISSING", "b")])
    assert lineage("a b", removed, step("REMOVE_DUPLICATES", sourceColumn="b")) == {
        "a": ("a", ()),
        "b": ("b", ()),
    }


def test_a_constant_comes_from_no_column() -> None:
    assert lineage("a", step("TODAY", targetColumn="d"))["d"] == ("", (1,))
