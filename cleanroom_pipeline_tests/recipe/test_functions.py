"""What functions of cells give, and which calls of them are refused.

Here: pairs of cells for a quick look, wrong parameters, types of results. Not here: every case of
each function (golden/), generated cells (oracles/), operations that change cells in place.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.engine import EngineSettings
from cleanroom_pipeline_tests.recipe.running import (
    column,
    condition,
    recipe,
    run_csv,
    run_table,
    step,
)

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


@pytest.mark.parametrize(
    ("operation", "parameters", "problem"),
    [
        ("FLOOR", {"value": "1", "sourceColumn1": "a"}, "either 'sourceColumn' or 'value'"),
        ("CEILING", {"value": "1", "value1": "1"}, "either 'sourceColumn' or 'value'"),
        ("ADD", {"value1": "1"}, "either 'sourceColumn2' or 'value2'"),
        ("LOG", {"value": "1", "base": "1"}, "'base' must be above 0 and not 1"),
        ("LOG", {"value": "1", "base": "-2"}, "'base' must be above 0 and not 1"),
        ("POWER", {"value": "1"}, "missing parameter 'exponent'"),
        ("POWER", {"value": "1", "exponent": "inf"}, "not a finite number"),
        ("RANDOM_BETWEEN", {"lowerBound": "2", "upperBound": "1"}, "greater than upperBound"),
        ("RANDOM_BETWEEN", {"lowerBound": "0.5", "upperBound": "1"}, "not a whole number"),
        ("SUBSTRING", {"value": "a", "startPosition": "3", "endPosition": "2"}, "startPosition is"),
        ("SUBSTRING", {"value": "a", "startPosition": "0", "endPosition": "2"}, "at least 1"),
        ("LEFT", {"value": "a", "position": "-1"}, "at least 0"),
        ("REPEAT_STRING", {"value": "a", "count": "10001"}, "at most 10000"),
        ("FIND", {"value": "a", "pattern": "("}, "'pattern'"),
        ("FIND", {"value": "a", "pattern": "a", "position": "0"}, "at least 1"),
        ("RIGHT_FIND", {"value": "a", "pattern": "[z-a]"}, "'pattern'"),
        ("STARTS_WITH", {"value": "a", "pattern": "("}, "'pattern'"),
        ("ENDS_WITH", {"value": "a", "pattern": "\\Qa"}, "ends within a quotation"),
        ("COALESCE", {"sourceColumns": "[]"}, "'sourceColumns'"),
    ],
)
def test_what_a_function_can_not_take_is_refused(
    operation: str, parameters: dict[str, Any], problem: str
) -> None:
    with pytest.raises(RecipeError, match=problem):
        recipe(step(operation, targetColumn="y", **parameters))


def test_a_row_that_does_not_match_gets_null(tmp_path: Path) -> None:
    only_b = [condition("IS", "k", "b")]
    steps = [
        step("ADD", conditions=only_b, sourceColumn1="n", value2="1", targetColumn="sum"),
        step("UPPER", conditions=only_b, sourceColumn="k", targetColumn="upper"),
        step("RANDOM", conditions=only_b, targetColumn="r"),
    ]
    first, second = run_csv(tmp_path, [{"k": "a", "n": "1"}, {"k": "b", "n": "1"}], *steps)
    assert (first["sum"], first["upper"], first["r"]) == (None, None, None)
    assert (second["sum"], second["upper"]) == (2.0, "B")
    assert second["r"] is not None


def test_no_rows_give_columns_of_the_right_types(tmp_path: Path) -> None:
    types = {"n": pa.int64(), "d": pa.decimal128(38, 18), "t": pa.string()}
    steps = [
        step("ADD", sourceColumn1="n", value2="1", targetColumn="whole"),
        step("ADD", sourceColumn1="n", sourceColumn2="t", targetColumn="double"),
        step("MULTIPLY", sourceColumn1="d", sourceColumn2="d", targetColumn="decimal"),
        step("FIND", sourceColumn="t", pattern="a", targetColumn="place"),
        step("RANDOM", targetColumn="random"),
        step("FORMAT_PHONE_NUMBER", sourceColumn="n", defaultRegionColumn="t"),
    ]
    made = run_table(tmp_path, pa.schema(types).empty_table(), *steps)
    assert dict(zip(made.schema.names, made.schema.types, strict=True)) == {
        "n": pa.string(),
        "d": pa.decimal128(38, 18),
        "t": pa.string(),
        "whole": pa.int64(),
        "double": pa.float64(),
        "decimal": pa.decimal128(38, 18),
        "place": pa.int64(),
        "random": pa.float64(),
    }


def test_a_value_outside_of_the_domain_gives_null_not_an_error(tmp_path: Path) -> None:
    steps = [
        step("LN", value="-1", targetColumn="ln"),
        step("LOG", value="0", base="3", targetColumn="log"),
        step("SQUARE_ROOT", value="-4", targetColumn="root"),
        step("POWER", value="0", exponent="-1", targetColumn="power"),
        step("CHAR", value="55296", targetColumn="char"),
        step("IP_TO_INT", value="999.1.1.1", targetColumn="ip"),
        step("MOD", value1="1.5", value2="0", targetColumn="mod"),
    ]
    made = run_csv(tmp_path, [{"x": "1"}], *steps)[0]
    assert {name for name, cell in made.items() if cell is not None} == {"x"}


def test_any_column_name_will_do(tmp_path: Path) -> None:
    name, target = 'it\'s "a.b"; DROP TABLE x --', "é 😀"
    steps = [
        step("MULTIPLY", sourceColumn1=name, sourceColumn2=name, targetColumn=target),
        step("UPPER", sourceColumn=target, targetColumn=f"{target} '"),
    ]
    assert run_csv(tmp_path, [{name: "3"}], *steps) == [
        {name: "3", target: 9.0, f"{target} '": "9.0"}
    ]


def test_random_numbers_differ_between_columns_and_steps(tmp_path: Path) -> None:
    steps = [step("RANDOM", targetColumn=name) for name in ("a", "b")]
    row = run_csv(tmp_path, [{"x": "1"}], *steps)[0]
    assert row["a"] != row["b"]


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
