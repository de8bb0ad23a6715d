"""Masks, hashes and ciphers against few-line oracles, on generated cells.

Here: what every cell gives. Not here: chosen examples (golden/pii/), refusals (test_pii.py).
"""

import base64
import hmac
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline_tests.recipe.oracles.generated import FEW, TEXTS, cells_of, column_of
from cleanroom_pipeline_tests.recipe.oracles.runs import after, changed, each
from cleanroom_pipeline_tests.recipe.running import KEY, step

CELLS = cells_of("ab<>|@ .-é1")
PLACES = st.one_of(st.none(), st.integers(-6, 6))
FIRST = datetime.combine(date(1000, 1, 1), datetime.min.time())


@FEW
@given(CELLS)
def test_a_hash_is_the_hmac_of_the_cell(cells: list[str | None]) -> None:
    hashed = changed(cells, "CRYPTOGRAPHIC_HASH", secretId="k")
    assert hashed == each(
        cells, lambda cell: base64.b64encode(hmac.digest(KEY, cell.encode(), "sha256")).decode()
    )


@FEW
@given(CELLS, PLACES, PLACES)
def test_a_masked_range_is_a_slice(
    cells: list[str | None], start: int | None, stop: int | None
) -> None:
    if stop is not None and (start or 0) >= stop and ((start or 0) < 0) == (stop < 0):
        return
    given_places = {"start": start, "stop": stop}
    places = {name: str(one) for name, one in given_places.items() if one is not None}

    def oracle(cell: str) -> str:
        inside = range(*slice(start, stop).indices(len(cell)))
        return "".join("#" if place in inside else one for place, one in enumerate(cell))

    assert changed(cells, "MASK_RANGE", maskSymbol="#", **places) == each(cells, oracle)


@FEW
@given(CELLS, st.text("ab<", min_size=1, max_size=3))
def test_a_custom_mask_covers_every_occurrence(cells: list[str | None], sought: str) -> None:
    def oracle(cell: str) -> str:
        hidden = {
            place + offset
            for place in range(len(cell))
            if cell.startswith(sought, place)
            for offset in range(len(sought))
        }
        return "".join("#" if place in hidden else one for place, one in enumerate(cell))

    masked = changed(cells, "MASK_CUSTOM", maskSymbol="#", customValue=sought)
    assert masked == each(cells, oracle)


@FEW
@given(CELLS)
def test_a_mask_between_delimiters_leaves_only_what_no_delimiter_opened(
    cells: list[str | None],
) -> None:
    def oracle(cell: str) -> str:
        made, depth = "", 0
        for one in cell:
            depth -= one == ">" and depth > 0
            made += "#" if depth else one
            depth += one == "<"
        return made

    delimiters = {"startDelimiter": "<", "endDelimiter": ">"}
    masked = changed(cells, "MASK_DELIMITER", maskSymbol="#", **delimiters)
    assert masked == each(cells, oracle)


@FEW
@given(column_of(st.none() | st.datetimes(FIRST)))
def test_a_masked_date_is_the_date_spelled_without_the_parts(
    moments: list[datetime | None],
) -> None:
    cells = [None if one is None else one.strftime("%Y-%m-%d %H:%M:%S.%f") for one in moments]
    masked = changed(cells, "MASK_DATE", maskSymbol="#", redact=["YEAR", "DAY", "MILLISECOND"])
    assert masked == [
        None if one is None else one.strftime("####/%m/## %H:%M:%S.######") for one in moments
    ]


@FEW
@given(CELLS)
def test_what_is_encrypted_comes_back(cells: list[str | None]) -> None:
    kms: dict[str, Any] = {"kmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/one"}
    pairs: list[tuple[str, str, dict[str, Any]]] = [
        ("DETERMINISTIC_ENCRYPT", "DETERMINISTIC_DECRYPT", {"secretId": "k"}),
        ("ENCRYPT", "DECRYPT", kms),
    ]
    steps = [
        step(operation, sourceColumn=name, **parameters)
        for name, (there, back, parameters) in zip("ab", pairs, strict=True)
        for operation in (there, back)
    ]
    columns = {name: (pa.string(), cells) for name in "ab"}
    assert after(columns, *steps) == {"a": cells, "b": cells}


@FEW
@given(CELLS)
def test_equal_cells_are_encrypted_alike_and_others_are_not(cells: list[str | None]) -> None:
    made = changed(cells, "DETERMINISTIC_ENCRYPT", secretId="k")
    assert len(set(made)) == len(set(cells))
    assert len(set(zip(cells, made, strict=True))) == len(set(cells))


WORDS = st.sampled_from(["Ana", "wrote", "to", "né", "12", "and", "(late)"])
ADDRESSES = st.sampled_from(["ana@example.com", "zoë.b+x@mail.example.org", "b_c@xn--e1afmkfd.xyz"])


@FEW
@given(st.lists(st.lists(WORDS | ADDRESSES, max_size=5), min_size=1, max_size=20))
def test_a_filtered_hash_replaces_the_addresses_and_nothing_else(cells: list[list[str]]) -> None:
    def oracle(words: list[str]) -> str:
        return " ".join(
            base64.b64encode(hmac.digest(KEY, one.encode(), "sha256")).decode()
            if "@" in one
            else one
            for one in words
        )

    texts: list[str | None] = [" ".join(words) for words in cells]
    hashed = changed(texts, "CRYPTOGRAPHIC_HASH", secretId="k", entityTypeFilter=["EMAIL"])
    assert hashed == [oracle(words) for words in cells]


@FEW
@given(CELLS, st.integers(-5, 5), st.integers(0, 5), st.integers(0, 99))
def test_random_values_are_there_where_a_cell_is(
    cells: list[str | None], low: int, size: int, days: int
) -> None:
    numbers = changed(
        cells, "REPLACE_WITH_RANDOM_BETWEEN", lowerBound=str(low), upperBound=str(low + size)
    )
    first = datetime.combine(date(2024, 2, 28), datetime.min.time())
    last = first + timedelta(days=days)
    moments = changed(
        cells, "REPLACE_WITH_RANDOM_DATE_BETWEEN", startDate=str(first), endDate=str(last)
    )
    assert [one is None for one in numbers] == [cell is None for cell in cells]
    assert [one is None for one in moments] == [cell is None for cell in cells]
    assert all(low <= one <= low + size for one in numbers if one is not None)
    assert all(first <= one <= last for one in moments if one is not None)


@FEW
@given(column_of(st.tuples(st.sampled_from(["x", "y", None]), TEXTS)))
def test_shuffling_keeps_the_values_of_each_group(
    rows: list[tuple[str | None, str | None]],
) -> None:
    made = step("SHUFFLE_ROWS", sourceColumns=["v"], groupByColumns=["g"])
    groups, values = zip(*rows, strict=True)
    got = after({"g": (pa.string(), groups), "v": (pa.string(), values)}, made)
    assert got["g"] == list(groups)
    shuffled = list(zip(groups, got["v"], strict=True))
    for group in ("x", "y", None):
        there = [str(value) for one, value in rows if one == group]
        assert sorted(str(value) for one, value in shuffled if one == group) == sorted(there)
