"""Functions over the cells of a row, against the same in plain Python.

Here: the aggregate family. Not here: aggregates of groups (test_grouping.py).
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline_tests.recipe.oracles.generated import FEW, column_of
from cleanroom_pipeline_tests.recipe.oracles.numbers import (
    CELLS,
    MODES,
    Cell,
    close,
    mode_of,
    nth,
    numbers,
    of_numbers,
    present,
)
from cleanroom_pipeline_tests.recipe.oracles.runs import of_columns

NAMES = ("a", "b", "c")
Oracle = Callable[[Sequence[Cell]], Any]
ORACLES: Mapping[str, Oracle] = {
    "ANY": lambda cells: next(iter(present(cells)), None),
    "AVERAGE": of_numbers(statistics.fmean),
    "COUNT": lambda cells: len(present(cells)),
    "COUNT_DISTINCT": lambda cells: len(set(present(cells))),
    "KTH_LARGEST": of_numbers(lambda values: nth(values, 2)),
    "KTH_LARGEST_UNIQUE": of_numbers(lambda values: nth(set(values), 2)),
    "MAX": of_numbers(max),
    "MEDIAN": of_numbers(statistics.median),
    "MIN": of_numbers(min),
    "STANDARD_DEVIATION": of_numbers(statistics.pstdev),
    "SUM": lambda cells: float(sum(numbers(cells))),
    "VARIANCE": of_numbers(statistics.pvariance),
}


def step_of(operation: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
    return operation, {"sourceColumns": list(NAMES), **parameters}


@FEW
@given(rows=column_of(st.tuples(CELLS, CELLS, CELLS)))
def test_functions_of_a_row_give_what_plain_python_gives(rows: list[tuple[Cell, ...]]) -> None:
    columns = {
        name: (pa.string(), cells)
        for name, cells in zip(NAMES, zip(*rows, strict=True), strict=True)
    }
    steps = {
        name: step_of(name, **({"value": 2} if name.startswith("KTH") else {})) for name in ORACLES
    }
    steps |= {f"MODE {name}": step_of("MODE", modeType=name) for name in MODES}
    got = of_columns(columns, steps)
    for name, oracle in ORACLES.items():
        assert got[name] == close(map(oracle, rows)), name
    for name, pick in MODES.items():
        assert got[f"MODE {name}"] == close(map(mode_of(pick), rows)), name


MONEY = st.one_of(st.none(), st.decimals(-(10**12), 10**12, places=4))
WHOLE = st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1))
Money = Decimal | None


@FEW
@given(rows=column_of(st.tuples(MONEY, MONEY, WHOLE)))
def test_decimals_and_whole_numbers_are_added_and_compared_without_loss(
    rows: list[tuple[Money, Money, int | None]],
) -> None:
    a, b, c = zip(*rows, strict=True)
    money = pa.decimal128(20, 4)
    columns = {"a": (money, a), "b": (money, b), "c": (pa.int32(), c)}
    got = of_columns(columns, {name: step_of(name) for name in ("SUM", "MAX", "MIN")})
    there = [[one for one in row if one is not None] for row in rows]
    assert got["SUM"] == [sum(row) for row in there]
    assert got["MAX"] == [max(row, default=None) for row in there]
    assert got["MIN"] == [min(row, default=None) for row in there]
