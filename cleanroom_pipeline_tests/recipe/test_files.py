"""Files: kinds, headers, counts, and what is said of a broken one.

Here: files on disk. Not here: recipes, or the rows of each kind (test_reading_*).
"""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cleanroom_pipeline.recipe.files import (
    FileFormat,
    FileReadError,
    InputFile,
    SchemaMismatchError,
    UnknownKindError,
    kind_of,
)
from cleanroom_pipeline.recipe.inspection import inspect_file
from cleanroom_pipeline.recipe.widening import common_columns
from cleanroom_pipeline_tests.recipe.writing import put

JSON = FileFormat(kind="jsonl")
TEXT = "VARCHAR"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a/b.csv", "csv"), ("B.CSV.GZ", "csv"), ("x.csv.zst", "csv"), ("x.csv.bz2", "csv"),
        ("x.json", "json"), ("x.json.gz", "json"), ("x.jsonl", "jsonl"), ("x.ndjson", "jsonl"),
        ("x.jsonl.gz", "jsonl"), ("x.parquet", "parquet"), ("x.snappy.parquet", "parquet"),
        ("x.gz.parquet", "parquet"), ("x.parquet.snappy", "parquet"), ("x.avro", "avro"),
        ("x.orc", "orc"), ("x.snappy.orc", "orc"), ("x.xlsx", "xlsx"),
    ],
)  # fmt: skip
def test_the_suffix_names_the_kind(name: str, kind: str) -> None:
    assert kind_of(name) == kind


@pytest.mark.parametrize("name", ["x.xls", "x.parquet.gz", "x.csv.zip", "csv", "x.gz"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownKindError, match=rf"{name}.*\.csv.*\.parquet"):
        kind_of(name)


@pytest.mark.parametrize(
    ("content", "format_", "names", "rows"),
    [
        ("a,b\n1,2\n3,\n", FileFormat(), ["a", "b"], 2),
        ("\ufeffa,b\r\n1,2\r\n", FileFormat(), ["a", "b"], 1),
        ('a,"b ""c""\nd"\n1,"x\ny"\n', FileFormat(), ["a", 'b "c"\nd'], 1),
        ("a;b\n1;2", FileFormat(delimiter=";"), ["a", "b"], 1),
        ("1\t2\n", FileFormat(delimiter="\t", header=False), ["Column_1", "Column_2"], 1),
        ("a,b\n", FileFormat(), ["a", "b"], 0),
        ("Email,email\n1,2\n", FileFormat(), ["Email", "email"], 1),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), FileFormat(), ["a", "b"], 1),
        ("é,b\né,2\n".encode("latin-1"), FileFormat(encoding="latin-1"), ["é", "b"], 1),
        ("a,b\n1,2\n".encode("utf-16"), FileFormat(encoding="utf-16"), ["a", "b"], 1),
        ('{"a":1,"b/~c":null}\n{"a":"x","z":[1]}\n', JSON, ["a", "b/~c", "z"], 2),
        (gzip.compress(b'{"a":1}\n', mtime=0), JSON, ["a"], 1),
    ],
)
def test_columns_and_rows_are_told(
    tmp_path: Path, content: bytes | str, format_: FileFormat, names: list[str], rows: int
) -> None:
    summary = inspect_file(put(tmp_path, content), format_)
    assert summary.columns == tuple((name, TEXT) for name in names)
    assert summary.rows == rows
    assert summary.kind == format_.kind


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"n": [1, 2], "s": ["a", None]}), path)
    summary = inspect_file(InputFile(path, "x"), FileFormat(kind="parquet"))
    assert summary.columns == (("n", "BIGINT"), ("s", "VARCHAR"))
    assert summary.rows == 2


@pytest.mark.parametrize(
    ("content", "format_", "line", "reason"),
    [
        ("", FileFormat(), 1, "empty"),
        ("a,,c\n", FileFormat(), 1, "column 2"),
        ("a,b,a\n", FileFormat(), 1, "columns 1 and 3 of the header have one name"),
        ("a,b\n1,2\nSECRET,2,3\n", FileFormat(), 3, "has 3 cells, not 2"),
        ("a,b\n1,2\nSECRET\n", FileFormat(), 3, "has 1 cells, not 2"),
        (b"a,b\n1,2\nSECRET,\xff\n", FileFormat(), 3, "UTF-8"),
        ('a,b\n1,"SECRET\n', FileFormat(), 2, "quoted"),
        ('{"a":1}\n{"a":SECRET}\n', JSON, 2, "not JSON"),
        ("a,b\nrefused-cell: SECRET,2,3\n", FileFormat(), 2, "has 3 cells"),
        ("a,b\n1,2\r\n3,4\n", FileFormat(), None, "line endings"),
        ('{"a":SECRET}\n{"a":1}\n', JSON, 1, "not JSON"),
        ('{"a":1}\n["SECRET"]\n', JSON, None, "other than a JSON object"),
        ("", JSON, None, "no JSON object"),
        (b"a,b\n\x81,2\n", FileFormat(encoding="cp1252"), None, "encoding"),
        ("a\n", FileFormat(encoding="nonsense"), None, "nonsense"),
        ("a\n", FileFormat(encoding="rot13"), None, "rot13"),
        ("PAR1SECRET", FileFormat(kind="parquet"), None, "Parquet"),
        (gzip.compress(b"a,b\n1,2\n" * 1000, mtime=0)[:-12], FileFormat(), None, "cut off"),
    ],
)
def test_a_broken_file_is_named_with_its_line_and_never_a_value(
    tmp_path: Path, content: bytes | str, format_: FileFormat, line: int | None, reason: str
) -> None:
    with pytest.raises(FileReadError, match=reason) as caught:
        inspect_file(put(tmp_path, content), format_)
    assert caught.value.line == line
    assert str(caught.value).startswith("s3://bucket/in")
    assert "SECRET" not in str(caught.value)


def test_a_hostile_path_is_a_path(tmp_path: Path) -> None:
    file = put(tmp_path, "a\n1\n", "we'ird*[x]?.csv")
    put(tmp_path, "a\n1\n2\n", "we'irdy[x]?.csv")
    assert inspect_file(file, FileFormat()).rows == 1


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    inspect_file(put(tmp_path, "a\n1\n"), FileFormat())
    with pytest.raises(FileReadError):
        inspect_file(put(tmp_path, "a\n1,2\n"), FileFormat())
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [{"delimiter": ""}, {"delimiter": "ab"}, {"quote": ","}, {"escape": ","}, {"escape": ""}],
)
def test_a_format_that_cant_be_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="single character"):
        FileFormat(**wrong)  # type: ignore[arg-type]  # texts for the two text fields


def test_a_record_that_stands_where_a_header_should_is_never_told(tmp_path: Path) -> None:
    good = put(tmp_path, "id,email\n1,a@b.c\n", "good.csv")
    headerless = put(tmp_path, "7,jane@example.com\n8,x@y.z\n", "bad.csv")
    found = {file.name: inspect_file(file, FileFormat()).columns for file in (good, headerless)}
    for first, second in ((good, headerless), (headerless, good)):
        with pytest.raises(SchemaMismatchError) as caught:
            common_columns([(file.name, found[file.name]) for file in (first, second)])
        assert "bad.csv" in str(caught.value)
        assert "Does one lack its header?" in str(caught.value)
        assert "jane" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "name", "format_", "plain"),
    [
        (b"a\n1\n", "x.csv", FileFormat(), True),
        (gzip.compress(b"a\n1\n", mtime=0), "x.csv.gz", FileFormat(), True),
        (gzip.compress(b"a\n1\n", mtime=0), "x.csv", FileFormat(), False),
        (b"a\n1\n", "x.csv.gz", FileFormat(), False),
        (b"\xef\xbb\xbfa\n1\n", "x.csv", FileFormat(), False),
        (b"a\n1\n", "x.csv", FileFormat(encoding="latin-1"), False),
    ],
)
def test_a_file_is_plain_when_others_read_the_same_of_it(
    tmp_path: Path, content: bytes, name: str, format_: FileFormat, plain: bool
) -> None:
    assert inspect_file(put(tmp_path, content, name), format_).plain is plain
