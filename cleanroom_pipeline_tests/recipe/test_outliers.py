"""What the outlier operations refuse, and that the mark of a removed row leaves no trace.

Here: refusals, names. Not here: which numbers are outliers (golden/outliers/, oracles/).
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline_tests.recipe.running import recipe, run_table, step

IQR: dict[str, Any] = {"sourceColumn": "x", "outlierStrategy": "IQR"}
REMOVE: dict[str, Any] = {**IQR, "removeType": "CLEAR"}
ENDS: dict[str, Any] = {"minValue": "5", "maxValue": "95"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    (step("FLAG_OUTLIERS", sourceColumn="x", targetColumn="y"), "outlierStrategy"),
    (step("FLAG_OUTLIERS", **IQR, targetColumn="y", threshold="-1"), "at least 0"),
    (step("FLAG_OUTLIERS", sourceColumn="x", outlierStrategy="ZSCORE"), "did you mean 'Z_SCORE'"),
    (step("REMOVE_OUTLIERS", **IQR), "removeType"),
    (step("REMOVE_OUTLIERS", **REMOVE, trimValue="TRUE"), "needs minValue and maxValue"),
    (step("REMOVE_OUTLIERS", **REMOVE, minValue="101"), "at most 100"),
    (step("REMOVE_OUTLIERS", **REMOVE, minValue="60", maxValue="40"), "not be greater"),
    (step("REPLACE_OUTLIERS", **IQR), "replaceType"),
    (step("REPLACE_OUTLIERS", **IQR, replaceType="WINSORIZE_VALUES"), "needs minValue"),
    (step("REPLACE_OUTLIERS", **IQR, replaceType="REPLACE_WITH_NULL"), "unless trimValue is false"),
    (step("REPLACE_OUTLIERS", **IQR, replaceType="REPLACE_WITH_CUSTOM"), "needs 'value'"),
    (step("REPLACE_OUTLIERS", **IQR, replaceType="REPLACE_WITH_SUM", value="1"), "nothing else"),
    (step("REPLACE_OUTLIERS", **IQR, **ENDS, replaceType="REPLACE_WITH_MODE"), "modeType"),
    (
        step("RESCALE_OUTLIERS_WITH_SKEW", **IQR, targetColumn="y", skewFunction="LOG", value="1"),
        "base of logarithms",
    ),
]


@pytest.mark.parametrize(("made", "reason"), REFUSED)
def test_what_has_no_meaning_is_refused_before_any_row(made: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        recipe(made)


@pytest.mark.parametrize("name", ["outlier", 'a "b".c; DROP TABLE x', "centre", "😀"])
def test_removing_rows_keeps_the_columns_whatever_their_names(tmp_path: Path, name: str) -> None:
    names = [name, "outlier_", "value"]
    table = pa.table({one: [1, 2, 3, 4, 99] for one in names})
    made = step(
        "REMOVE_OUTLIERS", sourceColumn=name, outlierStrategy="IQR", removeType="DELETE_ROWS"
    )
    kept = run_table(tmp_path, table, made)
    assert kept.equals(table.slice(0, 4))


def test_numbers_too_large_for_a_deviation_are_no_outliers(tmp_path: Path) -> None:
    table = pa.table({"x": [1e308, -1e308, 0.0]})
    made = step("FLAG_OUTLIERS", sourceColumn="x", targetColumn="y", outlierStrategy="Z_SCORE")
    assert run_table(tmp_path, table, made)["y"].to_pylist() == ["False"] * 3
