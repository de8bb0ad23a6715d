"""What filling, replacing and removing refuse, and that a whole column's value is one value.

Here: refusals, threads. Not here: what cells get (golden/data_quality/, oracles/).
"""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.engine import EngineSettings
from cleanroom_pipeline_tests.recipe.running import column, recipe, rows_of, run_table, step

REFUSED: list[tuple[dict[str, Any], str]] = [
    (step("FILL_WITH_CUSTOM", sourceColumn="x"), "missing parameter 'value'"),
    (step("FILL_WITH_AVERAGE", sourceColumn="x", columnDataType="string"), "needs numbers"),
    (step("FILL_WITH_MODE", sourceColumn="x", modeType="MOST"), "modeType"),
    (step("REPLACE_WITH_NULL", sourceColumn="x"), "missing parameter 'columnDataType'"),
    (step("REPLACE_WITH_NULL", sourceColumn="x", columnDataType="unsupported"), "says nothing"),
    (step("REPLACE_WITH_SUM", sourceColumn="x", columnDataType="date"), "needs numbers"),
    (
        step("REPLACE_WITH_EMPTY", sourceColumn="x", columnDataType="string", advancedDataType="a"),
        "advancedDataType is refused",
    ),
    (
        step("REMOVE_INVALID", sourceColumn="x", columnDataType="string", advancedDataType="Email"),
        "advancedDataType is refused",
    ),
    (step("REPLACE_WITH_ROLLING_SUM", sourceColumn="x"), "missing parameter 'period'"),
    (step("REPLACE_WITH_ROLLING_SUM", sourceColumn="x", period="0"), "at least 1"),
    (
        step("REPLACE_WITH_ROLLING_SUM", sourceColumn="x", period="1", columnDataType="date"),
        "columnDataType",
    ),
]


@pytest.mark.parametrize(("made", "reason"), REFUSED)
def test_what_has_no_meaning_is_refused_before_any_row(made: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        recipe(made)


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        (pa.array([1, None]), "1.5"),
        (pa.array([1.5, None]), "many"),
        (pa.array([True, None]), "maybe"),
        (pa.array([None], pa.date32()), "tomorrow"),
        (pa.array([None], pa.timestamp("us")), "31.12.2026"),
        (pa.array([None], pa.decimal128(5, 2)), "a"),
        (pa.array([None], pa.list_(pa.string())), "a"),
    ],
)
def test_a_value_that_the_column_cant_hold_is_refused(
    tmp_path: Path, cells: Any, value: str
) -> None:
    made = step("FILL_WITH_CUSTOM", sourceColumn="x", value=value)
    with pytest.raises(RecipeError, match=r"column 'x'"):
        run_table(tmp_path, pa.table({"x": cells}), made)


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("FILL_WITH_AVERAGE", {}),
        ("FILL_WITH_SUM", {}),
        ("REPLACE_WITH_ROLLING_SUM", {"period": 1000}),
        (
            "REPLACE_OUTLIERS",
            {
                "outlierStrategy": "Z_SCORE",
                "threshold": 1.5,
                "replaceType": "REPLACE_WITH_AVERAGE",
            },
        ),
    ],
)
def test_a_sum_of_floats_does_not_depend_on_threads(
    tmp_path: Path, operation: str, parameters: dict[str, Any]
) -> None:
    numbers = random.Random(7)
    cells = [None, *[numbers.uniform(-1e9, 1e9) ** 3 for _ in range(250_000)]]
    made = step(operation, sourceColumn="x", **parameters)
    results = {
        tuple(
            column(
                rows_of(
                    run_table(
                        tmp_path, pa.table({"x": cells}), made, settings=EngineSettings(threads=n)
                    )
                ),
                "x",
            )
        )
        for n in (1, 4)
    }
    assert len(results) == 1
