"""Input files as one relation whose columns have names of our own: c0, c1, ...

Here: reading CSV, JSON Lines and Parquet in the order of the files given. Not here: recipes.

No name from a file reaches SQL but as a quoted identifier or a literal of an expression tree; no
path does but that of a link in the scratch folder.
"""

import codecs
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call, cast, integer, string
from cleanroom_pipeline.recipe.files import (
    FileFormat,
    FileReadError,
    InputFile,
    csv_columns,
    is_gzip,
    open_bytes,
    schema_mismatch,
)
from cleanroom_pipeline.recipe.plan import TEXT, Column
from cleanroom_pipeline.recipe.session import Session

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Source:
    """The input: its columns, and a query that gives them as c0, c1, ... in input order."""

    session: Session
    columns: tuple[Column, ...]
    query: exp.Query

    def count_rows(self, *, whole: bool = False) -> int:
        """Return the number of rows; `whole` reads every cell, and so finds every broken one."""
        counted = exp.Count(this=exp.Star())
        select = exp.select(counted)
        if whole:
            cells = [exp.Count(this=exp.column(f"c{i}")) for i in range(len(self.columns))]
            select = exp.select(counted, *cells)
        return int(self.session.one(select.from_(self.query.subquery("source"))))


def open_source(session: Session, files: Sequence[InputFile], format_: FileFormat) -> Source:
    """Return the files as one source. Raises FileReadError, or SchemaMismatchError."""
    if not files:
        message = "a run needs at least one input file"
        raise ValueError(message)
    opened = {"csv": _open_csv, "jsonl": _open_json, "parquet": _open_parquet}
    return opened[format_.kind](session, files, format_)


def _linked(session: Session, file: InputFile) -> str:
    """Return the path of a link to the file, which no glob pattern or quote can be hidden in."""
    link = session.scratch / f"input-{len(session.sources):05d}"
    link.symlink_to(file.path.resolve(strict=True))
    session.sources[str(link)] = file.name
    return str(link)


def _in_utf8(session: Session, file: InputFile, encoding: str) -> str:
    """Return the path of the file's bytes in UTF-8; other encodings are rewritten in chunks."""
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise FileReadError(file.name, f"the encoding {encoding!r} is not known") from None
    if name == "utf-8":
        return _linked(session, file)
    rewritten = session.scratch / f"utf8-{len(session.sources):05d}"
    try:
        with (
            open_bytes(file.path) as raw,
            codecs.getreader(name)(raw) as text,
            rewritten.open("w", encoding="utf-8", newline="") as out,
        ):
            shutil.copyfileobj(text, out, _CHUNK)
    except UnicodeError:
        raise FileReadError(file.name, f"is not text in the encoding {encoding!r}") from None
    return _linked(session, InputFile(rewritten, file.name))


def _named(name: str, value: exp.Expr) -> exp.Expr:
    return exp.EQ(this=exp.to_identifier(name), expression=value)


def _paths(paths: Sequence[str]) -> exp.Expr:
    return exp.Array(expressions=[string(path) for path in paths])


def _compression(path: str) -> exp.Expr:
    return _named("compression", string("gzip" if is_gzip(Path(path)) else "none"))


def _untyped(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, "") for name in names]


def _open_csv(session: Session, files: Sequence[InputFile], format_: FileFormat) -> Source:
    headers = [csv_columns(file, format_) for file in files]
    names = headers[0]
    for file, header in zip(files, headers, strict=True):
        if sorted(header) != sorted(names):
            raise schema_mismatch(files[0].name, _untyped(names), file.name, _untyped(header))
    paths = [_in_utf8(session, file, format_.encoding) for file in files]
    selects = []
    read = list(zip(paths, headers, strict=True))
    for (header, _), group in groupby(read, key=lambda one: (one[1], is_gzip(Path(one[0])))):
        reader = _csv_reader([path for path, _ in group], header, format_)
        places = [exp.column(f"f{header.index(name)}").as_(f"c{i}") for i, name in enumerate(names)]
        selects.append(exp.select(*places).from_(reader))
    return Source(session, tuple(Column(name) for name in names), _in_order(selects))


def _csv_reader(paths: Sequence[str], header: Sequence[str], format_: FileFormat) -> exp.Expr:
    types = exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier(f"f{i}"), expression=string(TEXT))
            for i in range(len(header))
        ]
    )
    return call(
        "read_csv",
        _paths(paths),
        _named("columns", types),
        _named("auto_detect", exp.false()),
        _named("header", exp.Boolean(this=format_.header)),
        _named("delim", string(format_.delimiter)),
        _named("quote", string(format_.quote)),
        _named("escape", string(format_.quote)),
        _named("nullstr", string(format_.null_text)),
        _named("allow_quoted_nulls", exp.false()),
        _compression(paths[0]),
    )


def _in_order(selects: Sequence[exp.Select]) -> exp.Query:
    query: exp.Query = selects[0]
    for select in selects[1:]:
        query = exp.union(query, select, distinct=False)
    return query


def _json_objects(paths: Sequence[str]) -> exp.Expr:
    """Return the relation of each line's object."""
    return call("read_ndjson_objects", _paths(paths), _compression(paths[0]))


def _json_pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _open_json(session: Session, files: Sequence[InputFile], format_: FileFormat) -> Source:
    """Read JSON Lines: every value as text, a nested one as its JSON."""
    paths = [_in_utf8(session, file, format_.encoding) for file in files]
    record = exp.column("json")
    for path, file in zip(paths, files, strict=True):
        other = exp.NEQ(this=call("json_type", record.copy()), expression=string("OBJECT"))
        wrong = exp.select(exp.Count(this=exp.Star())).from_(_json_objects([path])).where(other)
        if session.one(wrong):
            raise FileReadError(file.name, "a line holds something other than a JSON object")
    names = _json_names(session, paths)
    if not names:
        raise FileReadError(files[0].name, "holds no JSON object with a key")
    pointers = exp.Array(expressions=[string(_json_pointer(name)) for name in names])
    cells = exp.select(call("json_extract_string", record, pointers).as_("cells"))
    selects = [
        cells.copy().from_(_json_objects([one for one, _ in group]))
        for _, group in groupby(
            [(path, is_gzip(Path(path))) for path in paths], key=lambda one: one[1]
        )
    ]
    columns = [
        exp.Bracket(this=exp.column("cells"), expressions=[integer(i)]).as_(f"c{i}")
        for i in range(len(names))
    ]
    query = exp.select(*columns).from_(_in_order(selects).subquery("records"))
    return Source(session, tuple(Column(name) for name in names), query)


def _json_names(session: Session, paths: Sequence[str]) -> list[str]:
    """Return the keys of all objects: those of the first object as it has them, then the rest."""
    found: dict[str, None] = {}
    rest: set[str] = set()
    keys = call("json_keys", exp.column("json"))
    for path in paths:
        first = session.one(exp.select(keys.copy()).from_(_json_objects([path])).limit(1))
        found.update(dict.fromkeys(first or ()))
        unnested = exp.select(call("unnest", keys.copy()).as_("name")).from_(_json_objects([path]))
        rest |= {row[0] for row in session.rows(unnested.distinct())}
    return [*found, *sorted(rest - set(found))]


def _open_parquet(session: Session, files: Sequence[InputFile], _: FileFormat) -> Source:
    schemas = [_parquet_names(file) for file in files]
    names = schemas[0]
    for file, other in zip(files, schemas, strict=True):
        if sorted(other) != sorted(names):
            raise schema_mismatch(files[0].name, _untyped(names), file.name, _untyped(other))
    paths = [_linked(session, file) for file in files]
    outputs = [
        exp.Column(this=exp.Identifier(this=name, quoted=True)).as_(f"c{i}")
        for i, name in enumerate(names)
    ]
    raw = exp.select(*outputs).from_(call("read_parquet", _paths(paths)))
    described = session.rows(exp.Describe(this=raw))
    columns = [Column(name, row[1]) for name, row in zip(names, described, strict=True)]
    # A zoned timestamp is a moment: it is read as UTC, as its text in a CSV file would be.
    zoned = {i for i, column in enumerate(columns) if column.type == "TIMESTAMP WITH TIME ZONE"}
    for i in zoned:
        outputs[i] = cast(outputs[i].this, "TIMESTAMP").as_(f"c{i}")
        columns[i] = Column(columns[i].name, "TIMESTAMP")
    query = exp.select(*outputs).from_(call("read_parquet", _paths(paths)))
    return Source(session, tuple(columns), query)


def _parquet_names(file: InputFile) -> tuple[str, ...]:
    try:
        schema = pq.read_schema(file.path)
    except (pa.ArrowException, OSError):
        raise FileReadError(file.name, "is not a whole Parquet file") from None
    folded = [name.casefold() for name in schema.names]
    for name in schema.names:
        if folded.count(name.casefold()) > 1:
            raise FileReadError(file.name, f"column {name!r} is there twice, whatever its case")
    return tuple(schema.names)
