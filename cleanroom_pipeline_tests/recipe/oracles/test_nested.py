"""Nested columns, made and taken apart, against plain Python.

Here: oracles of NEST_*, UNNEST_*, JSON_TO_STRUCTS, EXTRACT_VALUE. Not here: examples (golden/).
"""

import json
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline_tests.recipe.oracles.generated import FEW, TEXTS, column_of
from cleanroom_pipeline_tests.recipe.oracles.runs import after, run_cells
from cleanroom_pipeline_tests.recipe.running import step

PAIRS = column_of(st.tuples(TEXTS, st.none() | st.integers(-(2**31), 2**31 - 1)))
LISTS = column_of(st.none() | st.lists(TEXTS, max_size=4))
JSON_CELLS = column_of(
    st.none()
    | st.fixed_dictionaries({}, optional={"a": TEXTS, "n": st.none() | st.integers(-99, 99)})
)
NEST: dict[str, Any] = {
    "sourceColumns": '["a","n"]',
    "targetColumn": "made",
    "removeSourceColumns": "true",
}


def columns(pairs: list[tuple[str | None, int | None]]) -> dict[str, Any]:
    texts, numbers = zip(*pairs, strict=True)
    return {"a": (pa.string(), texts), "n": (pa.int32(), numbers)}


@given(PAIRS)
@FEW
def test_nested_cells_are_those_of_the_row(pairs: list[tuple[str | None, int | None]]) -> None:
    structs = after(columns(pairs), step("NEST_TO_STRUCT", **NEST))["made"]
    assert structs == [{"a": text, "n": number} for text, number in pairs]
    spelled = [[text, None if number is None else str(number)] for text, number in pairs]
    assert after(columns(pairs), step("NEST_TO_ARRAY", **NEST))["made"] == spelled
    maps = after(columns(pairs), step("NEST_TO_MAP", **NEST))["made"]
    assert maps == [list(zip("an", cells, strict=True)) for cells in spelled]


@given(PAIRS)
@FEW
def test_a_struct_taken_apart_is_what_it_was_made_of(
    pairs: list[tuple[str | None, int | None]],
) -> None:
    made = after(
        columns(pairs),
        step("NEST_TO_STRUCT", **NEST),
        step("EXTRACT_VALUE", sourceColumn="made", targetColumn="text", path="`a`"),
        step("UNNEST_STRUCT_N", sourceColumns='["made"]', delimiter="/"),
        step("UNNEST_STRUCT", sourceColumn="made", removeSourceColumn="true"),
    )
    texts, numbers = map(list, zip(*pairs, strict=True))
    assert made == {"text": texts, "made/a": texts, "made/n": numbers, "a": texts, "n": numbers}


@given(LISTS)
@FEW
def test_each_element_gets_a_row(cells: list[list[str | None] | None]) -> None:
    found = run_cells(cells, "UNNEST_ARRAY", pa.list_(pa.string()), targetColumn="y")
    assert found["y"] == [one for cell in cells for one in cell or [None]]


@given(JSON_CELLS)
@FEW
def test_json_texts_become_structs_of_all_their_fields(cells: list[dict[str, Any] | None]) -> None:
    # The first row has both fields, so that their types are known.
    whole: list[dict[str, Any] | None] = [{"a": "x", "n": 1}, *cells]
    texts = [None if cell is None else json.dumps(cell) for cell in whole]
    found = run_cells(texts, "JSON_TO_STRUCTS", removeSourceColumn="true")["x"]
    expected = [
        None if cell is None else {"a": cell.get("a"), "n": cell.get("n")} for cell in whole
    ]
    assert found == expected
