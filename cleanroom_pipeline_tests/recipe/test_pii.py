"""What is left of personal data after each operation that hides it.

Here: hashes, masks, substitution. Not here: AWS's own samples (test_aws_samples.py).
"""

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.engine import EngineSettings, UnmaskableValueError
from cleanroom_pipeline.recipe.vectorised import digest_base64, hmac_key
from cleanroom_pipeline_tests.recipe.running import (
    KEY,
    change,
    column,
    condition,
    recipe,
    run_csv,
    step,
)

MASKS: list[tuple[str, dict[str, Any], dict[str | None, Any]]] = [
    ("MASK_RANGE", {"maskSymbol": "#", "stop": 5}, {"jé@x": "####", "abcdefg": "#####fg", "": ""}),
    ("MASK_RANGE", {"maskSymbol": "\\", "start": "1", "stop": "-1"}, {"abcd": "a\\\\d", "a": "a"}),
    ("MASK_RANGE", {"maskSymbol": "*", "start": "-2"}, {"abcd": "ab**", "a": "*", None: None}),
    ("MASK_RANGE", {"maskSymbol": "*"}, {"a\nb😀": "****"}),
    (
        "MASK_RANGE",
        {"maskSymbol": "#", "alphabet": ["SYMBOLS", "WHITESPACE"]},
        {"a b-c@d.é": "# #-#@#.#"},
    ),
    ("MASK_CUSTOM", {"maskSymbol": "#", "customValue": "a."}, {"a.ab": "##ab", None: None}),
    (
        "MASK_CUSTOM",
        {"maskSymbol": "#", "customValue": "[0-9]+", "regex": "true"},
        {"a12b3": "a##b#", None: None},
    ),
    (
        "MASK_DELIMITER",
        {"maskSymbol": "#", "startDelimiter": "<", "endDelimiter": ">"},
        {"a<bc>d<e>": "a<##>d<#>", "a<bc": "a<##", "none": "none", None: None},
    ),
    ("MASK_DELIMITER", {"maskSymbol": "#", "startDelimiter": "@"}, {"ab@cd@e": "ab@####"}),
    ("MASK_DELIMITER", {"maskSymbol": "#", "endDelimiter": "@"}, {"a b@cd": "###@cd"}),
    (
        "MASK_DELIMITER",
        {"maskSymbol": "#", "endDelimiter": "@", "alphabet": '["WHITESPACE"]'},
        {"a b@cd": "# #@cd"},
    ),
    ("MASK_DELIMITER", {"maskSymbol": "#", "endDelimiter": "@"}, {"abc": "###"}),
    (
        "MASK_DELIMITER",
        {"maskSymbol": "#", "startDelimiter": "((", "endDelimiter": "))"},
        {"a((b((c))d))e": "a((#######))e", "a((b))c))": "a((#))c))", "((": "(("},
    ),
]


@pytest.mark.parametrize(("operation", "parameters", "pairs"), MASKS)
def test_masks_hide_what_they_name(
    tmp_path: Path, operation: str, parameters: dict[str, Any], pairs: dict[str | None, Any]
) -> None:
    assert change(tmp_path, list(pairs), operation, **parameters) == list(pairs.values())


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA1", "SHA256", "SHA512"])
def test_hash_is_base64_of_the_raw_digest(tmp_path: Path, algorithm: str, *, keyed: bool) -> None:
    name = algorithm.lower()
    values = ["a@b.c", "é", ""]
    if keyed:
        expected = [hmac.digest(KEY, value.encode(), name) for value in values]
        parameters = {"algorithm": f"HMAC_{algorithm}", "secretId": "key"}
    else:
        expected = [hashlib.new(name, value.encode()).digest() for value in values]
        parameters = {"algorithm": algorithm}
    hashed = change(tmp_path, [*values, None], "CRYPTOGRAPHIC_HASH", **parameters)
    assert hashed == [*(base64.b64encode(digest).decode() for digest in expected), None]


def test_hash_takes_hmac_sha256_by_default(tmp_path: Path) -> None:
    hashed = change(tmp_path, ["a"], "CRYPTOGRAPHIC_HASH", secretId="key")
    assert hashed == [base64.b64encode(hmac.digest(KEY, b"a", "sha256")).decode()]


def test_a_filtered_hash_hashes_cells_of_the_type(tmp_path: Path) -> None:
    made = {"secretId": "key", "entityTypeFilter": ["PHONE_NUMBER", "EMAIL"]}
    hashed = change(tmp_path, ["408 496-7223", "a@b.org", None], "CRYPTOGRAPHIC_HASH", **made)
    assert [None if cell is None else len(cell) for cell in hashed] == [44, 44, None]


FILTERED: list[tuple[str, dict[str, Any]]] = [
    ("CRYPTOGRAPHIC_HASH", {"secretId": "key"}),
    ("DETERMINISTIC_ENCRYPT", {"secretId": "key"}),
    ("ENCRYPT", {"kmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/one"}),
    ("MASK_RANGE", {"maskSymbol": "#"}),
    ("MASK_CUSTOM", {"maskSymbol": "#", "customValue": "4"}),
    ("MASK_DELIMITER", {"maskSymbol": "#", "startDelimiter": "4"}),
]


@pytest.mark.parametrize(("operation", "parameters"), FILTERED)
def test_a_filter_leaves_what_is_certainly_of_no_such_type(
    tmp_path: Path, operation: str, parameters: dict[str, Any]
) -> None:
    made = {**parameters, "entityTypeFilter": ["PHONE_NUMBER"]}
    got = change(tmp_path, ["408 496-7223", "prefers tea", None, ""], operation, **made)
    assert got[1:] == ["prefers tea", None, ""]
    assert got[0] != "408 496-7223"


@pytest.mark.parametrize(("operation", "parameters"), FILTERED)
def test_a_filter_stops_at_what_may_be_of_the_type(
    tmp_path: Path, operation: str, parameters: dict[str, Any]
) -> None:
    made = {**parameters, "entityTypeFilter": ["PHONE_NUMBER"]}
    undecided = "SECRET-VALUE a408-496-7223"
    with pytest.raises(UnmaskableValueError, match=r"step 1 .*'x'.*PHONE_NUMBER") as caught:
        change(tmp_path, ["408 496-7223", undecided], operation, **made)
    assert "SECRET-VALUE" not in str(caught.value)
    assert "7223" not in str(caught.value)


def test_a_filter_looks_at_the_rows_of_the_condition_only(tmp_path: Path) -> None:
    made = step(
        "CRYPTOGRAPHIC_HASH",
        sourceColumn="x",
        algorithm="MD5",
        entityTypeFilter=["EMAIL"],
        conditions=[condition("IS", "n", "1")],
    )
    rows = [{"x": "a@b.org", "n": "1"}, {"x": "at @ home", "n": "2"}]
    assert column(run_csv(tmp_path, rows, made), "x")[1] == "at @ home"


@pytest.mark.parametrize("entity", ["USA_ALL", "PERSON_NAME", "USA_PASSPORT_NUMBER", "NO_SUCH"])
def test_a_type_that_nobody_can_check_is_refused_with_a_reason(entity: str) -> None:
    with pytest.raises(RecipeError, match=f"entityTypeFilter '{entity}' is refused: .*Possible: "):
        recipe(step("CRYPTOGRAPHIC_HASH", sourceColumn="x", secretId="s", entityTypeFilter=entity))


# RFC 2202 and RFC 4231, test case 2: the key is "Jefe".
PUBLISHED = {
    "HMAC_MD5": "750c783e6ab0b503eaa86e310a5db738",
    "HMAC_SHA1": "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
    "HMAC_SHA256": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    "HMAC_SHA512": "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
    "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
}


@pytest.mark.parametrize("algorithm", PUBLISHED)
def test_keyed_hashes_are_those_of_the_standards(algorithm: str) -> None:
    digest = digest_base64(algorithm.removeprefix("HMAC_").lower(), hmac_key("SmVmZQ=="))
    assert base64.b64decode(digest("what do ya want for nothing?")).hex() == PUBLISHED[algorithm]


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("MASK_RANGE", {"start": 3, "stop": 3}, "masks nothing"),
    ("MASK_RANGE", {"start": -1, "stop": -2}, "masks nothing"),
    ("MASK_CUSTOM", {"customValue": ""}, "customValue"),
    ("MASK_CUSTOM", {"customValue": "[", "regex": True}, "regular expression"),
    ("MASK_DELIMITER", {"startDelimiter": ""}, "endDelimiter"),
    ("MASK_DATE", {"redact": []}, "JSON list"),
]


@pytest.mark.parametrize(("operation", "parameters", "told"), REFUSED)
def test_a_mask_that_would_hide_nothing_is_refused(
    operation: str, parameters: dict[str, Any], told: str
) -> None:
    with pytest.raises(RecipeError, match=told):
        recipe(step(operation, sourceColumn="x", maskSymbol="#", **parameters))


REDACT: list[tuple[list[str], dict[str | None, str | None]]] = [
    (["YEAR", "DAY"], {"1964-09-06": "####/09/##", "1944-12-22": "####/12/##", None: None, "": ""}),
    (["MONTH"], {"1964-09-06 10:11:12": "1964/##/06 10:11:12"}),
    (["HOUR", "SECOND"], {"1964-09-06T10:11:12.345Z": "1964/09/06T##:11:##.345Z"}),
    (["MILLISECOND", "MINUTE"], {"1964-09-06 10:11:12.345": "1964/09/06 10:##:12.###"}),
    (["HOUR"], {"1964-09-06 10:11": "1964/09/06 ##:11"}),
]


@pytest.mark.parametrize(("redact", "pairs"), REDACT)
def test_mask_date_masks_the_named_parts(
    tmp_path: Path, redact: list[str], pairs: dict[str | None, str | None]
) -> None:
    masked = change(tmp_path, list(pairs), "MASK_DATE", maskSymbol="#", redact=redact)
    assert masked == list(pairs.values())


def test_mask_date_in_compat_reads_small_last_fields_as_months(tmp_path: Path) -> None:
    made = step("MASK_DATE", sourceColumn="x", maskSymbol="#", redact=["YEAR", "DAY"])
    rows = run_csv(
        tmp_path,
        [{"x": "1964-09-06"}, {"x": "1944-12-22"}],
        made,
        settings=EngineSettings(compat=True),
    )
    assert column(rows, "x") == ["####/##/06", "####/12/##"]


@pytest.mark.parametrize(
    "cell", ["06/09/1964", "1964-13-01", "1964-02-30", "SECRET", "1964-09-06x"]
)
def test_mask_date_stops_at_what_is_no_iso_date(tmp_path: Path, cell: str) -> None:
    with pytest.raises(UnmaskableValueError, match=r"step 1 \(MASK_DATE\).*'x'") as caught:
        change(tmp_path, ["1964-09-06", cell], "MASK_DATE", maskSymbol="#", redact=["DAY"])
    assert cell not in str(caught.value)


def test_random_numbers_stay_in_their_bounds_and_follow_the_seed(tmp_path: Path) -> None:
    rows = [{"x": str(n) if n else None} for n in range(300)]
    made = step("REPLACE_WITH_RANDOM_BETWEEN", sourceColumn="x", lowerBound="-2", upperBound="2")
    first, again, other = (
        column(run_csv(tmp_path, rows, made, settings=EngineSettings(seed=seed)), "x")
        for seed in (1, 1, 2)
    )
    assert first[0] is None
    assert set(first[1:]) == {-2, -1, 0, 1, 2}
    assert first == again
    assert first != other


def test_random_dates_stay_in_their_bounds(tmp_path: Path) -> None:
    ends = {"startDate": "2020-01-01 00:00:00", "endDate": "2020-01-01 00:00:03"}
    got = change(tmp_path, ["x"] * 200, "REPLACE_WITH_RANDOM_DATE_BETWEEN", **ends)
    assert {str(cell) for cell in got} == {f"2020-01-01 00:00:0{n}" for n in range(4)}


def test_shuffling_permutes_values_within_each_group(tmp_path: Path) -> None:
    rows = [{"g": "ab"[n % 2], "x": str(n), "n": str(n)} for n in range(100)]
    made = step("SHUFFLE_ROWS", sourceColumns=["x"], groupByColumns=["g"])
    got = run_csv(tmp_path, rows, made)
    assert column(got, "n") == column(rows, "n")
    assert column(got, "x") != column(rows, "x")
    for group in "ab":
        before = [row["x"] for row in rows if row["g"] == group]
        after = [row["x"] for row in got if row["g"] == group]
        assert sorted(after) == sorted(before)
