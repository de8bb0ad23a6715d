"""Rows that are put aside: which, why, and that the others are read exactly.

Here: `max_bad_rows`. Not here: where the rows put aside are kept.
"""

import base64
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.recipe.files import FileFormat, FileReadError, check_bad_rows
from cleanroom_pipeline.recipe.inspection import inspect_file
from cleanroom_pipeline.recipe.reading.csv_records import (
    LONGEST_RECORD,
    Dialect,
    records,
    whole_lines,
)
from cleanroom_pipeline_tests.recipe.writing import PACKED, put, read_rows

CSV = FileFormat(max_bad_rows=100)
LINES = FileFormat(kind="jsonl", max_bad_rows=100)


def put_aside(folder: Path, content: bytes, format_: FileFormat) -> list[tuple[int, str, Any]]:
    """Return line, reason and raw bytes of each row put aside."""
    quarantine = folder / "quarantine"
    summary = inspect_file(put(folder, content), format_, quarantine=quarantine)
    lines = quarantine.read_text(encoding="utf-8").splitlines() if quarantine.exists() else []
    rows = [json.loads(line) for line in lines]
    assert all(row["file"] == "s3://bucket/in" for row in rows)
    assert summary.bad_rows == len(rows)
    return [
        (
            row["line"],
            row["reason"],
            row["raw"].encode() if "raw" in row else base64.b64decode(row["raw_base64"]),
        )
        for row in rows
    ]


NOT_CLOSED = "a quoted cell is not closed as it should"
NOT_UTF8 = "is not text in the encoding 'utf-8'"


@pytest.mark.parametrize(
    ("content", "aside", "rows"),
    [
        (b"1\n3,4\n", [(2, "has 1 cells, not 2", b"1")], [("3", "4")]),
        (b"1,2,3\n3,4\n", [(2, "has 3 cells, not 2", b"1,2,3")], [("3", "4")]),
        (b'1,"2\n3,4\n5,6\n', [(2, NOT_CLOSED, b'1,"2')], [("3", "4"), ("5", "6")]),
        (b'1,"2"x\n3,4\n', [(2, NOT_CLOSED, b'1,"2"x')], [("3", "4")]),
        (b'3,4\n1,"2', [(3, NOT_CLOSED, b'1,"2')], [("3", "4")]),
        (b"1,\xff\n3,4\n", [(2, NOT_UTF8, b"1,\xff")], [("3", "4")]),
        (b'1,"a\nb",3\n3,4\n', [(2, "has 3 cells, not 2", b'1,"a\nb",3')], [("3", "4")]),
        (b'1,"a\n""b"\n3\n', [(4, "has 1 cells, not 2", b"3")], [("1", 'a\n"b')]),
        (b"1,2,\n\n3,4\n", [], [("1", "2"), ("3", "4")]),
        (b"1,2\r\n3,4\n", [], [("1", "2"), ("3", "4")]),
        (b'"",\n', [], [("", None)]),
    ],
)
def test_bad_csv_records_are_put_aside_and_no_others(
    tmp_path: Path, content: bytes, aside: list[Any], rows: list[Any]
) -> None:
    content = b"a,b\n" + content
    assert put_aside(tmp_path, content, CSV) == aside
    assert read_rows(put(tmp_path, content), CSV) == rows


@pytest.mark.parametrize(
    ("content", "aside"),
    [
        (b'{"a":\n', (2, "is not JSON", b'{"a":')),
        (b"[1]\n", (2, "holds something other than a JSON object", b"[1]")),
        (b'{"a":"\xff"}\n', (2, NOT_UTF8, b'{"a":"\xff"}')),
        (b'\n{"a":1}}\n', (3, "is not JSON", b'{"a":1}}')),
    ],
)
def test_lines_without_an_object_are_put_aside(
    tmp_path: Path, content: bytes, aside: tuple[int, str, bytes]
) -> None:
    content = b'{"a":1}\n' + content + b'{"a":2}'
    assert put_aside(tmp_path, content, LINES) == [aside]
    assert read_rows(put(tmp_path, content), LINES) == [("1",), ("2",)]


@pytest.mark.parametrize("packing", PACKED)
def test_rows_are_put_aside_from_packed_files_in_other_encodings(
    tmp_path: Path, packing: str
) -> None:
    format_ = FileFormat(encoding="cp1252", max_bad_rows=1)
    content = PACKED[packing]("a,b\né,1\n".encode("cp1252") + b"\x81,\xe9\n")
    aside = [(3, "is not text in the encoding 'cp1252'", b"\x81,\xe9")]
    assert put_aside(tmp_path, content, format_) == aside
    assert read_rows(put(tmp_path, content), format_) == [("é", "1")]


def test_one_row_more_than_the_limit_fails_with_the_count_and_the_first(tmp_path: Path) -> None:
    file = put(tmp_path, "a,b\nSECRET\n1,2\nSECRET\nSECRET\n")
    assert read_rows(file, FileFormat(max_bad_rows=3)) == [("1", "2")]
    with pytest.raises(FileReadError, match="first of 3 bad rows; max_bad_rows allows 2") as caught:
        read_rows(file, FileFormat(max_bad_rows=2))
    assert caught.value.line == 2
    assert "SECRET" not in str(caught.value)


def test_a_file_over_the_limit_is_counted_and_its_batch_judged(tmp_path: Path) -> None:
    format_ = FileFormat(max_bad_rows=1)
    summary = inspect_file(put(tmp_path, "a,b\n1\n2\n"), format_, quarantine=tmp_path / "q")
    assert summary.bad_rows == 2
    assert len((tmp_path / "q").read_text().splitlines()) == 1
    with pytest.raises(FileReadError, match="has 1 cells, not 2"):
        check_bad_rows(summary.bad_rows, summary.first_bad, 1)
    check_bad_rows(summary.bad_rows, summary.first_bad, 2)


def test_a_header_that_is_no_record_is_no_bad_row(tmp_path: Path) -> None:
    for content in ('a,"b\n1,2\n', "", "a,a\n"):
        with pytest.raises(FileReadError):
            inspect_file(put(tmp_path, content), CSV)


def test_a_record_without_end_takes_bounded_memory(tmp_path: Path) -> None:
    endless = b"a,b\n1," + b"x" * (2 * LONGEST_RECORD) + b"\n3,4\n"
    ((line, reason, _),) = put_aside(tmp_path, endless, CSV)
    assert (line, reason) == (2, "is longer than a line may be")
    assert read_rows(put(tmp_path, endless), CSV) == [("3", "4")]


PIECES = st.lists(
    st.sampled_from(
        ["x", "é", ",", ",", '"', '""', "\n", "\n", "\r\n", " ", "\\", "\0", "x,y\n", '"x","y"\n']
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(pieces=PIECES, width=st.integers(1, 3), escape=st.sampled_from([None, "\\"]))
@example(pieces=['"', " ", '"', ",", '"', ",", "y"], width=2, escape=None)
@example(pieces=[" ", '"', ",", '"'], width=1, escape="\\")
def test_what_is_not_put_aside_is_read_exactly_as_it_was_judged(
    pieces: list[str], width: int, escape: str | None
) -> None:
    header = ",".join("abc"[:width])
    format_ = FileFormat(escape=escape, max_bad_rows=1000)
    text = "".join(pieces)
    lines = whole_lines(io.StringIO(text, newline=""))
    judged = [one.of_columns(width) for one in records(lines, Dialect(format_))]
    good = [
        tuple(
            None if cell == "" and place not in record.quoted else cell
            for place, cell in enumerate(record.cells)
        )
        for record in judged
        if len(record.cells) == width and not (record.is_blank and width > 1)
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = put(Path(folder), f"{header}\n{text}")
        assert read_rows(file, format_) == good


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(st.text("aé, \\", max_size=4), st.text('b"\n', max_size=4))))
def test_nothing_of_a_sound_file_is_put_aside(rows: list[tuple[str, str]]) -> None:
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        file = put(Path(folder), "\n".join(["a,b", *quoted]))
        assert inspect_file(file, CSV).bad_rows == 0
        assert read_rows(file, CSV) == read_rows(file, FileFormat()) == rows
