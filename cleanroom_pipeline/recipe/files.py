"""Files as the engine reads them: formats, headers, counts, and what is wrong with one.

Here: what a file is and says of itself. Not here: running recipes, or where a file comes from.
"""

import csv
import gzip
import io
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

Kind = Literal["csv", "jsonl", "parquet"]

_SUFFIXES: Mapping[str, Kind] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".json": "jsonl",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json.gz": "jsonl",
    ".jsonl.gz": "jsonl",
    ".parquet": "parquet",
    ".parquet.snappy": "parquet",
}
_ESCAPED = re.compile("[\udc80-\udcff]")
_GZIP_MAGIC = b"\x1f\x8b"


class UnknownKindError(ValueError):
    """A file name whose suffix names no kind of file that can be read."""


class FileReadError(ValueError):
    """A file that can't be read as its format says; holds names and places, never a value."""

    def __init__(self, name: str, reason: str, *, line: int | None = None) -> None:
        self.name = name
        self.reason = reason
        self.line = line
        where = f"{name}, line {line}" if line is not None else name
        super().__init__(f"{where}: {reason}")


class SchemaMismatchError(ValueError):
    """Files of one batch whose columns differ."""


@dataclass(frozen=True)
class FileFormat:
    """How a file is written. `null_text`: the unquoted CSV cell that is null.

    Without a header, columns are named Column_1, Column_2, ... as DataBrew names them.
    """

    kind: Kind = "csv"
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    encoding: str = "utf-8"
    null_text: str = ""

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or len(self.quote) != 1 or self.delimiter == self.quote:
            message = "delimiter and quote are single characters, and differ"
            raise ValueError(message)


@dataclass(frozen=True)
class InputFile:
    """A file: `path` is where its bytes are, `name` is what messages call it (an S3 key, say)."""

    path: Path
    name: str


@dataclass(frozen=True)
class FileSummary:
    """What a file holds: (name, DuckDB type) of each column, and the number of rows."""

    columns: tuple[tuple[str, str], ...]
    rows: int


def kind_of(name: str) -> Kind:
    """Return the kind of a file by the suffix of its name."""
    lowered = name.lower()
    for suffix, kind in _SUFFIXES.items():
        if lowered.endswith(suffix):
            return kind
    known = ", ".join(_SUFFIXES)
    raise UnknownKindError(f"{name}: the suffix names no kind of file; known: {known}")


def is_gzip(path: Path) -> bool:
    """Say whether the bytes are gzip, whatever the name says."""
    with path.open("rb") as stream:
        return stream.read(2) == _GZIP_MAGIC


def open_bytes(path: Path) -> BinaryIO:
    """Return the file's bytes, unpacked when they are gzip."""
    if is_gzip(path):
        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")


def csv_columns(file: InputFile, format_: FileFormat) -> tuple[str, ...]:
    """Return the column names of a CSV file; FileReadError when it has no usable header."""
    first = _first_record(file, format_)
    if not first:
        raise FileReadError(file.name, "is empty: not even a header", line=1)
    if any(_ESCAPED.search(cell) for cell in first):
        raise FileReadError(file.name, _not_text(format_), line=1)
    if not format_.header:
        return tuple(f"Column_{place}" for place in range(1, len(first) + 1))
    _check_header(file.name, first)
    return tuple(first)


def _first_record(file: InputFile, format_: FileFormat) -> list[str] | None:
    encoding = "utf-8-sig" if format_.encoding.lower() in {"utf-8", "utf8"} else format_.encoding
    try:
        with open_bytes(file.path) as raw:
            # Broken bytes further down are found, with their line, when rows are read.
            lines = io.TextIOWrapper(raw, encoding, errors="surrogateescape", newline="")
            reader = csv.reader(
                lines, delimiter=format_.delimiter, quotechar=format_.quote, strict=True
            )
            return next(reader, None)
    except (UnicodeError, LookupError):
        raise FileReadError(file.name, _not_text(format_), line=1) from None
    except csv.Error:
        raise FileReadError(file.name, "the first record is not CSV", line=1) from None
    except (OSError, EOFError) as error:
        raise FileReadError(file.name, f"can't be read ({type(error).__name__})") from None


def _not_text(format_: FileFormat) -> str:
    return f"is not text in the encoding {format_.encoding!r}"


def _check_header(name: str, header: list[str]) -> None:
    for place, column in enumerate(header, start=1):
        if not column:
            raise FileReadError(name, f"column {place} of the header has no name", line=1)
        if header.index(column) != place - 1:
            raise FileReadError(
                name,
                f"columns {header.index(column) + 1} and {place} of the header have one name",
                line=1,
            )


def inspect_file(file: InputFile, format_: FileFormat) -> FileSummary:
    """Return a file's columns and row count; reads all of it, in bounded memory.

    Raises FileReadError for a file that is not what its format says.
    """
    from cleanroom_pipeline.recipe.session import Session
    from cleanroom_pipeline.recipe.sources import open_source

    with (
        tempfile.TemporaryDirectory(prefix="recipe-") as scratch,
        Session(Path(scratch), memory_limit="512MB", threads=None) as session,
    ):
        source = open_source(session, [file], format_)
        columns = tuple((column.name, column.type) for column in source.columns)
        return FileSummary(columns, source.count_rows(whole=True))


def check_same_columns(summaries: Mapping[str, FileSummary]) -> None:
    """Raise SchemaMismatchError unless all files hold the same columns, in whatever order."""
    items = iter(summaries.items())
    first_name, first = next(items, ("", None))
    for name, summary in items:
        if first is not None and set(summary.columns) != set(first.columns):
            raise schema_mismatch(first_name, first.columns, name, summary.columns)


def schema_mismatch(
    one: str,
    columns: Sequence[tuple[str, str]],
    other: str,
    other_columns: Sequence[tuple[str, str]],
) -> SchemaMismatchError:
    """Return the error that two files, `one` and `other`, hold different columns.

    Files that share no name at all are not quoted: one of them may lack its header, and what stands
    there instead is somebody's record.
    """
    if not {name for name, _ in columns} & {name for name, _ in other_columns}:
        return SchemaMismatchError(
            f"files of one batch must hold the same columns: {one} holds {len(columns)} and "
            f"{other} {len(other_columns)}, and they share no name. Does one lack its header?"
        )
    return SchemaMismatchError(
        f"files of one batch must hold the same columns: {one} holds {_listed(columns)}, "
        f"{other} holds {_listed(other_columns)}"
    )


def _listed(columns: Sequence[tuple[str, str]]) -> str:
    return "(" + ", ".join(f"{name} {type_}".rstrip() for name, type_ in columns) + ")"
