"""What operations on cells and columns do.

Here: golden pairs per operation. Not here: personal data (test_pii.py), rows (test_rows.py).
"""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline_tests.recipe.running import (
    change,
    column,
    derive,
    recipe,
    rows_of,
    run_csv,
    run_table,
    step,
)

IN_PLACE: list[tuple[str, dict[str, Any], dict[str | None, Any]]] = [
    ("LOWER_CASE", {}, {"ÀB c": "àb c", None: None, "": ""}),
    ("UPPER_CASE", {}, {"àb1": "ÀB1", None: None}),
    ("CAPITAL_CASE", {}, {"jOHN  o'neil\tmc-x": "John  O'neil\tMc-x", "élan": "Élan", None: None}),
    (
        "SENTENCE_CASE",
        {},
        {"hELLO World. how ARE you? fine": "Hello world. How are you? Fine", "": "", None: None},
    ),
    ("ADD_PREFIX", {"pattern": "id-"}, {"1": "id-1", "": "id-", None: None}),
    ("ADD_SUFFIX", {"pattern": "'; --"}, {"1": "1'; --", None: None}),
    ("ADD_SINGLE_QUOTES", {}, {"a": "'a'", None: None}),
    ("ADD_DOUBLE_QUOTES", {}, {"a": '"a"'}),
    ("REMOVE_COMBINED", {"removeAllWhitespace": "true"}, {" a \t b\n": "ab", None: None}),
    ("REMOVE_COMBINED", {"removeLeadingAndTrailingWhitespace": "TRUE"}, {"\t a b ": "a b"}),
    ("REMOVE_COMBINED", {"removeLeadingAndTrailingPunctuation": True}, {"!a.b?": "a.b"}),
    ("REMOVE_COMBINED", {"removeLeadingAndTrailingQuotes": True}, {"\"it's'": "it's"}),
    ("REMOVE_COMBINED", {"collapseConsecutiveWhitespace": True}, {"a \t\n b": "a b"}),
    ("REMOVE_COMBINED", {"removeAllPunctuation": True}, {"a.b!c,d?e;f": "abcde;f"}),
    ("REMOVE_COMBINED", {"removeAllQuotes": True}, {"\"a'b": "ab"}),
    ("REMOVE_COMBINED", {"removeLetters": True}, {"aé1Z": "é1"}),
    ("REMOVE_COMBINED", {"removeNumbers": True}, {"a1²": "a²"}),
    ("REMOVE_COMBINED", {"removeSpecialCharacters": True}, {"+1 (5)-[é]\\^`{|}~_": "1 5é"}),
    (
        "REMOVE_COMBINED",
        {"removeCustomCharacters": True, "customCharacters": "^]-"},
        {"a^b]c-d\\": "abcd\\"},
    ),
    ("REMOVE_COMBINED", {"removeCustomValue": True, "customValue": ".*"}, {"a.*b.": "ab."}),
    (
        "REPLACE_TEXT",
        {"pattern": "[0-9]+", "value": "$1\\1"},
        {"a12b3": "a$1\\1b$1\\1", None: None},
    ),
    ("REPLACE_TEXT", {"pattern": "b"}, {"abcb": "ac"}),
    ("REPLACE_TEXT", {"pattern": "a(?=b)", "value": "x"}, {"abac": "xbac", None: None}),
    (
        "FORMAT_DATE",
        {"targetDateFormat": "mm/dd/yyyy"},
        {"2013-02-21": "02/21/2013", "20-12-2018": "12/20/2018", "no": None, None: None},
    ),
    ("FORMAT_DATE", {"targetDateFormat": "dd month yyyy"}, {"2013/02/21": "21 February 2013"}),
    ("FORMAT_DATE", {"targetDateFormat": "MM-dd-yyyy"}, {"2013-02-21": "02-21-2013"}),
    ("FORMAT_DATE", {}, {"2013-02-21 06:35:45": "2013-02-21 06:35:45"}),
    (
        "CHANGE_DATA_TYPE",
        {"columnDataType": "int"},
        {
            "12": 12,
            " -7 ": -7,
            "12.9": 12,
            "1e3": None,
            "1_000": None,
            "x": None,
            "3000000000": None,
        },
    ),
    ("CHANGE_DATA_TYPE", {"columnDataType": "long"}, {"9223372036854775807": 2**63 - 1, "": None}),
    ("CHANGE_DATA_TYPE", {"columnDataType": "byte"}, {"127": 127, "128": None}),
    ("CHANGE_DATA_TYPE", {"columnDataType": "double"}, {"1.5": 1.5, "1e3": 1000.0, "0x1": None}),
    ("CHANGE_DATA_TYPE", {"columnDataType": "decimal"}, {"1.25": Decimal("1.25"), "a": None}),
    (
        "CHANGE_DATA_TYPE",
        {"columnDataType": "boolean"},
        {"true": True, "No": False, "YES": True, "maybe": None, None: None},
    ),
    (
        "CHANGE_DATA_TYPE",
        {"columnDataType": "date"},
        {"2020-02-29": date(2020, 2, 29), "2021-02-29": None, "02/03/2004": date(2004, 2, 3)},
    ),
    (
        "CHANGE_DATA_TYPE",
        {"columnDataType": "timestamp"},
        {
            "2020-02-29T10:11:12Z": datetime(2020, 2, 29, 10, 11, 12),  # noqa: DTZ001 - no zone
            "2020-02-29 10:11:12.5": datetime(2020, 2, 29, 10, 11, 12, 500000),  # noqa: DTZ001
        },
    ),
    ("TO_DOUBLE_COLUMN", {}, {"1": 1.0, "x": None}),
    ("TO_NUMBER_COLUMN", {"columnDataType": "long"}, {"1": 1}),
    ("TO_BOOLEAN_COLUMN", {}, {"true": True}),
    ("TO_STRING_COLUMN", {"columnDataType": "string"}, {"1": "1"}),
    ("FILL_WITH_CUSTOM", {"value": "?"}, {"a": "a", "": "?", None: "?"}),
    ("FILL_WITH_EMPTY", {}, {"a": "a", None: ""}),
    ("FILL_WITH_NULL", {}, {"a": "a", "": None}),
]


@pytest.mark.parametrize(("operation", "parameters", "pairs"), IN_PLACE)
def test_cells_change_in_place(
    tmp_path: Path, operation: str, parameters: dict[str, Any], pairs: dict[str | None, Any]
) -> None:
    assert change(tmp_path, list(pairs), operation, **parameters) == list(pairs.values())


def test_dates_are_read_as_aws_publishes_it(tmp_path: Path) -> None:
    read = [
        "20-2018-12",
        "20-12-2018",
        "12/20/2018",
        "02/02/02",
        "02 02 2009",
        "August/02/2009",
        "August 02 2009",
        "2013/02/21",
        "2013-02-21 06:35:45.658505",
    ]
    not_read = ["2018-20-12", "20182012", "12202018", "20122018", "02/june/2009", "02/2020/june"]
    months = change(tmp_path, read + not_read, "FORMAT_DATE", targetDateFormat="yyyy-mm")
    assert months[: len(read)] == [
        *["2018-12"] * 3, "2002-02", "2009-02", "2009-08", "2009-08", "2013-02", "2013-02",
    ]  # fmt: skip
    assert months[len(read) :] == [None] * len(not_read)


NEW_COLUMN: list[tuple[str, dict[str, Any], dict[str | None, Any]]] = [
    ("DUPLICATE", {}, {"a": "a", None: None}),
    ("EXTRACT_PATTERN", {"pattern": "[0-9]+"}, {"a12b3": "12", "none": None, None: None}),
    ("EXTRACT_PATTERN", {"pattern": "(?<=@).+"}, {"a@b": "b", "none": None}),
    ("DATE_FORMAT", {"dateTimeFormat": "mm/dd/yy"}, {"2013-02-21": "02/21/13", "x": None}),
    ("FLAG_COLUMN_FROM_NULL", {}, {"a": "False", "": "True", None: "True"}),
    ("FLAG_COLUMN_FROM_PATTERN", {"pattern": "f"}, {"of": "True", "m": "False", None: "False"}),
    (
        "FLAG_COLUMN_FROM_PATTERN",
        {"pattern": "f(?=g)", "trueString": "y", "falseString": "n"},
        {"fg": "y", "f": "n", None: "n"},
    ),
    (
        "CATEGORICAL_MAPPING",
        {"categoryMap": {"a": "A", "b'": "B"}, "other": "?"},
        {"a": "A", "b'": "B", "c": "?", None: "?"},
    ),
    (
        "CATEGORICAL_MAPPING",
        {"categoryMap": '{"a":"1","b":"2.5"}', "mapType": "NUMERIC"},
        {"a": 1.0, "b": 2.5, "c": None},
    ),
    (
        "CATEGORICAL_MAPPING",
        {"categoryMap": {"a": "A"}, "keepOthers": "true"},
        {"a": "A", "c": "c", None: None},
    ),
]


@pytest.mark.parametrize(("operation", "parameters", "pairs"), NEW_COLUMN)
def test_a_new_column_is_made(
    tmp_path: Path, operation: str, parameters: dict[str, Any], pairs: dict[str | None, Any]
) -> None:
    assert derive(tmp_path, list(pairs), operation, **parameters) == list(pairs.values())


def test_categorical_mapping_can_delete_other_rows(tmp_path: Path) -> None:
    made = {"categoryMap": {"a": "A"}, "deleteOtherRows": "true"}
    assert derive(tmp_path, ["a", "b", None, "a"], "CATEGORICAL_MAPPING", **made) == ["A", "A"]


def names(tmp_path: Path, *steps: Any) -> list[str]:
    return list(run_csv(tmp_path, [{"a": "1", "b": "2", "c": "3"}], *steps)[0])


COLUMN_ORDER: list[tuple[dict[str, Any], list[str]]] = [
    (step("RENAME", sourceColumn="b", targetColumn="x y"), ["a", "x y", "c"]),
    (step("DELETE", sourceColumns=["a", "c"]), ["b"]),
    (step("DELETE", sourceColumn="a"), ["b", "c"]),
    (step("DUPLICATE", sourceColumn="a", targetColumn="d"), ["a", "b", "c", "d"]),
    (step("DUPLICATE", sourceColumn="a"), ["a", "b", "c", "a_copy"]),
    (step("MOVE_AFTER", sourceColumn="a", targetColumn="b"), ["b", "a", "c"]),
    (step("MOVE_BEFORE", sourceColumn="c", targetColumn="b"), ["a", "c", "b"]),
    (step("MOVE_TO_END", sourceColumn="a"), ["b", "c", "a"]),
    (step("MOVE_TO_START", sourceColumn="c"), ["c", "a", "b"]),
    (step("MOVE_TO_INDEX", sourceColumn="a", targetIndex="1"), ["b", "a", "c"]),
    (step("MOVE_TO_INDEX", sourceColumn="a", targetIndex=9), ["b", "c", "a"]),
    (step("MERGE", sourceColumns=["a", "c"], targetColumn="m"), ["a", "b", "c", "m"]),
    (
        step("SPLIT_COLUMN_SINGLE_DELIMITER", sourceColumn="b", pattern="-", limit=2),
        ["a", "b_1", "b_2", "b_3", "c"],
    ),
]


@pytest.mark.parametrize(("made", "expected"), COLUMN_ORDER)
def test_columns_stand_in_order(tmp_path: Path, made: dict[str, Any], expected: list[str]) -> None:
    assert names(tmp_path, made) == expected


def test_columns_can_swap_names(tmp_path: Path) -> None:
    swap = [
        step("RENAME", sourceColumn="a", targetColumn="t"),
        step("RENAME", sourceColumn="b", targetColumn="a"),
        step("RENAME", sourceColumn="t", targetColumn="b"),
    ]
    assert run_csv(tmp_path, [{"a": "1", "b": "2"}], *swap) == [{"b": "1", "a": "2"}]


def test_merge_leaves_nulls_out(tmp_path: Path) -> None:
    rows = [
        {"a": "1", "b": "2"},
        {"a": None, "b": "2"},
        {"a": "", "b": "2"},
        {"a": None, "b": None},
    ]
    made = step("MERGE", sourceColumns=["a", "b"], delimiter=", ", targetColumn="m")
    assert column(run_csv(tmp_path, rows, made), "m") == ["1, 2", "2", ", 2", ""]


SPLITS: list[tuple[dict[str, Any], str | None, list[str | None]]] = [
    ({"pattern": ",", "limit": 2}, "a,b,c,d", ["a", "b", "c,d"]),
    ({"pattern": ",", "limit": 2}, "a", ["a", None, None]),
    ({"pattern": ",", "limit": 2}, None, [None, None, None]),
    ({"pattern": "[0-9]+", "limit": 1}, "a12b3", ["a", "b3"]),
    ({"pattern": ".", "limit": 1, "isText": "TRUE"}, "a.b", ["a", "b"]),
    ({"pattern": "(,)", "limit": 1}, ",", ["", ""]),
]


@pytest.mark.parametrize(("parameters", "cell", "expected"), SPLITS)
def test_a_column_is_split_at_delimiters(
    tmp_path: Path, parameters: dict[str, Any], cell: str | None, expected: list[str | None]
) -> None:
    made = step("SPLIT_COLUMN_SINGLE_DELIMITER", sourceColumn="x", **parameters)
    rows = run_csv(tmp_path, [{"x": cell, "n": "1"}], made)
    assert list(rows[0].values())[:-1] == expected


TYPED: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("LOWER_CASE", {}, pa.array([12, None]), ["12", None]),
    (
        "FORMAT_DATE",
        {"targetDateFormat": "mm/dd/yyyy"},
        pa.array([date(2020, 1, 2)]),
        ["01/02/2020"],
    ),
    (
        "MASK_DATE",
        {"maskSymbol": "#", "redact": ["DAY"]},
        pa.array([date(2020, 1, 2)]),
        ["2020/01/##"],
    ),
    ("MASK_RANGE", {"maskSymbol": "#", "stop": 1}, pa.array([True]), ["#rue"]),
    ("CHANGE_DATA_TYPE", {"columnDataType": "int"}, pa.array([1.9, None]), [1, None]),
    ("CHANGE_DATA_TYPE", {"columnDataType": "string"}, pa.array([1.5]), ["1.5"]),
    ("CHANGE_DATA_TYPE", {"columnDataType": "boolean"}, pa.array([0, 2]), [False, True]),
    ("FILL_WITH_CUSTOM", {"value": "7"}, pa.array([1, None]), [1, 7]),
    ("FILL_WITH_AVERAGE", {}, pa.array([1, 2, None]), [1.0, 2.0, 1.5]),
    ("FILL_WITH_LAST_VALID", {}, pa.array([3, None]), [3, 3]),
]


@pytest.mark.parametrize(("operation", "parameters", "cells", "expected"), TYPED)
def test_typed_columns_are_taken(
    tmp_path: Path, operation: str, parameters: dict[str, Any], cells: Any, expected: list[Any]
) -> None:
    table = pa.table({"x": cells})
    got = run_table(tmp_path, table, step(operation, sourceColumn="x", **parameters))
    assert column(rows_of(got), "x") == expected


REFUSED: list[tuple[dict[str, Any], str]] = [
    (step("MASK_RANGE", sourceColumn="x", maskSymbol="##"), "single character"),
    (step("MASK_RANGE", sourceColumn="x", maskSymbol="#", entityTypeFilter=["DATE"]), "refused"),
    (step("MASK_DATE", sourceColumn="x", maskSymbol="#", redact=["YEARS"]), "did you mean 'YEAR'"),
    (step("MASK_DELIMITER", sourceColumn="x", maskSymbol="#"), "startDelimiter"),
    (step("CRYPTOGRAPHIC_HASH", sourceColumn="x"), "secretId"),
    (
        step("CRYPTOGRAPHIC_HASH", sourceColumn="x", secretId="s", entityTypeFilter=["USA_ALL"]),
        "USA_ALL",
    ),
    (step("REPLACE_TEXT", sourceColumn="x", pattern="(a"), "regular expression"),
    (step("MASK_CUSTOM", sourceColumn="x", maskSymbol="#", customValue="(", regex=True), "regular"),
    (step("FORMAT_DATE", sourceColumn="x", targetDateFormat="qq"), "means nothing"),
    (step("CHANGE_DATA_TYPE", sourceColumn="x", columnDataType="strin"), "did you mean 'string'"),
    (step("REMOVE_COMBINED", sourceColumn="x", removeCustomValue=True), "customValue"),
    (step("REPLACE_WITH_RANDOM_BETWEEN", sourceColumn="x", lowerBound=2, upperBound=1), "greater"),
    (step("SORT", expressions=[{"sourceColumn": "x", "ordering": "ASC"}]), "ASCENDING"),
    (step("SPLIT_COLUMN_SINGLE_DELIMITER", sourceColumn="x", pattern=",", limit=21), "at most 20"),
    (step("RENAME", sourceColumns=["x", "y"], targetColumn="z"), "only one"),
    (step("ENCRYPT", sourceColumn="x"), "KMS"),
]


@pytest.mark.parametrize(("made", "reason"), REFUSED)
def test_what_cant_be_run_exactly_is_refused_before_any_row(
    made: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RecipeError, match=reason):
        recipe(made)
