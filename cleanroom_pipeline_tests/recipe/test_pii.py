"""What is left of personal data after each operation that hides it.

Here: hashes, masks, substitution. Not here: AWS's own samples (test_aws_samples.py).
"""

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.recipe.engine import EngineSettings, UnmaskableValueError
from cleanroom_pipeline_tests.recipe.running import (
    KEY,
    change,
    column,
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


def test_a_filtered_hash_stops_at_a_cell_of_no_such_type(tmp_path: Path) -> None:
    made = {"secretId": "key", "entityTypeFilter": ["PHONE_NUMBER"]}
    with pytest.raises(UnmaskableValueError, match=r"step 1 .*'x'.*PHONE_NUMBER") as caught:
        change(tmp_path, ["408 496-7223", "SECRET-VALUE"], "CRYPTOGRAPHIC_HASH", **made)
    assert "SECRET-VALUE" not in str(caught.value)


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
