"""Windows in a run: threads, order, odd names, and what is refused.

Here: functions of the window and aggregate families as steps. Not here: what every cell gives
(oracles/), chosen examples (golden/).
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.engine import EngineSettings
from cleanroom_pipeline.recipe.errors import EngineError
from cleanroom_pipeline_tests.recipe.running import column, condition, run_csv, run_table, step

AROUND: dict[str, Any] = {"sourceColumn": "x", "numRowsBefore": 9, "numRowsAfter": 30}
STEPS = [
    *[
        step(f"ROLLING_{name}", targetColumn=name, **AROUND)
        for name in ("SUM", "AVERAGE", "STANDARD_DEVIATION", "VARIANCE", "MAX")
    ],
    step("ROLLING_KTH_LARGEST", targetColumn="third", value=3, **AROUND),
    step("ROW_NUMBER", groupByColumns=["g"], orderByColumns=["x"], targetColumn="nth"),
]


def test_any_number_of_threads_gives_the_same_numbers_to_the_last_bit(tmp_path: Path) -> None:
    count = 150_000
    table = pa.table(
        {
            "x": [f"{place * 7919 % 10007 / 97}" for place in range(count)],
            "g": [str(place % 7) for place in range(count)],
        }
    )
    runs = [
        run_table(tmp_path, table, *STEPS, settings=EngineSettings(threads=threads))
        for threads in (1, 2, 4)
    ]
    assert runs[0].num_rows == count
    assert runs[0].equals(runs[1])
    assert runs[0].equals(runs[2])


def test_numbers_in_a_csv_file_are_numbers(tmp_path: Path) -> None:
    rows = [{"x": cell, "n": "1"} for cell in ["9", "10", None, "a"]]
    steps = [
        step("ROLLING_MAX", targetColumn="most", **AROUND),
        step("SUM", sourceColumns=["x", "n"], targetColumn="sum"),
    ]
    after = run_csv(tmp_path, rows, *steps)
    assert column(after, "most") == [10.0] * 4
    assert column(after, "sum") == [10.0, 11.0, 1.0, 1.0]


def test_a_window_follows_the_order_that_a_sort_has_made(tmp_path: Path) -> None:
    rows = [{"x": cell} for cell in ["b", "c", "a"]]
    steps = [
        step("SORT", expressions=[{"sourceColumn": "x"}]),
        step("NEXT", sourceColumn="x", numRows=1, targetColumn="y"),
        step("REMOVE_VALUES", conditions=[condition("IS", "x", "b")]),
    ]
    after = run_csv(tmp_path, rows, *steps)
    assert after == [{"x": "a", "y": "b"}, {"x": "c", "y": None}]


def test_names_may_hold_anything_and_steps_may_follow_each_other(tmp_path: Path) -> None:
    name = 'a "b". 🙂 begins; DROP TABLE x'
    rows = [{name: "2026-01-01"}, {name: "2026-01-03"}]
    session = step("SESSION", sourceColumn=name, units="DAYS", value=1, targetColumn="s'")
    total = step(
        "ROLLING_SUM", sourceColumn="s'", numRowsBefore=1, numRowsAfter=0, targetColumn="t"
    )
    after = run_csv(tmp_path, rows, session, total)
    assert [list(row) for row in after] == [[name, "s'", "t"]] * 2
    assert column(after, "t") == [1, 3]


def test_no_rows_give_columns_of_the_right_types(tmp_path: Path) -> None:
    table = pa.table({"x": pa.array([], pa.int32()), "t": pa.array([], pa.timestamp("us"))})
    steps = [
        step("ROLLING_SUM", targetColumn="sum", **AROUND),
        step("ROLLING_MODE", targetColumn="mode", modeType="AVERAGE", **AROUND),
        step("SESSION", sourceColumn="t", units="HOURS", value=1, targetColumn="session"),
        step("KTH_LARGEST", sourceColumns=["x"], value=1, targetColumn="first"),
        step("STANDARD_DEVIATION", sourceColumns=["x"], targetColumn="sd"),
    ]
    after = run_table(tmp_path, table, *steps)
    types = [after.schema.field(name).type for name in ("sum", "mode", "session", "first", "sd")]
    assert types == [pa.int64(), pa.float64(), pa.int64(), pa.int64(), pa.float64()]
    assert after.num_rows == 0


def test_a_decimal_sum_of_more_than_38_digits_stops_the_run(tmp_path: Path) -> None:
    most = pa.array(["99999999999999999999.5"] * 2).cast(pa.decimal128(38, 1))
    table = pa.table({"x": most.cast(pa.decimal128(38, 18))})
    with pytest.raises(EngineError):
        run_table(tmp_path, table, step("ROLLING_SUM", targetColumn="y", **AROUND))


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("ROLLING_SUM", {**AROUND, "numRowsBefore": -1}, "at least 0"),
    ("ROLLING_SUM", {"sourceColumn": "x", "numRowsBefore": 1}, "numRowsAfter"),
    ("ROLLING_SUM", {**AROUND, "sourceColumn": "y"}, "unknown column 'y'"),
    ("ROLLING_KTH_LARGEST", {**AROUND, "value": 0}, "at least 1"),
    ("ROLLING_KTH_LARGEST", {**AROUND, "value": 1_000_000}, "at most 999999"),
    ("ROLLING_MODE", {**AROUND, "modeType": "FIRST"}, "modeType"),
    ("FILL", {**AROUND, "targetColumn": "x"}, "already exists"),
    ("NEXT", {"sourceColumn": "x", "numRows": "many"}, "not a whole number"),
    ("ROW_NUMBER", {"groupByColumns": ["y"]}, "unknown column 'y'"),
    ("SESSION", {"sourceColumn": "x", "units": "AGES", "value": 1}, "AGES"),
    ("SESSION", {"sourceColumn": "x", "units": "YEARS", "value": 10_001}, "10 000 years"),
    ("SESSION", {"sourceColumn": "x", "units": "DAYS", "value": 1, "targetColumn": "x"}, "exists"),
    ("KTH_LARGEST", {"sourceColumns": ["x"]}, "missing parameter 'value'"),
    ("MEDIAN", {"sourceColumns": ["x", "y"]}, "unknown column 'y'"),
]


@pytest.mark.parametrize(("operation", "parameters", "words"), REFUSED)
def test_what_cannot_be_meant_is_refused_before_a_row_is_read(
    tmp_path: Path, operation: str, parameters: dict[str, Any], words: str
) -> None:
    made = step(operation, **{"targetColumn": "new", **parameters})
    with pytest.raises(RecipeError, match=words):
        run_csv(tmp_path, [{"x": "1"}], made)
