"""CSV and JSON in every packing and encoding: the rows that come out.

Here: files of texts. Not here: typed files (test_reading_typed.py), damage (test_damage.py).
"""

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.recipe.files import FileFormat, FileReadError, SchemaMismatchError
from cleanroom_pipeline.recipe.inspection import inspect_file
from cleanroom_pipeline_tests.recipe.writing import PACKED, put, read_rows, read_table

CSV = 'name,"a ""b"""\r\nJosé,"x,y"\r\n"",\r\n'
CSV_ROWS = [("José", "x,y"), ("", None)]
LINES = '{"n":"José","v":1.5}\n\n{"n":null,"v":{"k":[true]},"w":2}\n'
DOCUMENT = '[ {"n":"José","v":1.5},\n {"n":null,\n"v":{"k":[true]},"w":2} ]\n'
JSON_ROWS = [("José", "1.5", None), (None, '{"k":[true]}', "2")]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1", "windows-1252"]


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("kind", "text", "rows"),
    [("csv", CSV, CSV_ROWS), ("jsonl", LINES, JSON_ROWS), ("json", DOCUMENT, JSON_ROWS)],
)
def test_every_packing_and_encoding_gives_the_same_rows(
    tmp_path: Path, packing: str, encoding: str, kind: Any, text: str, rows: list[Any]
) -> None:
    file = put(tmp_path, PACKED[packing](text.encode(encoding)))
    assert read_rows(file, FileFormat(kind=kind, encoding=encoding)) == rows


def test_utf_8_may_have_a_byte_order_mark_unasked(tmp_path: Path) -> None:
    for kind, text, rows in (("csv", CSV, CSV_ROWS), ("json", LINES, JSON_ROWS)):
        file = put(tmp_path, text.encode("utf-8-sig"))
        assert read_rows(file, FileFormat(kind=kind)) == rows  # type: ignore[arg-type]  # of a loop


@pytest.mark.parametrize(
    ("content", "kind", "rows"),
    [
        ('{"a":1}\n{"a":2}\n', "jsonl", [("1",), ("2",)]),
        ('\n \n {"a":1} \r\n{"a":2}', "jsonl", [("1",), ("2",)]),
        ('{"a":1}', "jsonl", [("1",)]),
        ('{\n"a":1\n}', "json", [("1",)]),
        (' \n[{"a":1}]', "json", [("1",)]),
        ('[{"a":"]"},{"a":2}]\n', "json", [("]",), ("2",)]),
    ],
)
def test_a_document_is_told_from_lines_by_how_it_begins(
    tmp_path: Path, content: str, kind: str, rows: list[Any]
) -> None:
    file = put(tmp_path, content)
    assert read_rows(file, FileFormat(kind="json")) == rows
    assert inspect_file(file, FileFormat(kind="json")).kind == kind


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('[{"a":"SECRET"}', "not closed"),
        ('[{"a":"SECRET"},\n', "not closed"),
        ('[{"a":"SECRET"},]', "not JSON"),
        ('[{"a":"SECRET"} {"a":1}]', "not JSON"),
        ('[{"a":"SECRET"}] "SECRET"]', "other than a JSON object"),
        ('[{"a":"SECRET"}] SECRET', "not closed"),
        ('[{"a":"SECRET"}, "SECRET"]', "other than a JSON object"),
        ('{"a":\n"SECRET"', "not JSON"),
        ('"SECRET"', "other than a JSON object"),
        ("[]", "no JSON object with a key"),
        ("", "no JSON object with a key"),
    ],
)
def test_a_broken_document_is_told_without_its_values(
    tmp_path: Path, content: str, reason: str
) -> None:
    with pytest.raises(FileReadError, match=reason) as caught:
        inspect_file(put(tmp_path, content), FileFormat(kind="json"))
    assert "SECRET" not in str(caught.value)


def test_the_kind_in_the_format_wins_over_what_the_content_shows(tmp_path: Path) -> None:
    with pytest.raises(FileReadError, match="JSON"):
        inspect_file(put(tmp_path, DOCUMENT), FileFormat(kind="jsonl"))


def test_a_key_that_a_json_file_lacks_is_null_there(tmp_path: Path) -> None:
    files = [put(tmp_path, '{"a":1}\n', "one"), put(tmp_path, '[{"b":2,"a":3}]', "two")]
    rows = read_table(files, FileFormat(kind="json")).to_pylist()
    assert rows == [{"a": "1", "b": None}, {"a": "3", "b": "2"}]


@pytest.mark.parametrize(
    ("content", "format_", "rows"),
    [
        ('a\n"x\\"y\\\\z"\n', FileFormat(escape="\\"), [('x"y\\z',)]),
        ("a|b\n'x|y'|'it''s'\n", FileFormat(delimiter="|", quote="'"), [("x|y", "it's")]),
        ('a,b\n\\N,"\\N"\n', FileFormat(null_text="\\N"), [(None, "\\N")]),
        ("1,2\n3,4\n", FileFormat(header=False), [("1", "2"), ("3", "4")]),
        ("a,b\n1,2,\n", FileFormat(), [("1", "2")]),
        ('a,b\n "1" , "2"\n', FileFormat(), [("1", "2")]),
    ],
)
def test_dialects_of_csv(
    tmp_path: Path, content: str, format_: FileFormat, rows: list[Any]
) -> None:
    assert read_rows(put(tmp_path, content), format_) == rows


def test_csv_files_of_one_batch_may_order_their_columns_as_they_like(tmp_path: Path) -> None:
    files = [put(tmp_path, "a,b\n1,2\n", "one"), put(tmp_path, "b,a\n4,3\n", "two")]
    assert read_table(files, FileFormat()).to_pylist() == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": "4"},
    ]
    with pytest.raises(SchemaMismatchError, match=r"one holds \(a, b\).*three holds \(a, c\)"):
        read_table([files[0], put(tmp_path, "a,c\n1,2\n", "three")], FileFormat())


@pytest.mark.parametrize(("packing", "codec"), [("gzip", "gzip"), ("zstd", "zstd"), ("bz2", "bz2")])
def test_cut_off_packed_data_is_told_with_the_byte(
    tmp_path: Path, packing: str, codec: str
) -> None:
    whole = PACKED[packing](b"a,b\n" + b"SECRET,2\n" * 1000)
    for size in (len(whole) - 1, len(whole) - 9, len(whole) // 2):
        with pytest.raises(FileReadError, match=f"its {codec} data is cut off") as caught:
            inspect_file(put(tmp_path, whole[:size]), FileFormat())
        assert caught.value.byte == size


def test_a_checksum_that_is_wrong_is_found(tmp_path: Path) -> None:
    whole = bytearray(PACKED["gzip"](b"a,b\n1,2\n"))
    whole[-6] ^= 1
    with pytest.raises(FileReadError, match="its gzip data is damaged"):
        inspect_file(put(tmp_path, bytes(whole)), FileFormat())


def test_the_byte_that_is_no_text_is_told(tmp_path: Path) -> None:
    content = b"a,b\n" + b"1,2\n" * 500_000 + b"\x81,2\n"
    with pytest.raises(FileReadError, match="'cp1252'") as caught:
        inspect_file(put(tmp_path, content), FileFormat(encoding="cp1252"))
    assert caught.value.byte == content.index(b"\x81")


def test_a_text_that_only_looks_packed_is_text(tmp_path: Path) -> None:
    assert read_rows(put(tmp_path, "BZh91,b\n1,2\n"), FileFormat()) == [("1", "2")]


CELLS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=8
)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(st.none() | CELLS, min_size=width, max_size=width), min_size=1, max_size=6
    )
)


@settings(max_examples=40, deadline=None)
@given(rows=TABLES, packing=st.sampled_from(sorted(PACKED)), utf16=st.booleans())
def test_a_table_comes_back_from_csv_as_it_was(
    rows: list[list[str | None]], packing: str, *, utf16: bool
) -> None:
    out = io.StringIO(newline="")
    quoted = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    quoted.writerow([f"c{place}" for place in range(len(rows[0]))])
    for row in rows:
        cells = ["" if cell is None else '"' + cell.replace('"', '""') + '"' for cell in row]
        out.write(",".join(cells) + "\n")
    encoding = "utf-16" if utf16 else "utf-8"
    with tempfile.TemporaryDirectory() as folder:
        file = put(Path(folder), PACKED[packing](out.getvalue().encode(encoding)))
        assert read_rows(file, FileFormat(encoding=encoding)) == [tuple(row) for row in rows]


@settings(max_examples=40, deadline=None)
@given(rows=TABLES, packing=st.sampled_from(sorted(PACKED)), lines=st.booleans())
def test_a_table_comes_back_from_json_as_it_was(
    rows: list[list[str | None]], packing: str, *, lines: bool
) -> None:
    objects = [{f"c{place}": cell for place, cell in enumerate(row)} for row in rows]
    text = "\n".join(map(json.dumps, objects)) if lines else json.dumps(objects, indent=1)
    with tempfile.TemporaryDirectory() as folder:
        file = put(Path(folder), PACKED[packing](text.encode()))
        assert read_rows(file, FileFormat(kind="json")) == [tuple(row) for row in rows]
