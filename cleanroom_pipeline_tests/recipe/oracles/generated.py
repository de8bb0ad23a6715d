"""Cells to generate: texts, and columns of cells.

Here: strategies that several oracles share. Not here: numbers (numbers.py), running steps over what
is generated (runs.py).
"""

from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st

Cell = TypeVar("Cell")
# An engine run takes some 30 ms, so each example has many cells.
FEW = settings(max_examples=20, deadline=None)
CHARACTERS = st.characters(codec="utf-8")
TEXTS = st.none() | st.text(CHARACTERS, max_size=12) | st.text("abAB \t\n.-_é1ßİΣ😀", max_size=12)


def column_of(cell: st.SearchStrategy[Cell]) -> st.SearchStrategy[list[Cell]]:
    """Return columns, or tables, of 1 to 40 such cells or rows."""
    return st.lists(cell, min_size=1, max_size=40)


def cells_of(alphabet: str, most: int = 12) -> st.SearchStrategy[list[str | None]]:
    """Return columns of nulls, of texts of these characters, and of texts of any."""
    return column_of(
        st.none() | st.text(alphabet, max_size=most) | st.text(CHARACTERS, max_size=most)
    )
