"""`inbound.format` of a connector: what is allowed, and what the stages are told."""

from typing import Any

import pytest
from pydantic import ValidationError

from cleanroom_pipeline.connector_types.format_settings import FormatSettings
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.records import FormatChoice, MixedFormatsError


def test_without_a_word_the_kind_is_told_by_names() -> None:
    choice = FormatSettings().choice()
    assert choice == FormatChoice(FileFormat(), by_name=True)
    assert choice.for_batch(["a.avro", "b.avro"]) == FileFormat(kind="avro")


def test_what_is_said_reaches_the_reader() -> None:
    said: dict[str, Any] = {
        "kind": "csv",
        "delimiter": "\t",
        "quote": "'",
        "escape": "\\",
        "header": False,
        "encoding": "windows-1252",
        "null_text": "\\N",
        "max_bad_rows": 7,
    }
    assert FormatSettings(**said).choice() == FormatChoice(FileFormat(**said), by_name=False)
    assert FormatSettings(kind="xlsx", sheet="Data").choice().options.sheet == "Data"


def test_an_explicit_kind_wins_over_names() -> None:
    choice = FormatSettings(kind="jsonl").choice()
    assert choice.for_batch(["a.csv", "b.json"]).kind == "jsonl"


def test_json_and_json_lines_go_together_and_other_kinds_do_not() -> None:
    choice = FormatSettings(max_bad_rows=1).choice()
    told = choice.for_batch(["a.json", "b.jsonl"])
    assert (told.kind, told.max_bad_rows) == ("json", 1)
    with pytest.raises(MixedFormatsError, match=r"json: a\.json; parquet: b\.parquet"):
        choice.for_batch(["a.json", "b.parquet"])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"kind": "parquet", "max_bad_rows": 1}, "max_bad_rows says nothing of kind parquet"),
        ({"kind": "json", "max_bad_rows": 1}, "it goes with csv, jsonl"),
        ({"kind": "avro", "encoding": "latin-1"}, "encoding says nothing of kind avro"),
        ({"kind": "jsonl", "delimiter": ";"}, "delimiter says nothing of kind jsonl"),
        ({"kind": "csv", "sheet": 1}, "it goes with xlsx"),
        ({"kind": "orc", "header": False}, "it goes with csv, xlsx"),
        ({"max_bad_rows": -1}, "at least 0"),
        ({"delimiter": '"'}, "differ"),
        ({"delimiter": "ab"}, "at most 1"),
        ({"encoding": "rot13"}, "utf-8"),
        ({"kind": "xml"}, "jsonl"),
        ({"compression": "gzip"}, "compression"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        FormatSettings(**said)
