"""Reading files: kinds, headers, counts, and what is said of a broken one.

Here: files on disk. Not here: recipes.
"""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cleanroom_pipeline.recipe.files import (
    FileFormat,
    FileReadError,
    FileSummary,
    InputFile,
    SchemaMismatchError,
    UnknownKindError,
    check_same_columns,
    inspect_file,
    kind_of,
)

JSON = FileFormat(kind="jsonl")
TEXT = "VARCHAR"


def put(folder: Path, content: bytes | str, name: str = "in") -> InputFile:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return InputFile(path, f"s3://bucket/{name}")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a/b.csv", "csv"), ("B.CSV.GZ", "csv"), ("x.json", "jsonl"), ("x.jsonl", "jsonl"),
        ("x.json.gz", "jsonl"), ("x.parquet", "parquet"),
    ],
)  # fmt: skip
def test_the_suffix_names_the_kind(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_an_unknown_suffix_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownKindError, match=r"x\.xlsx.*\.csv.*\.parquet"):
        kind_of("x.xlsx")


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
        (gzip.compress(b"a,b\n1,2\n"), FileFormat(), ["a", "b"], 1),
        ("é,b\né,2\n".encode("latin-1"), FileFormat(encoding="latin-1"), ["é", "b"], 1),
        ("a,b\n1,2\n".encode("utf-16"), FileFormat(encoding="utf-16"), ["a", "b"], 1),
        ('{"a":1,"b/~c":null}\n{"a":"x","z":[1]}\n', JSON, ["a", "b/~c", "z"], 2),
        (gzip.compress(b'{"a":1}\n'), JSON, ["a"], 1),
    ],
)
def test_columns_and_rows_are_told(
    tmp_path: Path, content: bytes | str, format_: FileFormat, names: list[str], rows: int
) -> None:
    summary = inspect_file(put(tmp_path, content), format_)
    assert summary == FileSummary(tuple((name, TEXT) for name in names), rows)


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"n": [1, 2], "s": ["a", None]}), path)
    summary = inspect_file(InputFile(path, "x"), FileFormat(kind="parquet"))
    assert summary == FileSummary((("n", "BIGINT"), ("s", "VARCHAR")), 2)


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
        ("a\n", FileFormat(encoding="nonsense"), 1, "nonsense"),
        ("PAR1SECRET", FileFormat(kind="parquet"), None, "Parquet"),
        (gzip.compress(b"a,b\n1,2\n" * 1000)[:-12], FileFormat(), None, "damaged|read|malformed"),
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


def test_files_of_one_batch_hold_the_same_columns_in_any_order() -> None:
    first = FileSummary((("a", TEXT), ("b", TEXT)), 1)
    check_same_columns({"one": first, "two": FileSummary((("b", TEXT), ("a", TEXT)), 9)})
    check_same_columns({})
    other = FileSummary((("a", TEXT), ("c", TEXT)), 1)
    with pytest.raises(SchemaMismatchError, match=r"one holds \(a.*b.*\), three holds \(a.*c"):
        check_same_columns({"one": first, "three": other})


@pytest.mark.parametrize("wrong", [{"delimiter": ""}, {"delimiter": "ab"}, {"quote": ","}])
def test_a_format_that_cant_be_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="single characters"):
        FileFormat(**wrong)  # type: ignore[arg-type]  # texts for the two text fields


def test_a_record_that_stands_where_a_header_should_is_never_told(tmp_path: Path) -> None:
    good = put(tmp_path, "id,email\n1,a@b.c\n", "good.csv")
    headerless = put(tmp_path, "7,jane@example.com\n8,x@y.z\n", "bad.csv")
    summaries = {file.name: inspect_file(file, FileFormat()) for file in (good, headerless)}
    for first, second in ((good, headerless), (headerless, good)):
        with pytest.raises(SchemaMismatchError) as caught:
            check_same_columns({file.name: summaries[file.name] for file in (first, second)})
        assert "bad.csv" in str(caught.value)
        assert "Does one lack its header?" in str(caught.value)
        assert "jane" not in str(caught.value)
