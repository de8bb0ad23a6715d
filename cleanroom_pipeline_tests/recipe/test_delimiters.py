"""Where a text is cut by regular expressions: as java.lang.String.split cuts.

Here: the functions by themselves. Not here: the steps that use them (golden/column_structure/,
golden/data_cleaning/).
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.recipe.delimiters import (
    around,
    between,
    delimiter,
    literal,
    pieces,
    with_between,
)

SECONDS = 5.0
PATTERNS = [",", "x*", "", "[0-9]+", "(?=[A-Z])", "-|--", r"\b", "(?<=a)", "$", "^", "a|"]

# What openjdk 17 gives for "text".split(pattern, limit + 1).
SPLIT_BY_JAVA = [
    ("boo:and:foo", ":", 1, ["boo", "and:foo"]),
    ("boo:and:foo", "o", 20, ["b", "", ":and:f", "", ""]),
    ("", ",", 3, [""]),
    (",", ",", 3, ["", ""]),
    ("abc", "", 20, ["a", "b", "c", ""]),
    ("abc", "", 1, ["a", "bc"]),
    ("xaxx", "x*", 20, ["", "", "a", "", ""]),
    ("fooBarBaz", "(?=[A-Z])", 20, ["foo", "Bar", "Baz"]),
    ("Foo", "(?=[A-Z])", 20, ["Foo"]),
    ("a b", r"\b", 20, ["a", " ", "b", ""]),
    ("ab", "$", 20, ["ab", ""]),
    ("ab", "^", 20, ["ab"]),
]


@pytest.mark.parametrize(("text", "pattern", "limit", "expected"), SPLIT_BY_JAVA)
def test_a_text_is_cut_where_java_cuts_it(
    text: str, pattern: str, limit: int, expected: list[str]
) -> None:
    assert pieces([delimiter(pattern)], text, limit, SECONDS) == expected


@given(
    st.text("aA1,-x é", max_size=20),
    st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3),
    st.integers(1, 20),
)
def test_included_delimiters_lose_nothing(text: str, patterns: list[str], limit: int) -> None:
    cut = pieces([delimiter(one, included=True) for one in patterns], text, limit, SECONDS)
    assert "".join(cut) == text
    assert len(cut) <= limit + 1


def test_of_several_delimiters_the_leftmost_cuts_and_then_the_first_one_listed() -> None:
    several = [delimiter("-"), delimiter("--"), delimiter(",")]
    assert pieces(several, "a,b--c", 3, SECONDS) == ["a", "b", "", "c"]
    assert pieces(several[::-1], "a,b--c", 3, SECONDS) == ["a", "b", "c"]


def test_a_part_needs_both_of_its_delimiters() -> None:
    first, last = delimiter("<"), delimiter(">")
    texts = ["a<b>c", "<>", "><b", "b>", "", "<a<b>c>"]
    got = [between(first, last, text, SECONDS) for text in texts]
    assert got == ["b", "", None, None, None, "a<b"]


@pytest.mark.parametrize(
    ("first", "last", "text", "expected"),
    [
        ("<", ">", "<a> <b> <c", "<-> <-> <c"),
        ("'", "'", "'a'b'c'", "'-'b'-'"),
        ("", "", "ab", "-a-b-"),
        ("^", "$", "ab", "-"),
        ("a", "$", "aa", "a-"),
        ("(?=b)", "b", "abb", "a-b-b"),
    ],
)
def test_each_pair_is_replaced_once(first: str, last: str, text: str, expected: str) -> None:
    assert with_between(delimiter(first), delimiter(last), text, "-", SECONDS) == expected


def test_included_delimiters_are_in_the_middle_of_three_parts() -> None:
    included = [delimiter(one, included=True) for one in "<>"]
    apart = [delimiter(one) for one in "<>"]
    assert around(included[0], included[1], "a<b>c", SECONDS) == ["a", "<b>", "c"]
    assert around(apart[0], apart[1], "a<b>c", SECONDS) == ["a", "b", "c"]
    assert around(included[0], apart[1], "a<bc", SECONDS) == ["a", "<bc"]
    assert around(apart[0], included[1], "a>b", SECONDS) == ["a>b"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (",", ","),
        (r"\|", "|"),
        ("é -", "é -"),
        (r"\Q.*\E", ".*"),
        ("[,]", ","),
        (".", None),
        ("a+", None),
        ("a|b", None),
        ("(?i)a", None),
        ("^a", None),
        ("(a)", None),
        (r"\1", None),
    ],
)
def test_a_plain_text_is_told_from_an_expression(pattern: str, expected: str | None) -> None:
    try:
        assert literal(pattern) == expected
    except ValueError:
        assert expected is None


def test_time_is_watched_where_a_search_may_take_long() -> None:
    assert delimiter("[,;]").linear
    assert delimiter("ab").linear
    assert not delimiter("a+").linear
    with pytest.raises(TimeoutError):
        pieces([delimiter("(a|aa)+$")], "a" * 60 + "b", 1, 0.01)
