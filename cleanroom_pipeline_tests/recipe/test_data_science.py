"""What the data-science operations refuse, and the English that TOKENIZATION knows.

Here: refusals, contractions, a missing stemmer. Not here: what cells get (golden/data_science/,
oracles/).
"""

import sys
from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.operations.english import CONTRACTIONS, STOP_WORDS
from cleanroom_pipeline.recipe.operations.tokens import expanded
from cleanroom_pipeline_tests.recipe.running import derive, recipe, step

XY: dict[str, Any] = {"sourceColumn": "x", "targetColumn": "y"}
TWO: dict[str, Any] = {**XY, "bucketNames": ["a", "b"]}
MAP: dict[str, Any] = {**XY, "categoryMap": {"a": "1"}}
REFUSED: list[tuple[dict[str, Any], str]] = [
    (step("BINARIZATION", **XY), "threshold"),
    (step("BINARIZATION", **XY, threshold="ten"), "not a number"),
    (step("BUCKETIZATION", **TWO), "either 'splits' or 'percentage'"),
    (step("BUCKETIZATION", **TWO, splits=["0", "1", "2"], percentage="50"), "either"),
    (step("BUCKETIZATION", **TWO, splits=["0", "1"]), "need 3 splits; there are 2"),
    (step("BUCKETIZATION", **TWO, splits=["0", "2", "1"]), "must rise"),
    (step("BUCKETIZATION", **TWO, splits=["0", "x", "1"]), "is a number"),
    (step("BUCKETIZATION", **TWO, splits=["0", "NaN", "1"]), "is a number"),
    (step("BUCKETIZATION", **TWO, percentage="30"), "do not make 100 percent"),
    (step("BUCKETIZATION", **TWO, percentage="100"), "do not make 100 percent"),
    (step("BUCKETIZATION", **TWO, percentage="-50"), "do not make 100 percent"),
    (step("CATEGORICAL_MAPPING", **MAP, other="b", mapType="NUMERIC"), "is a number"),
    (step("CATEGORICAL_MAPPING", **MAP, other="b", keepOthers="true"), "exclude each other"),
    (step("CATEGORICAL_MAPPING", **MAP, deleteOtherRows="true", other="b"), "exclude each other"),
    (step("SKEWNESS", **XY), "skewFunction"),
    (step("SKEWNESS", **XY, skewFunction="ROOT", value="0"), "zeroth root"),
    (step("SKEWNESS", **XY, skewFunction="LOG", value="-2"), "base of logarithms"),
    (step("SKEWNESS", **XY, skewFunction="SQUARE", value="2"), "means nothing"),
    (step("TOKENIZATION", **XY, stemmingMode="SNOWBALL"), "stemmingMode"),
    (step("TOKENIZATION", **XY, customStopWords="[1]"), "JSON list of texts"),
    (step("TOKENIZATION", **XY, customStopWords='["a"]'), "stopWordRemovalMode"),
    (step("TOKENIZATION", **XY, stopWordRemovalMode="CUSTOM"), "needs customStopWords"),
    (step("TOKENIZATION", **XY, tokenizerPattern="x"), "AWS does not say"),
]


@pytest.mark.parametrize(("made", "reason"), REFUSED)
def test_what_has_no_meaning_is_refused_before_any_row(made: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        recipe(made)


def test_stems_without_nltk_name_the_extra_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nltk", None)
    assert derive(tmp_path, ["running shoes"], "TOKENIZATION") == ["running shoes"]
    with pytest.raises(RecipeError, match=r"step 1 .* install cleanroom-pipeline\[text\]"):
        derive(tmp_path, ["running shoes"], "TOKENIZATION", stemmingMode="PORTER")


def test_a_contraction_is_two_words_cased_like_it() -> None:
    assert expanded("don't") == ["do", "not"]
    assert expanded("Don't") == ["Do", "not"]
    assert expanded("DON'T") == ["DO", "NOT"]
    assert expanded("I'm") == ["I", "am"]
    assert expanded("customer's") == ["customer's"]
    assert all(len(expanded(one)) > 1 for one in CONTRACTIONS)


def test_the_word_lists_can_be_met_by_words_in_lower_case() -> None:
    assert all(word == word.lower() and word.isalpha() for word in STOP_WORDS)
    assert all(one == one.lower() and one.count("'") == 1 for one in CONTRACTIONS)
