"""Reading Parquet, and what other readers have converted to it: typed columns, widened to agree.

Here: from files to a relation. Not here: which types go together (`widening`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call, cast
from cleanroom_pipeline.recipe.files import (
    Columns,
    FileFormat,
    FileReadError,
    InputFile,
    Kind,
    schema_mismatch,
)
from cleanroom_pipeline.recipe.plan import TEXT, TIMESTAMP, Column
from cleanroom_pipeline.recipe.reading.putting_aside import PutAside
from cleanroom_pipeline.recipe.reading.source import Source, in_order, linked, path_list, untyped
from cleanroom_pipeline.recipe.session import Session
from cleanroom_pipeline.recipe.widening import NULL, common_columns

ZONED = "TIMESTAMP WITH TIME ZONE"


def open_parquet(
    session: Session, files: Sequence[InputFile], _format: FileFormat, _aside: PutAside
) -> Source:
    """Return Parquet files as one source."""
    return parquet_source(session, files, "parquet")


def parquet_source(session: Session, files: Sequence[InputFile], kind: Kind) -> Source:
    """Return files as one source, of columns that hold the values of each file exactly.

    A zoned timestamp is a moment: it is read as UTC, as its text in a CSV file would be. A column
    that holds nothing in any file is text.
    """
    schemas = [_schema(file) for file in files]
    for file, schema in zip(files, schemas, strict=True):
        if sorted(schema.names) != sorted(schemas[0].names):
            one, other = untyped(schemas[0].names), untyped(schema.names)
            raise schema_mismatch(files[0].name, one, file.name, other)
    opened: list[tuple[InputFile, Columns]] = []
    for schema, group in groupby(zip(files, schemas, strict=True), key=lambda one: one[1]):
        links = [InputFile(Path(linked(session, file)), file.name) for file, _ in group]
        described = _described(session, links[0], schema.names)
        opened += [(link, described) for link in links]
    stored = common_columns(
        [
            (file.name, tuple((name, _unzoned(type_)) for name, type_ in columns))
            for file, columns in opened
        ]
    )
    columns = tuple(Column(name, TEXT if type_ == NULL else type_) for name, type_ in stored)
    selects = [
        _select(dict(held), columns).from_(_reader([file for file, _ in group]))
        for held, group in groupby(opened, key=lambda one: one[1])
    ]
    return Source(session, columns, in_order(selects), stored, kind)


def _select(held: dict[str, str], columns: Sequence[Column]) -> exp.Select:
    outputs = []
    for place, column in enumerate(columns):
        same = held[column.name] == column.type
        tree = column.tree if same else cast(column.tree, column.type)
        outputs.append(tree.as_(f"c{place}"))
    return exp.select(*outputs)


def _reader(files: Sequence[InputFile]) -> exp.Expr:
    return call("read_parquet", path_list(files))


def _unzoned(type_: str) -> str:
    return TIMESTAMP if type_ == ZONED else type_


def _described(session: Session, file: InputFile, names: Sequence[str]) -> Columns:
    outputs = [Column(name).tree for name in names]
    raw = exp.select(*outputs).from_(_reader([file]))
    types = [row[1] for row in session.rows(exp.Describe(this=raw))]
    return tuple(zip(names, types, strict=True))


def _schema(file: InputFile) -> pa.Schema:
    try:
        schema = pq.read_schema(file.path)
    except (pa.ArrowException, OSError, ValueError):
        raise FileReadError(file.name, "is not a whole Parquet file") from None
    check_names(file.name, schema.names)
    return schema.remove_metadata()


def check_names(file: str, names: Sequence[str]) -> None:
    """Raise FileReadError where DuckDB could not tell two columns from each other, or has none."""
    folded = [name.casefold() for name in names]
    for name in names:
        if folded.count(name.casefold()) > 1:
            raise FileReadError(file, f"column {name!r} is there twice, whatever its case")
    if not names:
        raise FileReadError(file, "holds no column")


@contextmanager
def converted(
    session: Session, file: InputFile, schema: pa.Schema
) -> Iterator[tuple[pq.ParquetWriter, InputFile]]:
    """Give a writer of a Parquet file in the scratch folder, and the file, whole afterwards."""
    check_names(file.name, schema.names)
    path = session.scratch / f"converted-{len(session.sources):05d}.parquet"
    session.sources[str(path)] = file.name
    try:
        with pq.ParquetWriter(path, schema, compression="zstd", store_schema=False) as writer:
            yield writer, InputFile(path, file.name)
    except (pa.ArrowException, OverflowError):
        raise FileReadError(file.name, "holds a value that its declared type can't") from None
