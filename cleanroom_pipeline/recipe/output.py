"""Writing a stream of rows to files, the same bytes every time.

Here: Parquet, CSV and JSON Lines writers; when a file is full. Not here: where rows come from.

Row groups and files are cut by row counts and written bytes alone, so the number of threads that
made the rows leaves no trace.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

OutputKind = Literal["parquet", "csv", "jsonl"]
ROWS_PER_GROUP = 122_880
FULL_FILE_BYTES = 512 * 1024 * 1024
# As `max_rows_per_file`: a single file, however large it becomes.
ONE_FILE = sys.maxsize


@dataclass(frozen=True)
class OutputFile:
    """A written file: its path, rows and size in bytes."""

    path: Path
    rows: int
    size: int


class Writer(Protocol):
    """Writes tables of one schema to one file."""

    def write(self, table: pa.Table) -> None:
        """Append a table."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


class _ParquetWriter:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", store_schema=False)

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table, row_group_size=ROWS_PER_GROUP)

    def close(self) -> None:
        self._writer.close()


def _csv_cells(values: pa.Array) -> pa.Array:
    """Return cells as text, quoted only where they must be; an empty text is, and null is not.

    Lists, structs and maps are JSON.
    """
    text = _json_cells(values) if pa.types.is_nested(values.type) else values.cast(pa.string())
    doubled = pc.replace_substring(text, '"', '""')
    quoted = pc.binary_join_element_wise('"', doubled, '"', "")
    special = pc.match_substring_regex(text, '[",\r\n]')
    return pc.if_else(pc.or_(special, pc.equal(text, "")), quoted, text)


def _json_cells(values: pa.Array) -> pa.Array:
    cells = [None if cell is None else _json(cell, values.type) for cell in values.to_pylist()]
    return pa.array(cells, pa.string())


def _json(cell: Any, type_: pa.DataType) -> str:
    return json.dumps(_plain(cell, type_), ensure_ascii=False, default=str)


def _plain(cell: Any, type_: pa.DataType) -> Any:
    """Return a cell as JSON's own values: Arrow gives a map as pairs."""
    if cell is None or not pa.types.is_nested(type_):
        return cell
    if pa.types.is_map(type_):
        return {str(key): _plain(one, type_.item_type) for key, one in cell}
    if pa.types.is_struct(type_):
        return {one.name: _plain(cell[one.name], one.type) for one in type_}
    return [_plain(one, type_.value_type) for one in cell]


class _CsvWriter:
    """Arrow's own writer quotes every text."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._stream = path.open("w", encoding="utf-8", newline="")
        self._stream.write(",".join(_csv_cells(pa.array(schema.names)).to_pylist()) + "\n")

    def write(self, table: pa.Table) -> None:
        for batch in table.to_batches():
            cells = [_csv_cells(column) for column in batch.columns]
            lines = pc.binary_join_element_wise(
                *cells, ",", null_handling="replace", null_replacement=""
            )
            self._stream.writelines(f"{line}\n" for line in lines.to_pylist())

    def close(self) -> None:
        self._stream.close()


class _JsonWriter:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._type = pa.struct(list(schema))
        self._stream = path.open("w", encoding="utf-8", newline="\n")

    def write(self, table: pa.Table) -> None:
        for row in table.to_pylist():
            self._stream.write(_json(row, self._type) + "\n")

    def close(self) -> None:
        self._stream.close()


_WRITERS: Mapping[OutputKind, Any] = {
    "parquet": _ParquetWriter,
    "csv": _CsvWriter,
    "jsonl": _JsonWriter,
}


def regrouped(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Yield the batches' rows as tables of exactly `rows` rows; the last one may be shorter."""
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        rest = batch
        while held + rest.num_rows >= rows:
            part = rest.slice(0, rows - held)
            yield pa.Table.from_batches([*waiting, part]).combine_chunks()
            rest = rest.slice(rows - held)
            waiting, held = [], 0
        if rest.num_rows:
            waiting.append(rest)
            held += rest.num_rows
    if waiting:
        yield pa.Table.from_batches(waiting).combine_chunks()


def write_files(
    batches: Iterator[pa.RecordBatch],
    schema: pa.Schema,
    folder: Path,
    kind: OutputKind,
    *,
    max_rows_per_file: int,
    progress: Callable[[int], None] | None = None,
) -> tuple[OutputFile, ...]:
    """Write part-00000, part-00001, ... and return them; at least one, even without rows.

    `progress` is told the rows written so far, after each row group.

    A failure leaves no file of this call behind. Raises FileExistsError when parts of another run
    are in the folder: they would pass for parts of this one.
    """
    refuse_other_parts(folder)
    parts = Parts(folder, kind, schema, max_rows_per_file)
    try:
        for table in regrouped(batches, min(ROWS_PER_GROUP, max_rows_per_file)):
            parts.write(table)
            if progress is not None:
                progress(parts.written)
        return parts.finish()
    except BaseException:
        parts.remove()
        raise


def refuse_other_parts(folder: Path) -> None:
    """Make the folder; raise FileExistsError when another run has written there."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.rglob("part-*")):
        message = f"{folder} already holds parts of another run; write to an empty folder"
        raise FileExistsError(message)


class Parts:
    """The files of one folder, opened one after another; the folder is made."""

    def __init__(self, folder: Path, kind: OutputKind, schema: pa.Schema, most: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._kind, self._schema, self._most = folder, kind, schema, most
        self._paths: list[Path] = []
        self._rows: list[int] = []
        self._writer: Writer = self._next()

    def _next(self) -> Writer:
        path = self._folder / f"part-{len(self._paths):05d}.{self._kind}"
        self._paths.append(path)
        self._rows.append(0)
        writer: Writer = _WRITERS[self._kind](path, self._schema)
        return writer

    @property
    def written(self) -> int:
        """How many rows there are."""
        return sum(self._rows)

    def _is_full(self, more: int) -> bool:
        if self._most == ONE_FILE or not self._rows[-1]:
            return False
        size = self._paths[-1].stat().st_size
        return self._rows[-1] + more > self._most or size >= FULL_FILE_BYTES

    def write(self, table: pa.Table) -> None:
        """Append rows; a new file is begun when this one is full."""
        if self._is_full(table.num_rows):
            self._writer.close()
            self._writer = self._next()
        self._writer.write(table)
        self._rows[-1] += table.num_rows

    def finish(self) -> tuple[OutputFile, ...]:
        """Close the last file and return all of them."""
        self._writer.close()
        return tuple(
            OutputFile(path, rows, path.stat().st_size)
            for path, rows in zip(self._paths, self._rows, strict=True)
        )

    def remove(self) -> None:
        """Leave no file behind."""
        self._writer.close()
        for path in self._paths:
            path.unlink(missing_ok=True)
