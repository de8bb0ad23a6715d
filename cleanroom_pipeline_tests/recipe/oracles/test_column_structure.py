"""Splitting, joining and flagging against few-line oracles, on generated cells.

Here: what every cell gives. Not here: chosen examples (golden/column_structure/).
"""

import re
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline_tests.recipe.oracles.generated import FEW, cells_of
from cleanroom_pipeline_tests.recipe.oracles.runs import derived, of_columns, split

Cells = list[str | None]
PARTED = cells_of("a,;<>é\n")
LONG = cells_of("aé😀", 9)
LIMIT = st.integers(1, 4)
PLACES = st.tuples(st.integers(1, 6), st.integers(1, 6)).map(sorted)


def padded(pieces: list[str], count: int) -> list[str | None]:
    return [*pieces, *[None] * (count - len(pieces))]


def rows(cells: Cells, oracle: Any, count: int) -> list[list[Any]]:
    return [padded([], count) if cell is None else padded(oracle(cell), count) for cell in cells]


@FEW
@given(PARTED, LIMIT, st.booleans())
def test_a_text_is_split_at_its_first_delimiters(cells: Cells, limit: int, plain: bool) -> None:
    parameters = {"pattern": ";", "isText": "true"} if plain else {"pattern": "[;,]"}
    got = split(cells, "SPLIT_COLUMN_SINGLE_DELIMITER", limit=limit, **parameters)
    at = ";" if plain else "[;,]"
    assert got == rows(cells, lambda cell: re.split(at, cell, maxsplit=limit), limit + 1)


@FEW
@given(PARTED, LIMIT, st.sampled_from([";", "[;]"]))
def test_no_character_is_lost_when_the_delimiter_is_included(
    cells: Cells, limit: int, pattern: str
) -> None:
    got = split(
        cells, "SPLIT_COLUMN_SINGLE_DELIMITER", pattern=pattern, limit=limit, includeInSplit="true"
    )
    assert [None if row[0] is None else "".join(x or "" for x in row) for row in got] == cells
    assert got == rows(cells, lambda cell: re.split("(?<=;)", cell, maxsplit=limit), limit + 1)


@FEW
@given(PARTED, LIMIT)
def test_any_of_several_delimiters_splits(cells: Cells, limit: int) -> None:
    options = [{"pattern": one, "includeInSplit": False} for one in (",", "<>", ";")]
    got = split(cells, "SPLIT_COLUMN_MULTIPLE_DELIMITER", patternOptions=options, limit=limit)
    assert got == rows(cells, lambda cell: re.split(",|<>|;", cell, maxsplit=limit), limit + 1)


@FEW
@given(PARTED)
def test_a_pair_of_delimiters_makes_three_parts(cells: Cells) -> None:
    def oracle(cell: str) -> list[str]:
        before, opened, rest = cell.partition("<")
        inside, closed, after = rest.partition(">")
        return [before, *[inside] * bool(opened), *[after] * bool(closed)]

    options = {f"patternOption{n}": {"pattern": one} for n, one in ((1, "<"), (2, ">"))}
    assert split(cells, "SPLIT_COLUMN_BETWEEN_DELIMITER", **options) == rows(cells, oracle, 3)


@FEW
@given(LONG, PLACES)
def test_positions_split_where_slices_do(cells: Cells, places: list[int]) -> None:
    start, end = places
    got = split(cells, "SPLIT_COLUMN_BETWEEN_POSITIONS", startPosition=start, endPosition=end)
    assert got == rows(cells, lambda x: [x[: start - 1], x[start - 1 : end], x[end:]], 3)
    assert split(cells, "SPLIT_COLUMN_FROM_START", position=end) == rows(
        cells, lambda x: [x[:end], x[end:]], 2
    )
    assert split(cells, "SPLIT_COLUMN_FROM_END", position=end) == rows(
        cells, lambda x: [x[: max(0, len(x) - end)], x[max(0, len(x) - end) :]], 2
    )


@FEW
@given(LONG, st.integers(1, 4), st.integers(1, 4))
def test_intervals_lose_nothing_and_are_as_long_as_told(
    cells: Cells, start: int, interval: int
) -> None:
    got = split(cells, "SPLIT_COLUMN_WITH_INTERVALS", startPosition=start, interval=interval)
    assert [None if row[0] is None else "".join(row) for row in got] == cells
    longest = max((len(cell) for cell in cells if cell), default=0)
    first = start > 1
    assert len(got[0]) == first + max(1, -(-(longest - start + 1) // interval))
    for cell, row in zip(cells, got, strict=True):
        for place, part in enumerate(row[first:]):
            begin = start - 1 + place * interval
            assert part == (None if cell is None else cell[begin : begin + interval])


@FEW
@given(st.lists(st.tuples(*[st.none() | st.text("a,é", max_size=3)] * 3), min_size=1))
def test_merged_cells_are_joined_without_the_nulls(cells: list[tuple[str | None, ...]]) -> None:
    columns = zip("abc", zip(*cells, strict=True), strict=True)
    made = {"m": ("MERGE", {"sourceColumns": ["c", "a", "b"], "delimiter": ", "})}
    merged = of_columns({name: (pa.string(), column) for name, column in columns}, made)["m"]
    assert merged == [", ".join(x for x in (c, a, b) if x is not None) for a, b, c in cells]


@FEW
@given(PARTED)
def test_flags_say_what_is_missing_and_what_matches(cells: Cells) -> None:
    assert derived(cells, "FLAG_COLUMN_FROM_NULL") == [str(not cell) for cell in cells]
    got = derived(cells, "FLAG_COLUMN_FROM_PATTERN", pattern="a,|<>")
    assert got == [str(bool(cell and ("a," in cell or "<>" in cell))) for cell in cells]
