"""A cell that names a column or a field stands in no message about a recipe.

Here: messages after steps that name columns by cells. Not here: what those steps make
(golden/data_structure).
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.withheld import INSTEAD, withhold
from cleanroom_pipeline_tests.recipe.running import run_table, step

CELL = 'Ada "Al" O\'Hara\n1815'
ROWS = pa.table({"tags": [CELL, None], "n": [1, 2], "json": ['{"Ada 1815": 1, "b": {"x": 1}}'] * 2})
ONE_HOT = step("ONE_HOT_ENCODING", sourceColumn="tags")
PIVOT = step("PIVOT", sourceColumn="tags", valueColumn="n", aggregateFunction="SUM")
TRANSPOSED = step("TRANSPOSE", pivotColumns='["tags"]', valueColumns='["n"]')
STRUCT = step("JSON_TO_STRUCTS", sourceColumns='["json"]', unnestLevel="2")
STRUCT_AGAIN = step("JSON_TO_STRUCTS", sourceColumns='["json_struct"]', unnestLevel="2")
EXTRACTED = step("EXTRACT_VALUE", sourceColumn="json_struct", path="Ada 18", targetColumn="y")
UNNESTED = step("UNNEST_STRUCT", sourceColumn="json")


def upper(name: str) -> Any:
    return step("UPPER_CASE", sourceColumn=name)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([ONE_HOT, ONE_HOT], id="the same column again"),
        pytest.param([ONE_HOT, upper("tags_Ada 'Al' O'Hara")], id="a near name"),
        pytest.param([PIVOT, upper("tags_Ada Al O'Hara")], id="a near name after a pivot"),
        pytest.param([STRUCT, STRUCT_AGAIN], id="the type of a column"),
        pytest.param([STRUCT, EXTRACTED], id="a near field"),
        pytest.param([UNNESTED, upper("json.Ada 18")], id="a near name of a field"),
    ],
)
def test_a_cell_that_names_a_column_is_not_told(tmp_path: Path, steps: list[Any]) -> None:
    with pytest.raises(RecipeError) as caught:
        run_table(tmp_path, ROWS, *steps)
    assert "1815" not in str(caught.value)


def test_what_the_author_wrote_is_told(tmp_path: Path) -> None:
    colours = pa.table({"tags": ["red", "blue"]})
    with pytest.raises(RecipeError, match="unknown column 'tags_rad'; did you mean 'tags_red'"):
        run_table(tmp_path, colours, ONE_HOT, upper("tags_red"), upper("tags_rad"))


@given(st.text(min_size=1), st.sampled_from(["'{}'", "{!r}", '"{}"', "'x_{}_2'", "'x.{}'"]))
def test_no_spelling_of_a_seen_text_is_left(text: str, spelling: str) -> None:
    assert INSTEAD in withhold("? " + spelling.format(text) + " ?", {text}, written="")


@pytest.mark.parametrize("seen", ["a", "de", "column", "10"])
def test_a_sentence_of_ours_stays_whole(seen: str) -> None:
    message = "column 'made' has more than 10 distinct values"
    assert withhold(message, {seen}, written="") == message
