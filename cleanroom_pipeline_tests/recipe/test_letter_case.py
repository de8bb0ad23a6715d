"""Letters in upper and lower case, and words that begin with a capital.

Here: the functions by themselves. Not here: the steps that use them (golden/data_cleaning/).
"""

from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from cleanroom_pipeline.recipe.letter_case import capitalised, lower, upper
from cleanroom_pipeline_tests.recipe.running import change


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("zOË", "Zoë"),
        ("ßA", "Ssa"),
        ("\u01c6EP", "\u01c5ep"),
        ("\u0391\u03a3", "\u0391\u03c2"),
        ("3RD", "3rd"),
        ("", ""),
    ],
)
def test_a_word_begins_with_one_capital(word: str, expected: str) -> None:
    assert capitalised(word) == expected


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(max_codepoint=0x7F, exclude_characters="\0"), max_size=20))
def test_ascii_is_mapped_by_sql_as_by_python(text: str) -> None:
    for build, mapped in ((upper, str.upper), (lower, str.lower)):
        made = build(exp.Literal.string(text), "never_called")
        fast = made.tree.args["ifs"][0]
        condition, value = fast.this.sql("duckdb"), fast.args["true"].sql("duckdb")
        with duckdb.connect() as connection:
            rows = connection.execute(f"SELECT {condition}, {value}").fetchall()
        assert rows == [(True, mapped(text))]


def test_one_column_may_hold_both_kinds_of_texts(tmp_path: Path) -> None:
    cells = ["abc", "straße", None, "", "\u1e9e", "\U00010428"]
    assert change(tmp_path, cells, "UPPER_CASE") == [
        "ABC", "STRASSE", None, "", "\u1e9e", "\U00010400",
    ]  # fmt: skip
