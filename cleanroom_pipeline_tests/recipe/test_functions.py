"""What functions of cells give.

Here: golden pairs of the function families. Not here: operations that change cells in place.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.engine import EngineSettings
from cleanroom_pipeline_tests.recipe.running import column, recipe, run_csv, step

MOMENT = "2013-02-21 06:35:45.658505"
UNARY: list[tuple[str, dict[str, Any], dict[str | None, Any]]] = [
    ("ABSOLUTE", {}, {"-1.5": 1.5, "x": None, None: None}),
    ("CEILING", {}, {"1.2": 2.0, "-1.2": -1.0}),
    ("FLOOR", {}, {"1.8": 1.0, "-1.2": -2.0}),
    ("NEGATE", {}, {"2": -2.0}),
    ("ROUND", {}, {"2.5": 3.0, "-2.5": -2.0, "2.4": 2.0}),
    ("SIGN", {}, {"-3": -1.0, "0": 0.0}),
    ("SQUARE_ROOT", {}, {"9": 3.0, "-1": None}),
    ("LN", {}, {"1": 0.0, "0": None}),
    ("EXPONENT", {}, {"0": 1.0}),
    ("DEGREES", {}, {"0": 0.0}),
    ("RADIANS", {}, {"0": 0.0}),
    ("IS_EVEN", {}, {"2": "True", "-3": "False", "2.5": "False", "x": None}),
    (
        "IS_ODD",
        {"trueString": "y", "falseString": "n"},
        {"3": "y", "-3": "y", "2": "n", "2.5": "n"},
    ),
    ("LOWER", {}, {"É": "é", None: None}),
    ("UPPER", {}, {"é": "É"}),
    ("TRIM", {}, {"\t a b ": "a b"}),
    ("REMOVE_WHITESPACE", {}, {" a\tb ": "ab"}),
    ("REMOVE_SYMBOLS", {}, {"a-é 1_!": "aé 1"}),
    ("LEN", {}, {"é😀": 2, "": 0, None: None}),
    ("LEFT", {"position": 2}, {"abc": "ab", "a": "a"}),
    ("RIGHT", {"position": "2"}, {"abc": "bc"}),
    ("YEAR", {"dateTimeFormat": "yyyy-mm-dd*HH:MM:SS"}, {MOMENT: 2013, "x": None}),
    ("MONTH", {}, {MOMENT: 2}),
    ("DAY", {}, {MOMENT: 21}),
    ("HOUR", {}, {MOMENT: 6}),
    ("MINUTE", {}, {MOMENT: 35}),
    ("SECOND", {}, {MOMENT: 45}),
    ("MILLISECOND", {}, {MOMENT: 658}),
    ("QUARTER", {}, {MOMENT: 1}),
    ("MONTH_NAME", {}, {MOMENT: "February"}),
    ("UNIX_TIME", {}, {"1970-01-02": 86_400}),
]


@pytest.mark.parametrize(("operation", "parameters", "pairs"), UNARY)
def test_functions_of_one_cell(
    tmp_path: Path, operation: str, parameters: dict[str, Any], pairs: dict[str | None, Any]
) -> None:
    made = step(operation, sourceColumn="x", targetColumn="y", **parameters)
    rows = [{"x": cell, "n": "1"} for cell in pairs]
    assert column(run_csv(tmp_path, rows, made), "y") == list(pairs.values())


BINARY: list[tuple[str, Any]] = [
    ("ADD", 9.0), ("SUBTRACT", 5.0), ("MULTIPLY", 14.0), ("DIVIDE", 3.5), ("MOD", 1.0),
    ("EXACT", False), ("STRING_GREATER_THAN", True), ("STRING_GREATER_THAN_EQUAL", True),
    ("STRING_LESS_THAN", False), ("STRING_LESS_THAN_EQUAL", False),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "expected"), BINARY)
def test_functions_of_two_cells(tmp_path: Path, operation: str, expected: Any) -> None:
    made = step(operation, sourceColumn1="a", value2="2", targetColumn="y")
    got = run_csv(tmp_path, [{"a": "7"}, {"a": None}], made)
    assert column(got, "y") == [expected, None]


def test_dividing_by_zero_gives_null(tmp_path: Path) -> None:
    made = [
        step(name, value1="1", sourceColumn2="a", targetColumn=name) for name in ("DIVIDE", "MOD")
    ]
    assert run_csv(tmp_path, [{"a": "0"}], *made) == [{"a": "0", "DIVIDE": None, "MOD": None}]


def test_coalesce_takes_the_first_cell_that_is_there(tmp_path: Path) -> None:
    made = step("COALESCE", sourceColumns=["a", "b"], targetColumn="y")
    rows = [{"a": None, "b": "2"}, {"a": "", "b": "2"}, {"a": None, "b": None}]
    assert column(run_csv(tmp_path, rows, made), "y") == ["2", "", None]


def test_a_function_may_take_a_value_instead_of_a_column(tmp_path: Path) -> None:
    made = step("UPPER", value="it's", targetColumn="y")
    assert run_csv(tmp_path, [{"a": "1"}], made) == [{"a": "1", "y": "IT'S"}]
    with pytest.raises(RecipeError, match="either 'sourceColumn' or 'value'"):
        recipe(step("UPPER", targetColumn="y"))


def test_the_clock_is_given(tmp_path: Path) -> None:
    now = EngineSettings(now=datetime(2024, 3, 1, 2, 0, tzinfo=UTC))
    steps = [
        step("TODAY", targetColumn="utc"),
        step("TODAY", targetColumn="ny", timeZone="America/New_York"),
        step("NOW", targetColumn="now", timeZone="UTC+08:00"),
    ]
    got = run_csv(tmp_path, [{"a": "1"}], *steps, settings=now)
    assert got[0] == {
        "a": "1",
        "utc": "2024-03-01",
        "ny": "2024-02-29",
        "now": "2024-03-01 10:00:00",
    }
    with pytest.raises(RecipeError, match="no time zone"):
        recipe(step("TODAY", targetColumn="y", timeZone="../etc/passwd"))
