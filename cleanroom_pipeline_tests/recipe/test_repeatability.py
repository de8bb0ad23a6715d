"""A column whose cells are drawn anew in each run names no columns.

Here: what may not be looked at before a run. Not here: ciphers themselves (test_ciphers.py).
"""

from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline_tests.recipe.running import condition, run_csv, step

ARN = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
ENCRYPT = step("ENCRYPT", sourceColumns='["a"]', kmsKeyArn=ARN)
ONE_HOT = step("ONE_HOT_ENCODING", sourceColumn="a")
ROWS = [{"a": "x", "b": "1"}, {"a": "y", "b": "2"}]


@pytest.mark.parametrize(
    "between",
    [
        [],
        [
            step("RENAME", sourceColumn="a", targetColumn="c"),
            step("DUPLICATE", sourceColumn="c", targetColumn="a"),
        ],
        [step("SORT", expressions='[{"sourceColumn":"a"}]')],
        [step("UNPIVOT", sourceColumns='["a"]', unpivotColumn="name", valueColumn="a")],
        [
            step("REMOVE_DUPLICATES", sourceColumn="a"),
            step("DELETE", sourceColumn="a"),
            step("RENAME", sourceColumn="b", targetColumn="a"),
        ],
    ],
    ids=["directly", "copied", "sorted", "as rows", "rows chosen by it"],
)
def test_what_is_drawn_anew_names_no_columns(tmp_path: Path, between: list[Any]) -> None:
    with pytest.raises(RecipeError, match=r"\(ONE_HOT_ENCODING\).*other values each time"):
        run_csv(tmp_path, ROWS, ENCRYPT, *between, ONE_HOT)


def test_a_column_beside_it_may_name_columns(tmp_path: Path) -> None:
    made = run_csv(
        tmp_path,
        ROWS,
        ENCRYPT,
        step("REMOVE_VALUES", sourceColumn="b", conditions=[condition("IS", "b", '["1"]')]),
        step("ONE_HOT_ENCODING", sourceColumn="b"),
        step("DELETE", sourceColumn="a"),
    )
    assert made == [{"b": "2", "b_2": 1}]
