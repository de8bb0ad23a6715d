"""Where our output differs from a file of DataBrew's, and which step is suspected.

Here: when cells are the same, how differences are counted and told. Not here: the command.
"""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.recipe.parity import (
    Comparison,
    compare,
    comparison_text,
    spelling,
    suspects,
)
from cleanroom_pipeline.recipe.plan import Column
from cleanroom_pipeline_tests.recipe.running import condition, recipe, step


def compared(ours: pa.Table, theirs: pa.Table, *, csv: bool = True, size: int = 2) -> Comparison:
    return compare(
        ours.to_batches(max_chunksize=size),
        theirs.to_batches(),
        (ours.schema, theirs.schema),
        csv=csv,
        most=3,
    )


def texts(**columns: list[str | None]) -> pa.Table:
    return pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})


@pytest.mark.parametrize(
    ("type_", "ours", "theirs", "same"),
    [
        (pa.string(), "5", "5.0", False),
        (pa.string(), " a", "a", False),
        (pa.int64(), "5", "5.0", True),
        (pa.int64(), "5", "5.1", False),
        (pa.float64(), "0.1", "0.10000000000000001", True),
        (pa.float64(), "1e3", "1000", True),
        (pa.float64(), "NaN", "nan", True),
        (pa.decimal128(10, 2), "1.50", "1.5", True),
        (pa.decimal128(10, 2), "100", "1E+2", True),
        (pa.bool_(), "true", "True", True),
        (pa.timestamp("us"), "2020-01-01 00:00:00", "2020-01-01T00:00:00.000Z", True),
        (pa.timestamp("us"), "2020-01-01 00:00:00", "2020-01-01T00:00:00+01:00", False),
        (pa.date32(), "2020-01-01", "2020-01-01", True),
        (pa.date32(), "2020-01-01", "January", False),
        (pa.list_(pa.int64()), "[1, 2]", "[1,2]", True),
    ],
)
def test_cells_are_compared_as_what_our_column_is(
    type_: pa.DataType, ours: str, theirs: str, same: bool
) -> None:
    spelled = spelling(type_, csv=True)
    assert (spelled(ours) == spelled(theirs)) is same


def test_only_csv_takes_the_empty_text_for_null() -> None:
    assert compared(texts(a=[None]), texts(a=[""])).equal
    assert not compared(texts(a=[None]), texts(a=[""]), csv=False).equal


def test_typed_columns_equal_what_csv_says_of_them() -> None:
    ours = pa.table({"n": [1, None, 3], "ok": [True, False, None]})
    assert compared(ours, texts(n=["1", "", "3.0"], ok=["true", "FALSE", ""])).equal


def test_differences_are_counted_by_column_and_the_first_are_kept_in_row_order() -> None:
    ours = texts(a=["1", "2", "3", "4", "5"], b=["x", "x", "x", "x", "x"])
    theirs = texts(b=["x", "y", "x", "y", "y"], a=["1", "2", "0", "0", "5"])
    found = compared(ours, theirs)
    assert found.columns == {"a": 2, "b": 3}
    assert [(one.row, one.column) for one in found.first] == [(2, "b"), (3, "a"), (4, "a")]
    assert (found.rows_equal, found.same_order, found.equal) == (1, False, False)


def test_columns_and_rows_that_one_has_alone_are_told() -> None:
    found = compared(texts(a=["1", "2", "3"], b=["x", "x", "x"]), texts(a=["1"], c=["x"]))
    assert (found.missing, found.extra) == (("c",), ("b",))
    assert (found.rows_ours, found.rows_theirs, found.rows_equal) == (3, 1, 1)
    assert not found.equal


def test_the_same_rows_in_another_order_are_told_as_such() -> None:
    assert compared(texts(a=["1", "2", "3"]), texts(a=["3", "1", "2"])).reordered
    assert not compared(texts(a=["1", "2", "3"]), texts(a=["3", "1", "1"])).reordered


def test_no_rows_on_either_side_are_equal() -> None:
    assert compared(texts(a=[]), texts(a=[])).equal


CELLS = st.none() | st.text(alphabet="ab1. ", max_size=3)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=12), st.integers(1, 5))
def test_a_table_equals_itself_however_it_is_cut(rows: list[Any], size: int) -> None:
    table = texts(a=[row[0] for row in rows], b=[row[1] for row in rows])
    found = compared(table, table, size=size)
    assert found.equal
    assert found.rows_equal == len(rows)


@given(st.lists(CELLS, min_size=1, max_size=12), st.data(), st.integers(1, 5))
def test_one_changed_cell_is_found_where_it_is(
    cells: list[str | None], data: st.DataObject, size: int
) -> None:
    place = data.draw(st.integers(0, len(cells) - 1))
    changed = [*cells[:place], "another", *cells[place + 1 :]]
    found = compared(texts(a=cells), texts(a=changed), size=size)
    assert [(one.row, one.theirs) for one in found.first] == [(place + 1, "another")]


MADE = recipe(
    step("LOWER_CASE", sourceColumn="a"),
    step("MERGE", sourceColumns=["a", "b"], targetColumn="m"),
    step("UPPER_CASE", sourceColumn="a"),
    step("REMOVE_VALUES", conditions=[condition("IS_MISSING", "b")]),
)


def test_the_last_step_that_touches_a_column_is_suspected() -> None:
    who = suspects(MADE, [Column("a"), Column("b")])
    assert [who.of(name) for name in ("a", "b", "m")] == [3, None, 2]
    assert who.rows == (4,)


def test_a_report_names_steps_and_shows_shapes_unless_values_are_wanted() -> None:
    ours, theirs = texts(a=["Zoë 1", "x"], b=["", ""], m=["", ""]), texts(a=["Bob!"], b=[""])
    found, who = compared(ours, theirs), suspects(MADE, [Column("a"), Column("b")])
    text = comparison_text(found, MADE, who, show=False)
    assert text.splitlines() == [
        "0 of 2 rows equal; the file has 1 rows",
        "  steps that leave out or add rows: step 4 (REMOVE_VALUES)",
        "  columns in our output alone: m",
        "  column a: 1 cells differ; suspect: step 3 (UPPER_CASE)",
        "    row 1, a: ours 'Xxx 9', theirs 'Xxx!'",
    ]
    assert "ours 'Zoë 1', theirs 'Bob!'" in comparison_text(found, MADE, who, show=True)
