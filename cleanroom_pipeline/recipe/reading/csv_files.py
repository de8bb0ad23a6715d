"""Reading CSV: headers, columns in any order, records that are put aside.

Here: from files to a relation. Not here: where a record ends (`csv_records`), encodings (`text`).
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call, string
from cleanroom_pipeline.recipe.files import (
    BadRow,
    FileFormat,
    FileReadError,
    InputFile,
    schema_mismatch,
)
from cleanroom_pipeline.recipe.plan import TEXT, Column
from cleanroom_pipeline.recipe.reading.csv_records import (
    Dialect,
    Record,
    records,
    whole_lines,
)
from cleanroom_pipeline.recipe.reading.putting_aside import ESCAPED, PutAside
from cleanroom_pipeline.recipe.reading.source import (
    Source,
    in_order,
    linked,
    named,
    path_list,
    untyped,
)
from cleanroom_pipeline.recipe.reading.text import ESCAPING, encoding_of, unpacked_file, utf8_file
from cleanroom_pipeline.recipe.session import Session

Names = tuple[str, ...]


def open_csv(
    session: Session, files: Sequence[InputFile], format_: FileFormat, aside: PutAside
) -> Source:
    """Return CSV files as one source, every cell as text."""
    opened = []
    for file in files:
        if aside.limit:
            opened.append(_sifted(session, file, format_, aside))
        else:
            plain = utf8_file(session, file, format_.encoding, bom=True)
            opened.append((plain, csv_columns(plain, format_)))
    names = opened[0][1]
    for file, header in opened:
        if sorted(header) != sorted(names):
            raise schema_mismatch(files[0].name, untyped(names), file.name, untyped(header))
    selects = []
    for header, group in groupby(opened, key=lambda one: one[1]):
        reader = _csv_reader([file for file, _ in group], header, format_)
        places = [exp.column(f"f{header.index(name)}").as_(f"c{i}") for i, name in enumerate(names)]
        selects.append(exp.select(*places).from_(reader))
    columns = tuple(Column(name) for name in names)
    stored = tuple((name, TEXT) for name in names)
    return Source(session, columns, in_order(selects), stored, "csv")


def _csv_reader(files: Sequence[InputFile], header: Sequence[str], format_: FileFormat) -> exp.Expr:
    types = exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier(f"f{i}"), expression=string(TEXT))
            for i in range(len(header))
        ]
    )
    return call(
        "read_csv",
        path_list(files),
        named("columns", types),
        named("auto_detect", exp.false()),
        named("header", exp.Boolean(this=format_.header)),
        named("delim", string(format_.delimiter)),
        named("quote", string(format_.quote)),
        named("escape", string(format_.escape_character)),
        named("nullstr", string(format_.null_text)),
        named("allow_quoted_nulls", exp.false()),
        named("compression", string("none")),
    )


def csv_columns(file: InputFile, format_: FileFormat) -> Names:
    """Return the column names of a plain UTF-8 file; FileReadError without a usable header."""
    # Broken bytes further down are found, with their line, when rows are read.
    with file.path.open(encoding="utf-8-sig", errors=ESCAPING, newline="") as lines:
        first = next(records(whole_lines(lines), Dialect(format_)), None)
    return _names(file.name, first, format_)


def _names(name: str, first: Record | None, format_: FileFormat) -> Names:
    if first is None or first.is_blank:
        raise FileReadError(name, "is empty: not even a header", line=1)
    if ESCAPED.search(first.text):
        raise FileReadError(name, f"is not text in the encoding {format_.encoding!r}", line=1)
    if first.wrong is not None:
        raise FileReadError(name, f"the first record is not CSV: {first.wrong}", line=1)
    if not format_.header:
        return tuple(f"Column_{place}" for place in range(1, len(first.cells) + 1))
    check_header(name, first.cells)
    return first.cells


def check_header(name: str, header: Sequence[str]) -> None:
    """Raise FileReadError unless each column has a name of its own."""
    for place, column in enumerate(header, start=1):
        if not column:
            raise FileReadError(name, f"column {place} of the header has no name", line=1)
        if header.index(column) != place - 1:
            raise FileReadError(
                name,
                f"columns {header.index(column) + 1} and {place} of the header have one name",
                line=1,
            )


def _sifted(
    session: Session, file: InputFile, format_: FileFormat, aside: PutAside
) -> tuple[InputFile, Names]:
    """Return a file of the good records alone, and its columns; the others are put aside."""
    encoding = encoding_of(file.name, format_.encoding)
    source = unpacked_file(session, file)
    sifted = session.scratch / f"sifted-{len(session.sources):05d}"
    names: Names | None = None
    dialect = Dialect(format_)
    with (
        source.path.open(
            encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors=ESCAPING, newline=""
        ) as lines,
        sifted.open("w", encoding="utf-8", newline="") as out,
    ):
        for found in records(whole_lines(lines), dialect):
            if names is None:
                names = _names(file.name, found, format_)
            record = found.of_columns(len(names))
            wrong = _wrong(record, len(names), format_)
            if wrong is None:
                out.write(dialect.written(record) + "\n")
            else:
                row = BadRow(file.name, record.line, wrong)
                aside.add(row, record.text.rstrip("\r\n"), encoding)
    if names is None:
        raise FileReadError(file.name, "is empty: not even a header", line=1)
    return InputFile(Path(linked(session, InputFile(sifted, file.name))), file.name), names


def _wrong(record: Record, columns: int, format_: FileFormat) -> str | None:
    """Return why a record is no row, or None."""
    if record.wrong is not None:
        return record.wrong
    if not record.text.isascii() and ESCAPED.search(record.text):
        return f"is not text in the encoding {format_.encoding!r}"
    found = len(record.cells)
    return None if found == columns or record.is_blank else f"has {found} cells, not {columns}"
