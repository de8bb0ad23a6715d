"""Reading Excel workbooks: one sheet, every cell as text, row by row.

Here: which sheet, what a cell's text is. Not here: reading Parquet, which the rows become.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl  # type: ignore[import-untyped]  # it ships no types, and no stubs are installed
import pyarrow as pa
from openpyxl.utils.exceptions import (  # type: ignore[import-untyped]  # as above
    InvalidFileException,
)

from cleanroom_pipeline.recipe.files import FileFormat, FileReadError, InputFile
from cleanroom_pipeline.recipe.reading.csv_files import check_header
from cleanroom_pipeline.recipe.reading.parquet_files import converted, parquet_source
from cleanroom_pipeline.recipe.reading.putting_aside import PutAside
from cleanroom_pipeline.recipe.reading.source import Source
from cleanroom_pipeline.recipe.session import Session

_ROWS_AT_ONCE = 4_096
# openpyxl holds the texts of a workbook in memory, and reads the other parts as a stream.
_LARGEST_PART = 4 * 2**30
_LARGEST_TEXTS = 128 * 2**20
_TEXTS = "xl/sharedStrings.xml"
_DAMAGED: tuple[type[Exception], ...] = (
    InvalidFileException,
    ParseError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def open_xlsx(
    session: Session, files: Sequence[InputFile], format_: FileFormat, _aside: PutAside
) -> Source:
    """Return the sheet that the format names, of each workbook, as one source of text columns."""
    parts = [_as_parquet(session, file, format_) for file in files]
    return parquet_source(session, parts, "xlsx")


def _as_parquet(session: Session, file: InputFile, format_: FileFormat) -> InputFile:
    rows = _rows(file, format_)
    number, first = next(rows, (1, []))
    if not first:
        raise FileReadError(file.name, "is empty: not even a header", line=number)
    names = [text or "" for text in first]
    if format_.header:
        check_header(file.name, names)
    else:
        names = [f"Column_{place}" for place in range(1, len(first) + 1)]
    schema = pa.schema([(name, pa.string()) for name in names])
    with converted(session, file, schema) as (writer, made):
        held = [] if format_.header else [first]
        for number, row in rows:
            if len(row) > len(names):
                reason = f"has {len(row)} cells, not {len(names)}"
                raise FileReadError(file.name, reason, line=number)
            held.append([*row, *[None] * (len(names) - len(row))])
            if len(held) == _ROWS_AT_ONCE:
                writer.write_table(_table(held, schema))
                held = []
        writer.write_table(_table(held, schema))
    return made


def _table(rows: Sequence[Sequence[str | None]], schema: pa.Schema) -> pa.Table:
    columns = [[row[place] for row in rows] for place in range(len(schema))]
    return pa.table([pa.array(column, pa.string()) for column in columns], schema=schema)


def _rows(file: InputFile, format_: FileFormat) -> Iterator[tuple[int, list[str | None]]]:
    """Yield number and cells of each row that holds any; empty cells at its end are left out."""
    _check_parts(file)
    number = 0
    try:
        # Of a path, openpyxl judges by its suffix; there is none in a scratch folder.
        with (
            file.path.open("rb") as stream,
            closing(
                openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
            ) as book,
        ):
            sheet = _sheet(file.name, book, format_.sheet)
            # What a sheet says of its size may be wrong.
            sheet.reset_dimensions()
            for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
                row = [_text(cell) for cell in cells]
                while row and row[-1] is None:
                    row.pop()
                if row:
                    yield number, row
    except FileReadError:
        raise
    except _DAMAGED:
        line = number + 1 if number else None
        raise FileReadError(file.name, "is a damaged Excel workbook", line=line) from None


def _check_parts(file: InputFile) -> None:
    try:
        with zipfile.ZipFile(file.path) as parts:
            sizes = {part.filename: part.file_size for part in parts.infolist()}
    except _DAMAGED:
        raise FileReadError(file.name, "is not an Excel workbook (.xlsx)") from None
    if sizes.get(_TEXTS, 0) > _LARGEST_TEXTS or max(sizes.values(), default=0) > _LARGEST_PART:
        raise FileReadError(file.name, "holds more than is read of a workbook; deliver it as CSV")


def _sheet(file: str, book: Any, wanted: str | int | None) -> Any:
    names = book.sheetnames
    place = wanted if isinstance(wanted, int) else 0
    if isinstance(wanted, str):
        if wanted not in names:
            raise FileReadError(file, f"has no sheet {wanted!r} among its {len(names)}")
        place = names.index(wanted)
    if not 0 <= place < len(names):
        raise FileReadError(file, f"has {len(names)} sheets, and none at place {place}")
    sheet = book[names[place]]
    if not hasattr(sheet, "iter_rows"):
        raise FileReadError(file, "the sheet holds a chart, and no rows")
    return sheet


def _text(cell: Any) -> str | None:
    """Return a cell as a CSV file would spell it; a date without a time is a date."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return str(cell.date() if cell.time() == time() else cell)
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    if isinstance(cell, (str, int, float, date, time, timedelta)):
        return str(cell)
    raise ValueError
