"""Cleaning steps against few-line oracles, on generated cells.

Here: what every cell gives. Not here: chosen examples (golden/data_cleaning/).
"""

import re
import string
from collections.abc import Callable
from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline_tests.recipe.oracles.generated import FEW, cells_of
from cleanroom_pipeline_tests.recipe.oracles.runs import changed, derived, each

Cells = list[str | None]
WORDS = cells_of("aZß İéΔσﬁǆ.!?-'\"\t\u00a0")
MARKS = cells_of("<>ab\né")
FIRST = datetime.fromisoformat("1000-01-01")
PLACES = st.tuples(st.integers(1, 6), st.integers(1, 6)).map(sorted)


@FEW
@given(WORDS)
def test_upper_case_maps_each_character_by_itself(cells: Cells) -> None:
    oracle = changed(cells, "UPPER_CASE")
    assert oracle == each(cells, lambda cell: "".join(one.upper() for one in cell))


@FEW
@given(WORDS)
def test_lower_case_maps_each_character_by_itself_but_a_sigma(cells: Cells) -> None:
    def forgiving(cell: str) -> str:
        return cell.replace("\u03c2", "\u03c3")

    lowered = changed(cells, "LOWER_CASE")
    assert each(lowered, forgiving) == each(
        cells, lambda cell: forgiving("".join(one.lower() for one in cell))
    )


@FEW
@given(WORDS)
def test_capital_case_capitalises_what_comes_after_white_space(cells: Cells) -> None:
    def oracle(cell: str) -> str:
        # Any letter after it would keep a sigma from being the last one of its word.
        before = " " + cell
        return "".join(
            one.title() if last.isspace() else one.lower()
            for last, one in zip(before, cell, strict=False)
        )

    texts = each(cells, lambda cell: cell.replace("Σ", "s"))
    assert changed(texts, "CAPITAL_CASE") == each(texts, oracle)


@FEW
@given(WORDS)
def test_sentence_case_begins_each_sentence_with_a_capital(cells: Cells) -> None:
    def oracle(cell: str) -> str:
        parts = re.split(r"((?:^|[.!?]['\"]*\s+)[^0-9A-Za-z]*)", cell.lower())
        return "".join(part[:1].title() + part[1:] for part in parts)

    texts = each(cells, lambda cell: re.sub(r"[^ -~]|[.!?'\"]+(?=\S)", "", cell))
    assert changed(texts, "SENTENCE_CASE") == each(texts, oracle)


@pytest.mark.parametrize(
    ("operation", "parameters", "oracle"),
    [
        ("ADD_SINGLE_QUOTES", {}, lambda cell: f"'{cell}'"),
        ("ADD_DOUBLE_QUOTES", {}, lambda cell: f'"{cell}"'),
        ("ADD_PREFIX", {"pattern": "é'\\"}, lambda cell: f"é'\\{cell}"),
        ("ADD_SUFFIX", {"pattern": "%s🙂"}, lambda cell: f"{cell}%s🙂"),
    ],
)
@FEW
@given(cells=WORDS)
def test_what_is_added_stands_before_and_after(
    operation: str, parameters: dict[str, str], oracle: Callable[[str], str], cells: Cells
) -> None:
    assert changed(cells, operation, **parameters) == each(cells, oracle)


SPACE = " \t\n\v\f\r"
GONE = {
    "removeLetters": string.ascii_letters,
    "removeNumbers": string.digits,
    "removeSpecialCharacters": string.punctuation,
    "removeAllPunctuation": ".!,?",
    "removeAllQuotes": "'\"",
    "removeAllWhitespace": SPACE,
}
ENDS = {
    "removeLeadingAndTrailingWhitespace": SPACE,
    "removeLeadingAndTrailingQuotes": "'\"",
    "removeLeadingAndTrailingPunctuation": ".!,?",
}
FLAGS = [
    *GONE,
    *ENDS,
    "removeCustomValue",
    "removeCustomCharacters",
    "collapseConsecutiveWhitespace",
]


@FEW
@given(cells_of("aZ1 \t\n.!?'\"-^]\\é²", 16), st.sets(st.sampled_from(FLAGS), max_size=4))
def test_what_the_flags_name_is_removed_in_the_order_we_promise(
    cells: Cells, flags: set[str]
) -> None:
    def oracle(cell: str) -> str:
        if "removeCustomValue" in flags:
            cell = cell.replace("a1", "")
        gone = "".join(GONE[flag] for flag in flags if flag in GONE)
        gone += "^]\\é-" if "removeCustomCharacters" in flags else ""
        cell = "".join(one for one in cell if one not in gone)
        for flag, ends in ENDS.items():
            cell = cell.strip(ends) if flag in flags else cell
        if "collapseConsecutiveWhitespace" in flags:
            cell = re.sub("[ \t\n\v\f\r]+", " ", cell)
        return cell

    parameters = dict.fromkeys(flags, "true")
    custom = {"customValue": "a1", "customCharacters": "^]\\é-"}
    assert changed(cells, "REMOVE_COMBINED", **parameters, **custom) == each(cells, oracle)


@FEW
@given(cells_of("ab1é-", 16))
def test_every_match_is_replaced_and_the_first_one_extracted(cells: Cells) -> None:
    pattern = "[ab]+|é-"
    assert changed(cells, "REPLACE_TEXT", pattern=pattern, value="\\1$") == each(
        cells, lambda cell: re.sub(pattern, lambda _: "\\1$", cell)
    )
    assert derived(cells, "EXTRACT_PATTERN", pattern=pattern) == each(
        cells, lambda cell: next(iter(re.findall(pattern, cell)), None)
    )


@FEW
@given(MARKS)
def test_what_is_between_delimiters_is_extracted(cells: Cells) -> None:
    def oracle(cell: str) -> str | None:
        _, _, rest = cell.partition("<")
        inside, closed, _ = rest.partition(">")
        return inside if closed else None

    got = derived(cells, "EXTRACT_BETWEEN_DELIMITERS", startPattern="<", endPattern=">")
    assert got == each(cells, oracle)


@FEW
@given(MARKS)
def test_what_is_between_each_pair_of_delimiters_is_replaced(cells: Cells) -> None:
    got = changed(cells, "REPLACE_BETWEEN_DELIMITERS", startPattern="<", endPattern=">", value="$1")
    assert got == each(cells, lambda cell: re.sub("<[^>]*>", "<$1>", cell))


@FEW
@given(cells_of("aé😀", 8), PLACES)
def test_positions_are_places_in_a_text_counted_from_1(cells: Cells, places: list[int]) -> None:
    start, end = places
    positions = {"startPosition": start, "endPosition": end}
    assert derived(cells, "EXTRACT_BETWEEN_POSITIONS", **positions) == each(
        cells, lambda cell: cell[start - 1 : end]
    )
    assert changed(cells, "REPLACE_BETWEEN_POSITIONS", **positions, value="-") == each(
        cells,
        lambda cell: cell if len(cell) < start else f"{cell[: start - 1]}-{cell[end:]}",
    )


@FEW
@given(st.lists(st.none() | st.datetimes(min_value=FIRST), min_size=1))
def test_a_date_is_spelled_by_its_mask(moments: list[datetime | None]) -> None:
    made = changed(
        moments, "FORMAT_DATE", type_=pa.timestamp("us"), targetDateFormat="dd/mm/yyyy HH:MM:SS"
    )
    assert made == each(moments, lambda one: f"{one:%d/%m/}{one.year:04}{one: %H:%M:%S}")
