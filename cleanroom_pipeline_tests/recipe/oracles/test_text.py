"""The text family against few-line oracles, on generated cells.

Here: what every cell gives. Not here: chosen examples (golden/text/), refusals (test_functions.py).
"""

import re
import unicodedata
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline_tests.recipe.oracles.generated import FEW, TEXTS, column_of
from cleanroom_pipeline_tests.recipe.oracles.runs import Parameters, each, of_columns, of_texts

CELLS = column_of(TEXTS)
WHITE = " \t\n\v\f\r"
X = {"sourceColumn": "x"}


def is_plain(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in WHITE
    latin = "\u00c0" <= character <= "\u024f" or "\u1e00" <= character <= "\u1eff"
    return latin and character not in "\u00d7\u00f7"


def proper(text: str) -> str:
    parts = re.split(f"([{WHITE}]+)", text)
    return "".join(part[:1].title() + part[1:].lower() for part in parts)


ORACLES: dict[str, Any] = {
    "UPPER": str.upper,
    "LOWER": str.lower,
    "TRIM": lambda text: text.strip(WHITE),
    "REMOVE_WHITESPACE": lambda text: "".join(one for one in text if one not in WHITE),
    "REMOVE_SYMBOLS": lambda text: "".join(filter(is_plain, text)),
    "LEN": len,
    "UNICODE": lambda text: ord(text[0]) if text else None,
}


@FEW
@given(CELLS)
def test_functions_of_a_text(cells: list[str | None]) -> None:
    got = of_texts(cells, {name: (name, X) for name in ORACLES})
    assert got == {name: each(cells, oracle) for name, oracle in ORACLES.items()}


@FEW
@given(column_of(st.none() | st.text("abAB éÉß \t1.", max_size=12)))
def test_proper_case_capitalises_what_follows_white_space(cells: list[str | None]) -> None:
    assert of_texts(cells, {"y": ("PROPER", X)})["y"] == each(cells, proper)


@FEW
@given(CELLS, st.integers(0, 6), st.integers(1, 6), st.integers(0, 5))
def test_parts_of_a_text_are_slices(
    cells: list[str | None], size: int, start: int, more: int
) -> None:
    end = start + more
    steps = {
        "left": ("LEFT", {**X, "position": size}),
        "right": ("RIGHT", {**X, "position": size}),
        "middle": ("SUBSTRING", {**X, "startPosition": start, "endPosition": end}),
        "repeated": ("REPEAT_STRING", {**X, "count": size}),
    }
    assert of_texts(cells, steps) == {
        "left": each(cells, lambda text: text[:size]),
        "right": each(cells, lambda text: text[max(len(text) - size, 0) :]),
        "middle": each(cells, lambda text: text[start - 1 : end]),
        "repeated": each(cells, lambda text: text * size),
    }


@FEW
@given(column_of(st.none() | st.integers(-5, 0x110005)))
def test_a_character_has_its_code_point(codes: list[int | None]) -> None:
    def character(code: int) -> str | None:
        known = 0 <= code <= 0x10FFFF and unicodedata.category(chr(code)) != "Cs"
        return chr(code) if known else None

    column = (pa.int64(), codes)
    assert of_columns({"x": column}, {"y": ("CHAR", X)})["y"] == each(codes, character)


@FEW
@given(column_of(st.tuples(TEXTS, TEXTS)))
def test_texts_are_in_the_order_of_their_code_points(
    pairs: list[tuple[str | None, str | None]],
) -> None:
    columns = {
        "a": (pa.string(), [a for a, _ in pairs]),
        "b": (pa.string(), [b for _, b in pairs]),
    }
    oracles: dict[str, Any] = {
        "EXACT": lambda a, b: a == b,
        "STRING_GREATER_THAN": lambda a, b: a > b,
        "STRING_GREATER_THAN_EQUAL": lambda a, b: a >= b,
        "STRING_LESS_THAN": lambda a, b: a < b,
        "STRING_LESS_THAN_EQUAL": lambda a, b: a <= b,
    }
    both = {"sourceColumn1": "a", "sourceColumn2": "b"}
    assert of_columns(columns, {name: (name, both) for name in oracles}) == {
        name: [None if a is None or b is None else oracle(a, b) for a, b in pairs]
        for name, oracle in oracles.items()
    }


@FEW
@given(column_of(st.tuples(TEXTS, TEXTS)), st.text("-,é ", max_size=2))
def test_merging_joins_what_is_there(
    pairs: list[tuple[str | None, str | None]], delimiter: str
) -> None:
    columns = {
        "a": (pa.string(), [a for a, _ in pairs]),
        "b": (pa.string(), [b for _, b in pairs]),
    }
    sources = {"sourceColumns": ["a", "b"]}
    steps: dict[str, tuple[str, Parameters]] = {
        "merged": ("MERGE_COLUMNS_AND_VALUES", {**sources, "delimiter": delimiter}),
        "first": ("COALESCE", sources),
    }
    there = [[cell for cell in pair if cell is not None] for pair in pairs]
    assert of_columns(columns, steps) == {
        "merged": [delimiter.join(cells) for cells in there],
        "first": [cells[0] if cells else None for cells in there],
    }


# Literal texts, whose matches an oracle finds without any regular expression.
SOUGHT = st.text("ab", min_size=1, max_size=2)
FOUND_IN = column_of(st.none() | st.text("abAé", max_size=8))


@FEW
@given(FOUND_IN, SOUGHT, st.integers(1, 9))
def test_a_literal_is_found_where_it_stands(
    cells: list[str | None], sought: str, position: int
) -> None:
    def from_left(text: str) -> int | None:
        return text.find(sought, position - 1) + 1 or None

    def from_right(text: str) -> int | None:
        return text[: max(len(text) + 1 - position, 0)].rfind(sought) + 1 or None

    pattern = {**X, "pattern": sought}
    steps: dict[str, tuple[str, Parameters]] = {
        "starts": ("STARTS_WITH", pattern),
        "ends": ("ENDS_WITH", pattern),
        "left": ("FIND", {**pattern, "position": position}),
        "right": ("RIGHT_FIND", {**pattern, "position": position}),
        "any_case": ("FIND", {**pattern, "ignoreCase": "true"}),
    }
    assert of_texts(cells, steps) == {
        "starts": each(cells, lambda text: text.startswith(sought)),
        "ends": each(cells, lambda text: text.endswith(sought)),
        "left": each(cells, from_left),
        "right": each(cells, from_right),
        "any_case": each(cells, lambda text: text.lower().find(sought) + 1 or None),
    }


@FEW
@given(FOUND_IN, st.sampled_from(["a|ab", "ab?", "(a)(b)?", "a*b", "b+$", "^a", "a(?=b)|b", "é."]))
def test_a_pattern_matches_at_an_end_if_some_match_reaches_it(
    cells: list[str | None], pattern: str
) -> None:
    def at_start(text: str) -> bool:
        return re.match(pattern, text) is not None

    def at_end(text: str) -> bool:
        ready = re.compile(pattern)
        return any(ready.fullmatch(text, place) for place in range(len(text) + 1))

    got = of_texts(
        cells,
        {name: (name, {**X, "pattern": pattern}) for name in ("STARTS_WITH", "ENDS_WITH")},
    )
    assert got == {"STARTS_WITH": each(cells, at_start), "ENDS_WITH": each(cells, at_end)}
