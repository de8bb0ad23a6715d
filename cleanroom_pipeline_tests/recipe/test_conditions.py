"""Which rows a condition takes, against an oracle in plain Python.

Here: all 15 conditions. Not here: the operations they limit.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.conditions import NAMES
from cleanroom_pipeline_tests.recipe.running import (
    column,
    condition,
    recipe,
    run_csv,
    run_table,
    step,
)

CELLS = [None, "", "5", "10", "-1.5", "abc", "ab", "ABC", "b%_", "a'b", "2020-01-01", "é", "[x]"]


def as_number(cell: str | None) -> float | None:
    try:
        return None if cell is None else float(cell)
    except ValueError:
        return None


def ordered(compare: Callable[[Any, Any], bool]) -> Callable[[str | None, str], bool]:
    def holds(cell: str | None, value: str) -> bool:
        limit = as_number(value)
        if limit is not None:
            number = as_number(cell)
            return number is not None and compare(number, limit)
        return cell is not None and compare(cell, value)

    return holds


def is_between(cell: str | None, value: str) -> bool:
    ends = json.loads(value)
    at_least = ordered(lambda a, b: a >= b)(cell, ends["GREATER_THAN_EQUAL"])
    return at_least and ordered(lambda a, b: a <= b)(cell, ends["LESS_THAN_EQUAL"])


ORACLE: Mapping[str, Callable[[str | None, str], bool]] = {
    "IS": lambda cell, value: cell == value,
    "IS_NOT": lambda cell, value: cell != value,
    "IS_BETWEEN": is_between,
    "LESS_THAN": ordered(lambda a, b: a < b),
    "LESS_THAN_EQUAL": ordered(lambda a, b: a <= b),
    "GREATER_THAN": ordered(lambda a, b: a > b),
    "GREATER_THAN_EQUAL": ordered(lambda a, b: a >= b),
    "CONTAINS": lambda cell, value: cell is not None and value in cell,
    "NOT_CONTAINS": lambda cell, value: cell is None or value not in cell,
    "STARTS_WITH": lambda cell, value: cell is not None and cell.startswith(value),
    "NOT_STARTS_WITH": lambda cell, value: cell is None or not cell.startswith(value),
    "ENDS_WITH": lambda cell, value: cell is not None and cell.endswith(value),
    "NOT_ENDS_WITH": lambda cell, value: cell is None or not cell.endswith(value),
    "IS_INVALID": lambda cell, value: bool(cell) and as_number(cell) is None,
    "IS_MISSING": lambda cell, value: not cell,
}
VALUES = {"IS_INVALID": "double", "IS_BETWEEN": '{"GREATER_THAN_EQUAL":"5","LESS_THAN_EQUAL":"10"}'}


def kept(folder: Path, cells: list[str | None], name: str, value: str) -> list[str | None]:
    made = step("REMOVE_VALUES", sourceColumn="x", conditions=[condition(name, "x", value)])
    return column(run_csv(folder, [{"x": cell, "n": "1"} for cell in cells], made), "x")


def test_the_oracle_knows_every_condition() -> None:
    assert set(ORACLE) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_satisfy_a_condition_are_removed(tmp_path: Path, name: str) -> None:
    for value in [VALUES[name]] if name in VALUES else ["ab", "5", "'", "%"]:
        expected = [cell for cell in CELLS if not ORACLE[name](cell, value)]
        assert kept(tmp_path, list(CELLS), name, value) == expected


TEXT = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"]) | st.sampled_from("'\"%_\\[]\n,;-"), max_size=6
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.none() | TEXT, min_size=1, max_size=8),
    TEXT.filter(lambda text: bool(text) and not text.lstrip().startswith("[")),
    st.sampled_from(sorted(set(NAMES) - {"IS_BETWEEN", "IS_INVALID", "LESS_THAN", "GREATER_THAN",
                                         "LESS_THAN_EQUAL", "GREATER_THAN_EQUAL"})),
)  # fmt: skip
def test_hostile_texts_are_compared_as_data(
    tmp_path: Path, cells: list[str | None], value: str, name: str
) -> None:
    expected = [cell for cell in cells if not ORACLE[name](cell, value)]
    assert kept(tmp_path, cells, name, value) == expected


def test_is_takes_a_list_of_texts(tmp_path: Path) -> None:
    assert kept(tmp_path, ["NY", "CA", "TX", None], "IS", '["NY","CA"]') == ["TX", None]
    assert kept(tmp_path, ["NY", "CA", "TX", None], "IS_NOT", '["NY","CA"]') == ["NY", "CA"]


def test_text_in_brackets_that_is_no_list_is_taken_literally(tmp_path: Path) -> None:
    assert kept(tmp_path, ["[TEST] a", "b"], "CONTAINS", "[TEST]") == ["b"]
    assert kept(tmp_path, ["[TEST]", "b"], "IS", "[TEST]") == ["b"]


def test_dates_are_compared_as_dates(tmp_path: Path) -> None:
    cells = ["12/31/2019", "2020-01-02", "no", None]
    assert kept(tmp_path, list(cells), "LESS_THAN", "2020-01-01") == cells[1:]


def test_all_conditions_of_a_step_must_hold(tmp_path: Path) -> None:
    both = [condition("STARTS_WITH", "x", "a"), condition("IS_MISSING", "y")]
    rows = [{"x": "a", "y": None}, {"x": "a", "y": "1"}, {"x": "b", "y": None}]
    assert run_csv(tmp_path, rows, step("REMOVE_VALUES", conditions=both)) == rows[1:]


def test_rows_outside_the_conditions_keep_their_cells(tmp_path: Path) -> None:
    made = step("UPPER_CASE", sourceColumn="x", conditions=[condition("IS_NOT", "x", "b")])
    got = run_csv(tmp_path, [{"x": "a"}, {"x": "b"}, {"x": "c"}], made)
    assert column(got, "x") == ["A", "b", "C"]


def test_rows_outside_the_conditions_get_null_in_a_new_column(tmp_path: Path) -> None:
    only_b = [condition("IS", "x", "b")]
    made = step("DATE_FORMAT", value="2020-01-02", targetColumn="y", conditions=only_b)
    got = run_csv(tmp_path, [{"x": "a"}, {"x": "b"}], made)
    assert column(got, "y") == [None, "2020-01-02 00:00:00"]


def test_duplicates_are_removed_among_the_rows_of_the_conditions(tmp_path: Path) -> None:
    there = [condition("IS_NOT", "k", "x")]
    rows = [{"k": key, "n": str(n)} for n, key in enumerate(["x", "a", "x", "a"])]
    got = run_csv(tmp_path, rows, step("REMOVE_DUPLICATES", sourceColumn="k", conditions=there))
    assert column(got, "n") == ["0", "1", "2"]


def test_typed_columns_are_compared_by_value(tmp_path: Path) -> None:
    made = step("REMOVE_VALUES", conditions=[condition("GREATER_THAN", "x", "9")])
    table = run_table(tmp_path, pa.table({"x": [10, 9, None]}), made)
    assert column(table.to_pylist(), "x") == [9, None]


def test_fractions_are_compared_as_numbers(tmp_path: Path) -> None:
    made = step("REMOVE_VALUES", conditions=[condition("IS", "x", '["5","x"]')])
    table = run_table(tmp_path, pa.table({"x": [5.0, 5.5, None]}), made)
    assert column(table.to_pylist(), "x") == [5.5, None]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (condition("IS_INVALID", "x", "strin"), "did you mean 'string'"),
        (condition("IS_BETWEEN", "x", "1,2"), "GREATER_THAN_EQUAL"),
        (condition("LESS_THAN", "x"), "needs a Value"),
        (condition("CONTAIN", "x", "a"), "did you mean 'CONTAINS'"),
    ],
)
def test_wrong_conditions_are_refused(made: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        recipe(step("LOWER_CASE", sourceColumn="x", conditions=[made]))
