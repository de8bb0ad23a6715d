"""Casts and sorting against few-line oracles, on generated cells.

Here: what every cell gives. Not here: chosen examples (golden/basic/).
"""

import re
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline_tests.recipe.oracles.generated import FEW, cells_of, column_of
from cleanroom_pipeline_tests.recipe.oracles.runs import after, changed, each
from cleanroom_pipeline_tests.recipe.running import step

Cells = list[str | None]
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.integers(-200, 200).map(str),
    st.decimals(-1000, 1000, places=3).map(lambda one: f"{one:f}"),
    st.text("0123456789.+-eE _x٣", max_size=6),
)
SIZES = {"byte": 8, "short": 16, "int": 32, "long": 64}


@pytest.mark.parametrize("type_name", SIZES)
@FEW
@given(cells=column_of(st.none() | NUMBERS))
def test_whole_numbers_are_cut_off_and_null_beyond_their_type(type_name: str, cells: Cells) -> None:
    most = 2 ** (SIZES[type_name] - 1)

    def oracle(cell: str) -> int | None:
        if not re.fullmatch(r"[ ]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[ ]*", cell):
            return None
        number = int(Decimal(cell.strip()))
        return number if -most <= number < most else None

    assert changed(cells, "CHANGE_DATA_TYPE", columnDataType=type_name) == each(cells, oracle)


@FEW
@given(column_of(st.none() | st.floats(allow_nan=False)))
def test_a_double_is_the_same_after_it_was_a_text(cells: list[float | None]) -> None:
    texts = changed(cells, "TO_STRING_COLUMN", type_=pa.float64())
    again = changed(texts, "TO_DOUBLE_COLUMN")
    assert list(map(repr, again)) == list(map(repr, cells))


@FEW
@given(cells_of("yYesnoNtTrRuUfFalL10 "))
def test_booleans_are_read_from_a_few_words(cells: Cells) -> None:
    known = {"true": True, "yes": True, "t": True, "y": True, "1": True}
    known |= {"false": False, "no": False, "f": False, "n": False, "0": False}
    got = changed(cells, "TO_BOOLEAN_COLUMN")
    assert got == each(cells, lambda cell: known.get(cell.strip(" ").lower()))


@FEW
@given(cells_of("abAé😀", 2), st.booleans(), st.booleans())
def test_rows_are_sorted_by_code_point_and_stay_in_order_where_equal(
    cells: Cells, descending: bool, nulls_first: bool
) -> None:
    places = range(len(cells))
    nulls = [place for place in places if cells[place] is None]
    there = [place for place in places if cells[place] is not None]
    ordered = sorted(there, key=lambda place: str(cells[place]), reverse=descending)
    entry: dict[str, Any] = {
        "sourceColumn": "x",
        "ordering": "DESCENDING" if descending else "ASCENDING",
        "nullsOrdering": "NULLS_TOP" if nulls_first else "NULLS_BOTTOM",
    }
    table = {"x": (pa.string(), cells), "place": (pa.int64(), places)}
    got = after(table, step("SORT", expressions=[entry]))
    assert got["place"] == (nulls + ordered if nulls_first else ordered + nulls)
