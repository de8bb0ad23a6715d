"""Reading JSON: lines of objects, or documents, every value as text and a nested one as its JSON.

Here: from files to a relation; which of the two a file is. Not here: encodings (`text`).
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

import pyarrow as pa
from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call, case, integer, string
from cleanroom_pipeline.recipe.files import BadRow, FileFormat, FileReadError, InputFile, Kind
from cleanroom_pipeline.recipe.plan import TEXT, Column
from cleanroom_pipeline.recipe.reading.csv_records import TOO_LONG, whole_lines
from cleanroom_pipeline.recipe.reading.putting_aside import ESCAPED, PutAside
from cleanroom_pipeline.recipe.reading.source import Source, in_order, linked, named, path_list
from cleanroom_pipeline.recipe.reading.text import ESCAPING, encoding_of, unpacked_file, utf8_file
from cleanroom_pipeline.recipe.session import Session
from cleanroom_pipeline.recipe.widening import common_columns

# How the values of a file follow one another, as DuckDB calls it.
Layout = Literal["newline_delimited", "array", "unstructured"]

NOT_AN_OBJECT = "holds something other than a JSON object"
# DuckDB takes objects of up to 16 MiB.
_LONGEST_LINE = 16_000_000
_CHARACTERS_AT_ONCE = 8_000_000
# What may follow an array: blanks, and no more of them than anybody writes.
_TAIL = 1 << 16
_BLANK = " \t\r\n\x0b\x0c"


def open_json(
    session: Session, files: Sequence[InputFile], format_: FileFormat, aside: PutAside
) -> Source:
    """Return JSON files as one source, every value as text."""
    opened: list[tuple[InputFile, Layout]] = []
    for file in files:
        plain = utf8_file(session, file, format_.encoding)
        layout = layout_of(session, plain) if format_.kind == "json" else "newline_delimited"
        if aside.limit and layout == "newline_delimited":
            plain = _sifted(session, file, format_, aside)
        opened.append((plain, layout))
    for file, layout in opened:
        _check_objects(session, file, layout)
    found = [(file.name, _columns(session, file, layout)) for file, layout in opened]
    held = [(name, columns) for name, columns in found if columns]
    if not held:
        raise FileReadError(files[0].name, "holds no JSON object with a key")
    columns = common_columns(held, optional=True)
    kind: Kind = "jsonl" if all(lay == "newline_delimited" for _, lay in opened) else "json"
    names = [name for name, _ in columns]
    return Source(session, tuple(map(Column, names)), _cells(opened, names), columns, kind)


def _cells(opened: Sequence[tuple[InputFile, Layout]], names: Sequence[str]) -> exp.Query:
    pointers = exp.Array(expressions=[string(_json_pointer(name)) for name in names])
    cells = exp.select(call("json_extract_string", exp.column("json"), pointers).as_("cells"))
    selects = [
        cells.copy().from_(_objects([file for file, _ in group], layout))
        for layout, group in groupby(opened, key=lambda one: one[1])
    ]
    columns = [
        exp.Bracket(this=exp.column("cells"), expressions=[integer(i)]).as_(f"c{i}")
        for i in range(len(names))
    ]
    return exp.select(*columns).from_(in_order(selects).subquery("records"))


def layout_of(session: Session, file: InputFile) -> Layout:
    """Tell lines from a document by how a plain UTF-8 file begins.

    `[` begins an array. A `{` begins lines when the first line that is not blank is a whole object,
    and otherwise one object over several lines.
    """
    with file.path.open(encoding="utf-8", errors=ESCAPING, newline="\n") as lines:
        first = next((line for line in whole_lines(lines, _LONGEST_LINE) if line.strip(_BLANK)), "")
    stripped = first.strip(_BLANK)
    if stripped.startswith("["):
        _check_array_ends(file)
        return "array"
    if ESCAPED.search(stripped) or _wrong_lines(session, [stripped])[0] is None:
        return "newline_delimited"
    return "unstructured" if stripped.startswith("{") else "newline_delimited"


def _check_array_ends(file: InputFile) -> None:
    """Raise FileReadError unless a bracket ends the file: DuckDB takes a comma for an end."""
    size = file.path.stat().st_size
    with file.path.open("rb") as stream:
        stream.seek(max(0, size - _TAIL))
        if not stream.read().rstrip(_BLANK.encode()).endswith(b"]"):
            raise FileReadError(file.name, "is cut off: its array is not closed", byte=size)


def _objects(files: Sequence[InputFile], layout: Layout) -> exp.Expr:
    """Return the relation of each value, in the column `json`."""
    form, none = named("format", string(layout)), named("compression", string("none"))
    return call("read_json_objects", path_list(files), form, none)


def _check_objects(session: Session, file: InputFile, layout: Layout) -> None:
    other = exp.NEQ(this=call("json_type", exp.column("json")), expression=string("OBJECT"))
    wrong = exp.select(exp.Count(this=exp.Star())).from_(_objects([file], layout)).where(other)
    if session.one(wrong):
        what = "a line" if layout == "newline_delimited" else "the document"
        raise FileReadError(file.name, f"{what} {NOT_AN_OBJECT}")


def _json_pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _columns(session: Session, file: InputFile, layout: Layout) -> tuple[tuple[str, str], ...]:
    """Return the keys of all objects: those of the first object as it has them, then the rest."""
    keys = call("json_keys", exp.column("json"))
    first = session.one(exp.select(keys.copy()).from_(_objects([file], layout)).limit(1)) or ()
    unnested = exp.select(call("unnest", keys).as_("name")).from_(_objects([file], layout))
    rest = {row[0] for row in session.rows(unnested.distinct())} - set(first)
    return tuple((name, TEXT) for name in (*dict.fromkeys(first), *sorted(rest)))


def _sifted(session: Session, file: InputFile, format_: FileFormat, aside: PutAside) -> InputFile:
    """Return a file of the lines that hold an object; the others are put aside."""
    encoding = encoding_of(file.name, format_.encoding)
    source = unpacked_file(session, file)
    sifted = session.scratch / f"sifted-{len(session.sources):05d}"
    with (
        source.path.open(
            encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors=ESCAPING, newline="\n"
        ) as stream,
        sifted.open("w", encoding="utf-8", newline="") as out,
    ):
        for number, line, wrong in _judged(session, whole_lines(stream, _LONGEST_LINE), format_):
            if wrong is None:
                out.write(line + "\n")
            else:
                aside.add(BadRow(file.name, number, wrong), line, encoding)
    return InputFile(Path(linked(session, InputFile(sifted, file.name))), file.name)


def _judged(
    session: Session, lines: Iterator[str], format_: FileFormat
) -> Iterator[tuple[int, str, str | None]]:
    """Yield number, text and what is wrong of each line that is not blank."""
    numbered = ((number, line.strip(_BLANK)) for number, line in enumerate(lines, start=1))
    filled = ((number, line) for number, line in numbered if line)
    while some := _some(filled):
        readable = [line if _is_readable(line) else "" for _, line in some]
        for (number, line), wrong in zip(some, _wrong_lines(session, readable), strict=True):
            yield number, line, wrong if _is_readable(line) else _unreadable(line, format_)


def _some(lines: Iterator[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return the next lines, some megabytes of them."""
    taken, size = [], 0
    for number, line in lines:
        taken.append((number, line))
        size += len(line)
        if size >= _CHARACTERS_AT_ONCE:
            break
    return taken


def _is_readable(line: str) -> bool:
    return len(line) <= _LONGEST_LINE and (line.isascii() or not ESCAPED.search(line))


def _unreadable(line: str, format_: FileFormat) -> str:
    if len(line) > _LONGEST_LINE:
        return TOO_LONG
    return f"is not text in the encoding {format_.encoding!r}"


def _wrong_lines(session: Session, lines: Sequence[str]) -> list[str | None]:
    """Return what is wrong with each line, by DuckDB's own judgement."""
    line = exp.column("line")
    is_object = exp.EQ(this=call("json_type", line.copy()), expression=string("OBJECT"))
    # A CASE asks for the type of valid JSON alone.
    verdict = case(
        [
            (exp.Not(this=call("json_valid", line)), string("is not JSON")),
            (exp.Not(this=is_object), string(NOT_AN_OBJECT)),
        ]
    )
    table = pa.table({"line": pa.array(lines, pa.string())})
    return [row[0] for row in session.rows_over(table, "lines", exp.select(verdict).from_("lines"))]
