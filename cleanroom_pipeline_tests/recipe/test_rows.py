"""Which rows stay, in which order, and what fills their gaps.

Here: sorting, duplicates, missing cells, groups. Not here: conditions (test_conditions.py).
"""

from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline_tests.recipe.running import (
    change,
    column,
    run_csv,
    step,
)


def sorted_cells(tmp_path: Path, cells: list[str | None], **entry: Any) -> list[Any]:
    made = step("SORT", expressions=[{"sourceColumn": "x", **entry}])
    rows = [{"x": cell, "n": str(place)} for place, cell in enumerate(cells)]
    return [(row["x"], row["n"]) for row in run_csv(tmp_path, rows, made)]


def test_sort_is_stable_and_puts_nulls_where_told(tmp_path: Path) -> None:
    cells = ["b", None, "a", "B", "a"]
    assert sorted_cells(tmp_path, cells) == [
        (None, "1"), ("B", "3"), ("a", "2"), ("a", "4"), ("b", "0"),
    ]  # fmt: skip
    descending = {"ordering": "DESCENDING", "nullsOrdering": "NULLS_TOP"}
    assert sorted_cells(tmp_path, cells, **descending) == [
        (None, "1"), ("b", "0"), ("a", "2"), ("a", "4"), ("B", "3"),
    ]  # fmt: skip


def test_sort_follows_a_custom_order(tmp_path: Path) -> None:
    cells = ["low", "HIGH", "other", "mid"]
    custom = {"customOrder": ["high", "mid", "low"]}
    got = sorted_cells(tmp_path, list(cells), **custom)
    assert [cell for cell, _ in got] == ["HIGH", "mid", "low", "other"]


def test_duplicates_go_and_the_first_row_stays(tmp_path: Path) -> None:
    keys: list[str | None] = ["b", "a", None, "b", "", None, "a"]
    rows = [{"k": k, "n": str(n)} for n, k in enumerate(keys)]
    kept = run_csv(tmp_path, rows, step("REMOVE_DUPLICATES", sourceColumn="k"))
    assert column(kept, "n") == ["0", "1", "2", "4"]


def test_equal_rows_go_only_when_equal_in_every_column(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"a": "x", "b": None}, {"a": "x", "b": ""}, {"a": None, "b": "x"}, {"a": "x", "b": None},
        {"a": "1:x", "b": "y"}, {"a": "1", "b": "x:y"}, {"a": None, "b": "x"},
    ]  # fmt: skip
    assert run_csv(tmp_path, rows, step("DELETE_DUPLICATE_ROWS")) == [*rows[:3], *rows[4:6]]


def test_later_duplicates_are_flagged(tmp_path: Path) -> None:
    rows = [{"k": "a", "n": "1"}, {"k": "b", "n": "1"}, {"k": "a", "n": "1"}, {"k": "a", "n": "2"}]
    flags = step("FLAG_DUPLICATES_IN_COLUMN", sourceColumn="k", targetColumn="f")
    assert column(run_csv(tmp_path, rows, flags), "f") == ["False", "False", "True", "True"]
    flags = step("FLAG_DUPLICATE_ROWS", targetColumn="f", trueString="y", falseString="n")
    assert column(run_csv(tmp_path, rows, flags), "f") == ["n", "n", "y", "n"]


def test_rows_with_missing_or_invalid_cells_go(tmp_path: Path) -> None:
    rows = [{"x": cell, "n": "1"} for cell in ["1", "", None, "a"]]
    kept = run_csv(tmp_path, rows, step("REMOVE_MISSING", sourceColumn="x"))
    assert column(kept, "x") == ["1", "a"]
    made = step("REMOVE_INVALID", sourceColumn="x", columnDataType="int")
    assert column(run_csv(tmp_path, rows, made), "x") == ["1", "", None]


FILLS: list[tuple[str, dict[str, Any], list[str | None], Any]] = [
    ("FILL_WITH_AVERAGE", {}, ["1", None, "2", "x"], "1.5"),
    ("FILL_WITH_MEDIAN", {}, ["1", None, "9", "3"], "3.0"),
    ("FILL_WITH_SUM", {}, ["1", None, "9"], "10.0"),
    ("FILL_WITH_MOST_FREQUENT", {}, ["b", None, "b", "a", "", ""], "b"),
    ("FILL_WITH_MOST_FREQUENT", {}, ["b", None, "a"], "a"),
    ("FILL_WITH_MODE", {"modeType": "MINIMUM"}, ["1", None, "2", "2", "3", "3", "4"], "2.0"),
    ("FILL_WITH_MODE", {"modeType": "MAXIMUM"}, ["1", None, "2", "2", "3", "3", "4"], "3.0"),
    ("FILL_WITH_MODE", {"modeType": "AVERAGE"}, ["1", None, "2", "2", "3", "3", "4"], "2.5"),
    ("FILL_WITH_MODE", {}, ["1", None, "2", "2", "3", "3", "4"], None),
    ("FILL_WITH_LAST_VALID", {"columnDataType": "int"}, ["1", None, "x"], "1"),
    ("FILL_WITH_LAST_VALID", {"columnDataType": "string"}, [None, None, "x"], None),
    ("REPLACE_WITH_AVERAGE", {"columnDataType": "number"}, ["1", "x", "2", None], "1.5"),
    ("REPLACE_WITH_CUSTOM", {"columnDataType": "int", "value": "0"}, ["1", "x", None], "0"),
    ("REPLACE_WITH_NULL", {"columnDataType": "date"}, ["2020-01-01", "x", ""], None),
    ("REPLACE_WITH_LAST_VALID", {"columnDataType": "int"}, ["7", "x", None], "7"),
    ("REPLACE_WITH_MOST_FREQUENT", {"columnDataType": "int"}, ["7", "x", "7", "x", "x"], "7"),
]


@pytest.mark.parametrize(("operation", "parameters", "cells", "filled"), FILLS)
def test_the_second_cell_is_filled(
    tmp_path: Path,
    operation: str,
    parameters: dict[str, Any],
    cells: list[str | None],
    filled: Any,
) -> None:
    after = change(tmp_path, cells, operation, **parameters)
    assert after[0] == cells[0]
    assert after[1] == filled
    assert len(after) == len(cells)


def test_groups_replace_the_table_in_order_of_first_appearance(tmp_path: Path) -> None:
    rows = [
        {"g": g, "v": v} for g, v in [("b", "1"), (None, "5"), ("a", "x"), ("b", "4"), ("a", "")]
    ]
    options = [
        {"sourceColumnName": "v", "targetColumnName": name.lower(), "functionName": name}
        for name in ("COUNT", "COUNT_DISTINCT", "SUM", "AVERAGE", "MIN", "MAX", "ANY")
    ]
    made = step(
        "GROUP_BY", sourceColumns=["g"], groupByAggFunctionOptions=options, useNewDataFrame="true"
    )
    got = [tuple(row.values()) for row in run_csv(tmp_path, rows, made)]
    assert got == [
        ("b", 2, 2, 5.0, 2.5, "1", "4", "1"),
        (None, 1, 1, 5.0, 5.0, "5", "5", "5"),
        ("a", 1, 1, None, None, "x", "x", "x"),
    ]


def test_groups_can_be_appended_to_the_rows(tmp_path: Path) -> None:
    rows = [{"g": g, "v": "1"} for g in ["b", None, "a", "b", None]]
    option = {
        "sourceColumnName": "v",
        "targetColumnName": "n",
        "targetColumnDataType": "string",
        "functionName": "COUNT",
    }
    made = step(
        "GROUP_BY", sourceColumns=["g"], groupByAggFunctionOptions=[option], useNewDataFrame="false"
    )
    got = run_csv(tmp_path, rows, made)
    assert [(row["g"], row["n"]) for row in got] == [
        ("b", "2"), (None, "2"), ("a", "1"), ("b", "2"), (None, "2"),
    ]  # fmt: skip
