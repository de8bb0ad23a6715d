"""Classes of numbers, functions against skew and words of texts against few-line oracles.

Here: what every cell gives. Not here: chosen examples (golden/data_science/), refusals
(test_data_science.py).
"""

import json
import math
import unicodedata
from bisect import bisect_right

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.recipe.operations.english import STOP_WORDS
from cleanroom_pipeline_tests.recipe.oracles.generated import FEW, column_of
from cleanroom_pipeline_tests.recipe.oracles.runs import derived

Cell = str | None
NO_NUMBERS = ("", "x", "é", "-", "0x1F", "1_0")
CELLS = column_of(
    st.none()
    | st.integers(-20, 20).map(str)
    | st.floats(-1e9, 1e9).map(repr)
    | st.sampled_from(NO_NUMBERS)
)
# What one Unicode version knows and an older one does not (Cn) is no matter of ours.
ASSIGNED = st.characters(codec="utf-8", exclude_categories=["Cn"])
WORDS = st.sampled_from(["The", "shoes", "and", "RUNNING", "it's", "мир"])
TEXTS = column_of(
    st.none()
    | st.text(ASSIGNED, max_size=20)
    | st.text("ab'\u2019 -é\u03011_", max_size=20)
    | st.lists(WORDS).map(" ".join)
)
FUNCTIONS: list[tuple[str, float | None]] = [
    ("LOG", 2.0),
    ("LOG", None),
    ("ROOT", 2.0),
    ("ROOT", 2.5),
    ("ROOT", 3.0),
    ("ROOT", 4.0),
    ("ROOT", 5.0),
    ("SQUARE", None),
]


def number(cell: Cell) -> float | None:
    return None if cell is None or cell in NO_NUMBERS else float(cell)


@FEW
@given(CELLS, st.integers(-20, 20), st.booleans())
def test_a_number_is_above_the_threshold_or_not(
    cells: list[Cell], threshold: int, flip: bool
) -> None:
    values = map(number, cells)
    expected = [None if one is None else int((one > threshold) != flip) for one in values]
    assert derived(cells, "BINARIZATION", threshold=threshold, flip=str(flip)) == expected


@FEW
@given(CELLS, st.lists(st.integers(-20, 20), min_size=2, max_size=6, unique=True))
def test_a_number_is_in_the_bucket_between_its_splits(cells: list[Cell], splits: list[int]) -> None:
    splits.sort()
    names = [f"b{place}" for place in range(len(splits) - 1)]

    def bucket(value: float | None) -> str | None:
        if value is None or not splits[0] <= value <= splits[-1]:
            return None
        return names[min(bisect_right(splits, value) - 1, len(names) - 1)]

    found = derived(cells, "BUCKETIZATION", bucketNames=names, splits=[str(one) for one in splits])
    assert found == [bucket(number(cell)) for cell in cells]


@FEW
@given(column_of(st.integers(-50, 50)), st.sampled_from([1, 2, 4, 5]))
def test_each_bucket_holds_its_share_of_the_rows(values: list[int], count: int) -> None:
    names = [f"b{place}" for place in range(count)]
    found = derived(
        [str(one) for one in values], "BUCKETIZATION", bucketNames=names, percentage=100 / count
    )
    assert None not in found
    assert found == [names[int(one[1:])] for one in found]
    ordered = [one for _, one in sorted(zip(values, found, strict=True))]
    assert ordered == sorted(ordered)
    if len(set(values)) == len(values) >= count:
        sizes = [found.count(name) for name in names]
        assert max(sizes) - min(sizes) <= 1 + (len(values) - 1) % count


@FEW
@given(CELLS, st.sampled_from(FUNCTIONS))
def test_a_function_against_skew_is_undone_by_its_inverse(
    cells: list[Cell], function: tuple[str, float | None]
) -> None:
    name, value = function
    argument = {} if value is None else {"value": value}
    found = derived(cells, "SKEWNESS", skewFunction=name, **argument)
    for one, made in zip(map(number, cells), found, strict=True):
        if one is None:
            assert made is None
        elif name == "SQUARE":
            assert made == one * one
        elif name == "LOG":
            assert (made is None) == (one <= 0)
            assert made is None or (value or math.e) ** made == pytest.approx(one)
        else:
            assert (made is None) == (one < 0 and value not in {3.0, 5.0})
            assert made is None or math.copysign(abs(made) ** value, made) == pytest.approx(one)


def letters(cell: str) -> list[str]:
    """Return the words by a walk along the characters: an apostrophe counts between two of them."""
    inside = [unicodedata.category(one)[0] in "LMN" for one in cell]
    for place in range(1, len(cell) - 1):
        if cell[place] in "'\u2019" and inside[place - 1] and inside[place + 1]:
            inside[place] = True
    spaced = "".join(one if within else "\n" for one, within in zip(cell, inside, strict=True))
    return [word.replace("\u2019", "'") for word in spaced.split("\n") if word]


@FEW
@given(TEXTS)
def test_tokens_are_the_words_in_their_order(cells: list[Cell]) -> None:
    found = derived(cells, "TOKENIZATION", delimiter="\n")
    assert found == [None if cell is None else "\n".join(letters(cell)) for cell in cells]


@FEW
@given(TEXTS, st.lists(st.sampled_from(["shoes", "МИР"]), max_size=2, unique=True))
def test_stop_words_are_left_out_in_any_case(cells: list[Cell], own: list[str]) -> None:
    found = derived(
        cells, "TOKENIZATION", delimiter="\n", stopWordRemovalMode="DEFAULT",
        customStopWords=json.dumps(own),
    )  # fmt: skip
    gone = STOP_WORDS | {word.casefold() for word in own}
    kept = [[w for w in letters(cell or "") if w.casefold() not in gone] for cell in cells]
    assert found == [None if c is None else "\n".join(k) for c, k in zip(cells, kept, strict=True)]


def test_percentiles_are_numpys() -> None:
    values = [3, 1, 4, 1, 5, 9, 2, 6]
    found = derived(
        [str(one) for one in values], "BUCKETIZATION", bucketNames=["a", "b", "c"], percentage="34"
    )
    bounds = np.percentile(values, [34, 68])
    assert found == ["abc"[int(np.searchsorted(bounds, one, side="right"))] for one in values]


@given(
    cells=column_of(st.none() | st.sampled_from(["a", "b", "ü", "", "other"])),
    others=st.sampled_from([{}, {"other": "?"}, {"keepOthers": "true"}]),
)
@FEW
def test_a_category_is_mapped_and_others_as_the_step_says(
    cells: list[str | None], others: dict[str, str]
) -> None:
    names = {"a": "Ä", "ü": "", "b": "2"}

    def mapped(cell: str | None) -> str | None:
        kept = cell if "keepOthers" in others else None
        return (
            names.get(cell, others.get("other", kept)) if cell is not None else others.get("other")
        )

    found = derived(cells, "CATEGORICAL_MAPPING", categoryMap=json.dumps(names), **others)
    assert found == list(map(mapped, cells))
