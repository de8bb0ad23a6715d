"""Functions over the rows around a row, against the same in plain Python.

Here: the window family. Not here: refusals (test_windows.py beside this folder).
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
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
    of_numbers,
    present,
)
from cleanroom_pipeline_tests.recipe.oracles.runs import of_columns, of_texts

Oracle = Callable[[Sequence[Cell]], Any]
ROLLING: Mapping[str, Oracle] = {
    "ROLLING_AVERAGE": of_numbers(statistics.fmean),
    "ROLLING_COUNT_A": lambda cells: len(present(cells)),
    "ROLLING_KTH_LARGEST": of_numbers(lambda values: nth(values, 2)),
    "ROLLING_KTH_LARGEST_UNIQUE": of_numbers(lambda values: nth(set(values), 2)),
    "ROLLING_MAX": of_numbers(max),
    "ROLLING_MIN": of_numbers(min),
    "ROLLING_STANDARD_DEVIATION": of_numbers(statistics.pstdev),
    "ROLLING_SUM": of_numbers(lambda values: float(sum(values))),
    "ROLLING_VARIANCE": of_numbers(statistics.pvariance),
}
COLUMNS = column_of(CELLS)
SIZES = st.integers(0, 5)


def windows(cells: Sequence[Any], before: int, after: int) -> list[Sequence[Any]]:
    return [cells[max(place - before, 0) : place + after + 1] for place in range(len(cells))]


def window_step(operation: str, before: int, after: int, **more: Any) -> tuple[str, dict[str, Any]]:
    return operation, {
        "sourceColumn": "x", "numRowsBefore": before, "numRowsAfter": after, **more,
    }  # fmt: skip


@FEW
@given(cells=COLUMNS, before=SIZES, after=SIZES)
def test_rolling_functions_give_what_plain_python_gives(
    cells: list[Cell], before: int, after: int
) -> None:
    steps = {
        name: window_step(name, before, after, **({"value": 2} if "KTH" in name else {}))
        for name in ROLLING
    }
    steps |= {name: window_step("ROLLING_MODE", before, after, modeType=name) for name in MODES}
    got = of_texts(cells, steps)
    seen = windows(cells, before, after)
    for name, oracle in ROLLING.items():
        assert got[name] == close(map(oracle, seen)), name
    for name, pick in MODES.items():
        assert got[name] == close(map(mode_of(pick), seen)), name


MONEY = column_of(st.none() | st.decimals(-(10**12), 10**12, places=4))


@FEW
@given(cells=MONEY, before=SIZES, after=SIZES)
def test_rolling_sums_of_decimals_are_exact(
    cells: list[Decimal | None], before: int, after: int
) -> None:
    steps = {"y": window_step("ROLLING_SUM", before, after)}
    got = of_columns({"x": (pa.decimal128(20, 4), cells)}, steps)["y"]
    there = [[one for one in seen if one is not None] for seen in windows(cells, before, after)]
    assert got == [sum(row) if row else None for row in there]


@FEW
@given(cells=COLUMNS, before=SIZES, after=SIZES)
def test_fill_takes_the_nearest_cell_before_and_else_after(
    cells: list[Cell], before: int, after: int
) -> None:
    def filled(place: int) -> Cell:
        earlier = present(cells[max(place - before, 0) : place + 1])
        later = present(cells[place : place + after + 1])
        return [*earlier[-1:], *later[:1], cells[place]][0]

    got = of_texts(cells, {"y": window_step("FILL", before, after)})["y"]
    assert got == [filled(place) for place in range(len(cells))]


@FEW
@given(cells=COLUMNS, shift=SIZES)
def test_next_and_prev_give_the_cell_so_many_rows_away(cells: list[Cell], shift: int) -> None:
    steps = {name: (name, {"sourceColumn": "x", "numRows": shift}) for name in ("NEXT", "PREV")}
    got = of_texts(cells, steps)
    gap = [None] * min(shift, len(cells))
    assert got["NEXT"] == [*cells[shift:], *gap]
    assert got["PREV"] == [*gap, *cells[: len(cells) - len(gap)]]


GROUPS = st.sampled_from([None, "", "a", "Ä"])
START = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = st.one_of(st.none(), st.integers(1, 300).map(lambda n: START + timedelta(minutes=n)))
VISITS = column_of(st.tuples(GROUPS, TIMES))
Visit = tuple[Cell, datetime | None]


def grouped(visits: list[Visit]) -> list[list[int]]:
    """Return the places of each group's rows, by time, nulls first, equal ones as they come."""
    by_group: dict[Cell, list[int]] = {}
    for place, (group, _) in enumerate(visits):
        by_group.setdefault(group, []).append(place)
    return [
        sorted(places, key=lambda place: visits[place][1] or START) for places in by_group.values()
    ]


def sessions(visits: list[Visit], pause: timedelta) -> dict[int, int | None]:
    numbers: dict[int, int | None] = {}
    for places in grouped(visits):
        number, last = 0, START
        for place in places:
            time = visits[place][1]
            if time is None:
                numbers[place] = None
                continue
            number += not number or time > last + pause
            numbers[place], last = number, time
    return numbers


@FEW
@given(visits=VISITS, minutes=st.integers(1, 60))
def test_rows_and_sessions_are_numbered_within_their_group(
    visits: list[Visit], minutes: int
) -> None:
    groups, times = zip(*visits, strict=True)
    shared = {"groupByColumns": ["g"], "orderByColumns": ["t"]}
    unit = {"sourceColumn": "t", "units": "MINUTES", "value": minutes}
    got = of_columns(
        {"g": (pa.string(), groups), "t": (pa.timestamp("us"), times)},
        {"row": ("ROW_NUMBER", shared), "session": ("SESSION", {**shared, **unit})},
    )
    rows = {place: n for places in grouped(visits) for n, place in enumerate(places, 1)}
    expected = sessions(visits, timedelta(minutes=minutes))
    assert got["row"] == [rows[place] for place in range(len(visits))]
    assert got["session"] == [expected[place] for place in range(len(visits))]
