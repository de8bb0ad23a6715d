"""Files as the engine reads them: kinds, formats, and what is wrong with one.

Here: what a file is, how it may be written, the errors that name it. Not here: reading one
(`reading`), looking into one (`inspection`), or where a file comes from.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["csv", "jsonl", "json", "parquet", "avro", "orc", "xlsx"]
Columns = tuple[tuple[str, str], ...]

TEXT_KINDS: frozenset[Kind] = frozenset({"csv", "jsonl", "json"})
_KINDS: Mapping[str, Kind] = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".parquet.snappy": "parquet",
    ".avro": "avro",
    ".orc": "orc",
    ".xlsx": "xlsx",
}
# What packs a text file from outside; the other kinds pack what is in them.
_PACKED = re.compile(r"(\.(?:csv|json|jsonl|ndjson))\.(?:gz|zst|bz2)$")


class UnknownKindError(ValueError):
    """A file name whose suffix names no kind of file that can be read."""


class FileReadError(ValueError):
    """A file that can't be read as its format says; holds names and places, never a value.

    `line` counts from 1; `byte` is where reading stopped, counted from 0.
    """

    def __init__(
        self, name: str, reason: str, *, line: int | None = None, byte: int | None = None
    ) -> None:
        self.name = name
        self.reason = reason
        self.line = line
        self.byte = byte
        where = name
        if line is not None:
            where += f", line {line}"
        if byte is not None:
            where += f", byte {byte}"
        super().__init__(f"{where}: {reason}")


class SchemaMismatchError(ValueError):
    """Files of one batch whose columns differ."""


@dataclass(frozen=True)
class FileFormat:
    """How a file is written. `null_text`: the unquoted CSV cell that is null.

    Without a header, columns are named Column_1, Column_2, ... as DataBrew names them. `escape`
    stands before a quote within a quoted cell (None: the quote itself, as RFC 4180 has it).
    `sheet` is the name or the place (from 0) of a workbook's sheet; None is the first. Up to
    `max_bad_rows` rows of CSV or JSON Lines files that can't be read are left out.
    """

    kind: Kind = "csv"
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    encoding: str = "utf-8"
    null_text: str = ""
    escape: str | None = None
    sheet: str | int | None = None
    max_bad_rows: int = 0

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or len(self.quote) != 1 or self.delimiter == self.quote:
            message = "delimiter and quote are single characters, and differ"
            raise ValueError(message)
        if len(self.escape_character) != 1 or self.escape_character == self.delimiter:
            message = "escape is a single character, and not the delimiter"
            raise ValueError(message)

    @property
    def escape_character(self) -> str:
        """The character that stands before a quote within a quoted cell."""
        return self.quote if self.escape is None else self.escape


@dataclass(frozen=True)
class InputFile:
    """A file: `path` is where its bytes are, `name` is what messages call it (an S3 key, say)."""

    path: Path
    name: str


@dataclass(frozen=True)
class BadRow:
    """Where a row is that can't be read, and why; not what it holds."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True)
class FileSummary:
    """What a file holds: (name, DuckDB type) of each column, and the number of good rows.

    `kind` is what its content showed; `plain`: no encoding or packing of its own, gzip apart, that
    another reader would have to be told of; `first_bad` is the first of `bad_rows` rows left out.
    """

    columns: Columns
    rows: int
    kind: Kind = "csv"
    plain: bool = True
    bad_rows: int = 0
    first_bad: BadRow | None = None


def kind_of(name: str) -> Kind:
    """Return the kind of a file by the suffix of its name; `json` is told apart by the content."""
    lowered = _PACKED.sub(r"\1", name.lower())
    for suffix, kind in _KINDS.items():
        if lowered.endswith(suffix):
            return kind
    known = ", ".join(_KINDS)
    raise UnknownKindError(f"{name}: the suffix names no kind of file; known: {known}")


def check_bad_rows(count: int, first: BadRow | None, limit: int) -> None:
    """Raise FileReadError when more rows than `limit` can't be read; it tells the first of them."""
    if first is None or count <= limit:
        return
    raise FileReadError(
        first.file,
        f"{first.reason}. It is the first of {count} bad rows; max_bad_rows allows {limit}",
        line=first.line,
    )


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
