"""Any recipe gives a result or an error of ours, soon, and shows no cell.

Here: random recipes run over hostile cells. Not here: what recipes mean.
"""

import faulthandler
import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from cleanroom_pipeline.recipe import RecipeError, parse_recipe
from cleanroom_pipeline.recipe.engine import EngineError, EngineSettings, run_recipe_to_arrow
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline_tests.recipe.fuzzing import COLUMNS, Drawing
from cleanroom_pipeline_tests.recipe.running import FixedSecrets, write_parquet

FEW, MANY = 250, 6_000
LONGEST_SECONDS = 20
SECRET_CELL = "cell-that-no-message-may-hold"
CELLS = {
    "name": [SECRET_CELL, "Zoë", "", None, "a" * 2_000],
    "e-mail": ["a@b.c", SECRET_CELL, None, "'; --", '"'],
    'quoted "x"; DROP TABLE t; --': ["1", "-2.5", "x", None, "1e400"],
    "größe 📏": [1, -(2**31), None, 2**31 - 1, 0],
    "amount": [0.5, float("nan"), None, -1e300, float("inf")],
    "day": [date(2024, 2, 29), None, date(1, 1, 1), date(9999, 12, 31), date(1970, 1, 1)],
    "tags": [["a", SECRET_CELL], [], None, [None], ["b"]],
}


def check_recipes(folder: Path, seeds: range) -> tuple[int, int]:
    """Run a recipe of each seed; return how many gave rows, and how many were refused."""
    file = write_parquet(folder / "cells.parquet", pa.table(CELLS))
    ran = refused = 0
    for seed in seeds:
        text = json.dumps(Drawing(seed).recipe())
        faulthandler.dump_traceback_later(LONGEST_SECONDS, exit=True)
        try:
            run_recipe_to_arrow(
                parse_recipe(text, name="recipe.json"),
                [file],
                FileFormat(kind="parquet"),
                secrets=FixedSecrets(),
                settings=EngineSettings(memory_limit="200MB"),
            )
            ran += 1
        except (RecipeError, EngineError) as error:
            if SECRET_CELL in str(error):
                message = f"seed {seed} shows a cell: {text}"
                raise AssertionError(message) from error
            refused += 1
        except Exception as error:
            message = f"seed {seed} ended with {type(error).__name__}: {text}"
            raise AssertionError(message) from error
        finally:
            faulthandler.cancel_dump_traceback_later()
    return ran, refused


def test_the_cells_are_those_that_recipes_name() -> None:
    assert tuple(CELLS) == COLUMNS


def test_random_recipes_give_rows_or_an_error_of_ours(tmp_path: Path) -> None:
    ran, refused = check_recipes(tmp_path, range(FEW))
    assert min(ran, refused) > FEW // 20


@pytest.mark.deep
def test_thousands_of_random_recipes_give_rows_or_an_error_of_ours(tmp_path: Path) -> None:
    ran, refused = check_recipes(tmp_path, range(FEW, FEW + MANY))
    assert min(ran, refused) > MANY // 20
