"""What steps that split columns refuse, and the columns they leave.

Here: refusals before a row is read, names. Not here: the cells (golden/column_structure/).
"""

from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline_tests.recipe.running import condition, recipe, run_csv, step

SINGLE = "SPLIT_COLUMN_SINGLE_DELIMITER"
MULTIPLE = "SPLIT_COLUMN_MULTIPLE_DELIMITER"
PAIR = "SPLIT_COLUMN_BETWEEN_DELIMITER"
POSITIONS = "SPLIT_COLUMN_BETWEEN_POSITIONS"
INTERVALS = "SPLIT_COLUMN_WITH_INTERVALS"
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (SINGLE, {"pattern": "|"}, r"write \\\|, or isText true"),
    (SINGLE, {"pattern": "(a"}, "'pattern' is no regular expression"),
    (SINGLE, {"pattern": ",", "limit": 0}, "at least 1"),
    (MULTIPLE, {"patternOptions": []}, "JSON list of objects"),
    (MULTIPLE, {"patternOptions": [{"patern": ","}]}, "did you mean 'pattern'"),
    (MULTIPLE, {"patternOptions": [{"includeInSplit": True}]}, "needs a pattern"),
    (MULTIPLE, {"patternOptions": [{"pattern": 1}]}, "needs a pattern"),
    (MULTIPLE, {"patternOptions": [{"pattern": ".", "includeInSplit": True}]}, r"write \\\."),
    (MULTIPLE, {"patternOptions": [{"pattern": ",", "includeInSplit": "so"}]}, "true nor false"),
    (MULTIPLE, {"patternOptions": [{"pattern": ","}], "limit": 21}, "at most 20"),
    (PAIR, {"patternOption1": "<", "patternOption2": {"pattern": ">"}}, "'patternOption1' is not"),
    (PAIR, {"patternOption1": {"pattern": "<"}}, "missing parameter 'patternOption2'"),
    (PAIR, {"patternOption1": [], "patternOption2": {"pattern": ">"}}, "'patternOption1' is not"),
    (POSITIONS, {"startPosition": 3, "endPosition": 2}, "greater than endPosition"),
    (POSITIONS, {"startPosition": 0, "endPosition": 2}, "at least 1"),
    ("SPLIT_COLUMN_FROM_START", {"position": -1}, "at least 0"),
    ("SPLIT_COLUMN_FROM_END", {"position": "one"}, "whole number"),
    (INTERVALS, {"startPosition": 1, "interval": 0}, "at least 1"),
]


@pytest.mark.parametrize(("operation", "parameters", "reason"), REFUSED)
def test_what_says_nothing_clear_is_refused(
    operation: str, parameters: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RecipeError, match=reason):
        recipe(step(operation, sourceColumn="x", **parameters))


def test_a_split_takes_no_condition() -> None:
    limited = step(SINGLE, sourceColumn="x", pattern=",", conditions=[condition("IS", "x", "a")])
    with pytest.raises(RecipeError, match="ConditionExpressions"):
        recipe(limited)


def test_a_new_name_that_is_taken_is_refused_before_a_row_is_read() -> None:
    split = recipe(step(SINGLE, sourceColumn="x", pattern=","))
    (finding,) = split.check(["x", "x_2"])
    assert "'x_2' already exists" in finding.message
    assert split.check(["x", "y_2"]) == ()


def test_columns_after_intervals_are_known_when_the_data_is(tmp_path: Path) -> None:
    made = [
        step(INTERVALS, sourceColumn="x", startPosition=1, interval=2),
        step("DELETE", sourceColumn="x_2"),
    ]
    assert recipe(*made).check(["x", "y"]) == ()
    rows = [{"x": "abcde", "y": "é"}, {"x": None, "y": None}]
    assert run_csv(tmp_path, rows, *made) == [
        {"x_1": "ab", "x_3": "e", "y": "é"},
        {"x_1": None, "x_3": None, "y": None},
    ]
    with pytest.raises(RecipeError, match="unknown column 'x_2'"):
        run_csv(tmp_path, [{"x": "ab", "y": "1"}], *made)


def test_intervals_that_make_too_many_columns_are_refused_without_a_cell(tmp_path: Path) -> None:
    made = step(INTERVALS, sourceColumn="x", startPosition=1, interval=1)
    with pytest.raises(RecipeError, match="101 columns, more than 100") as refused:
        run_csv(tmp_path, [{"x": "secret" * 16 + "12345", "y": "1"}], made)
    assert "secret" not in str(refused.value)
