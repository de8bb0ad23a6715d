"""Missing, invalid and repeated cells against few-line oracles, on generated cells.

Here: what every cell gives. Not here: chosen examples (golden/data_quality/), refusals
(test_data_quality.py).
"""

import statistics
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom_pipeline_tests.recipe.oracles.generated import CHARACTERS, FEW, column_of
from cleanroom_pipeline_tests.recipe.oracles.numbers import MODES, modes
from cleanroom_pipeline_tests.recipe.oracles.runs import after, changed
from cleanroom_pipeline_tests.recipe.running import step

Cell = str | None
NO_NUMBERS = ("x", "é", "-", "1,5", "0x1F", "1_0", " ", "٣")
READABLE = st.one_of(
    st.integers(-20, 20).map(str),
    st.integers(-20, 20).map(lambda one: repr(one / 4)),
    st.sampled_from([" 7 ", "1e1", "+3", ".5", "2."]),
)
CELLS = column_of(st.none() | st.just("") | READABLE | st.sampled_from(NO_NUMBERS))
KEYS = st.none() | st.text(CHARACTERS, max_size=2) | st.sampled_from(["a", "b", "1:x"])
ROWS = column_of(st.tuples(KEYS, KEYS))


def number(cell: Cell) -> float | None:
    return None if not cell or cell in NO_NUMBERS else float(cell)


def of_modes(pick: Callable[[list[float]], float | None]) -> Callable[[list[float]], float | None]:
    return lambda numbers: pick(modes(numbers))


OF_NUMBERS: list[tuple[str, dict[str, str], Callable[[list[float]], float | None]]] = [
    ("AVERAGE", {}, statistics.mean),
    ("MEDIAN", {}, statistics.median),
    ("SUM", {}, sum),
    *[("MODE", {"modeType": name}, of_modes(pick)) for name, pick in MODES.items()],
]
CONSTANTS: dict[str, Cell] = {"CUSTOM": "o'brien ✓", "EMPTY": "", "NULL": None}
PREFIXES: list[tuple[str, dict[str, str], Callable[[Cell], bool]]] = [
    ("FILL", {}, lambda cell: not cell),
    ("REPLACE", {"columnDataType": "number"}, lambda cell: bool(cell) and number(cell) is None),
]


@pytest.mark.parametrize(("prefix", "more", "wrong"), PREFIXES)
@pytest.mark.parametrize(("name", "parameters", "oracle"), OF_NUMBERS)
@settings(max_examples=8, deadline=None)
@given(cells=CELLS)
def test_wrong_cells_get_a_number_of_the_column(
    prefix: str,
    more: dict[str, str],
    wrong: Callable[[Cell], bool],
    name: str,
    parameters: dict[str, str],
    oracle: Callable[[list[float]], float | None],
    cells: list[Cell],
) -> None:
    numbers = [one for one in map(number, cells) if one is not None]
    expected = oracle(numbers) if numbers else None
    filled = changed(cells, f"{prefix}_WITH_{name}", **parameters, **more)
    for before, now in zip(cells, filled, strict=True):
        if not wrong(before):
            assert now == before
        else:
            assert (None if now is None else float(now)) == pytest.approx(expected)


@FEW
@given(CELLS, st.sampled_from(PREFIXES))
def test_wrong_cells_get_the_most_frequent(cells: list[Cell], shape: Any) -> None:
    prefix, more, wrong = shape
    sound = [cell for cell in cells if cell and (not more or number(cell) is not None)]
    expected = modes(sound)[0] if sound else None
    filled = changed(cells, f"{prefix}_WITH_MOST_FREQUENT", **more)
    assert filled == [expected if wrong(cell) else cell for cell in cells]


@FEW
@given(CELLS, st.sampled_from(PREFIXES), st.booleans())
def test_wrong_cells_get_the_last_valid(cells: list[Cell], shape: Any, typed: bool) -> None:
    prefix, more, wrong = shape
    more = more or ({"columnDataType": "number"} if typed else {})
    last: Cell = None
    expected = []
    for cell in cells:
        expected.append(last if wrong(cell) else cell)
        if cell and (not more or number(cell) is not None):
            last = cell
    assert changed(cells, f"{prefix}_WITH_LAST_VALID", **more) == expected


@FEW
@given(CELLS, st.sampled_from(PREFIXES), st.sampled_from(list(CONSTANTS)))
def test_wrong_cells_get_a_constant(cells: list[Cell], shape: Any, name: str) -> None:
    prefix, more, wrong = shape
    value = {"value": CONSTANTS[name]} if name == "CUSTOM" else {}
    filled = changed(cells, f"{prefix}_WITH_{name}", **more, **value)
    assert filled == [CONSTANTS[name] if wrong(cell) else cell for cell in cells]


@FEW
@given(CELLS, st.integers(1, 5))
def test_a_rolling_value_is_one_of_the_rows_before(cells: list[Cell], period: int) -> None:
    for name, _, oracle in (OF_NUMBERS[0], OF_NUMBERS[2]):
        filled = changed(cells, f"REPLACE_WITH_ROLLING_{name}", period=period)
        for place, now in enumerate(filled):
            window = map(number, cells[max(place - period, 0) : place])
            numbers = [one for one in window if one is not None]
            expected = oracle(numbers) if numbers else None
            assert (None if now is None else float(now)) == pytest.approx(expected)


@FEW
@given(CELLS)
def test_rows_go_for_a_missing_or_invalid_cell(cells: list[Cell]) -> None:
    assert changed(cells, "REMOVE_MISSING") == [cell for cell in cells if cell]
    valid = changed(cells, "REMOVE_INVALID", columnDataType="double")
    assert valid == [cell for cell in cells if not cell or number(cell) is not None]


@FEW
@given(ROWS)
def test_the_first_of_equal_rows_stays_and_the_others_are_flagged(
    rows: list[tuple[Cell, Cell]],
) -> None:
    columns = zip("ab", zip(*rows, strict=True), strict=True)
    table = {name: (pa.string(), cells) for name, cells in columns}
    kept = after(table, step("DELETE_DUPLICATE_ROWS"))
    assert list(zip(kept["a"], kept["b"], strict=True)) == list(dict.fromkeys(rows))
    kept = after(table, step("REMOVE_DUPLICATES", sourceColumn="a"))
    firsts: dict[Cell, Cell] = {}
    for a, b in rows:
        firsts.setdefault(a, b)
    assert list(zip(kept["a"], kept["b"], strict=True)) == list(firsts.items())
    flagged = after(
        table,
        step("FLAG_DUPLICATE_ROWS", targetColumn="row"),
        step("FLAG_DUPLICATES_IN_COLUMN", sourceColumn="a", targetColumn="cell"),
    )
    firsts_of_a = [a for a, _ in rows]
    assert flagged["row"] == [str(row in rows[:n]) for n, row in enumerate(rows)]
    assert flagged["cell"] == [str(a in firsts_of_a[:n]) for n, (a, _) in enumerate(rows)]
