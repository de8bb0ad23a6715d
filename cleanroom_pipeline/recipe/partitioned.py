"""Writing a stream of rows to a folder for each value of partition columns, as Hive names them.

Here: splitting rows by partition, how many are held back. Not here: writing one folder's files
(output.py).

Each folder has a file open at once, so its rows are held back until there are enough for a row
group; what is held back in all is bounded.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cleanroom_pipeline.recipe.errors import EngineError
from cleanroom_pipeline.recipe.output import OutputFile, OutputKind, Parts, refuse_other_parts

ROWS_PER_GROUP = 20_480
MOST_HELD = 1_000_000
MOST_PARTITIONS = 500
# Hive's own name for the partition of nulls; it puts the empty text there too.
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_LONGEST_NAME = 255


@dataclass
class _Partition:
    parts: Parts
    held: list[pa.Table] = field(default_factory=list)
    rows: int = 0

    def hold(self, table: pa.Table) -> None:
        self.held.append(table)
        self.rows += table.num_rows

    def flush(self) -> None:
        if self.held:
            self.parts.write(pa.concat_tables(self.held).combine_chunks())
            self.held, self.rows = [], 0


def write_partitions(
    batches: Iterator[pa.RecordBatch],
    schema: pa.Schema,
    folder: Path,
    kind: OutputKind,
    partition_by: Sequence[str],
    *,
    max_rows_per_file: int,
    progress: Callable[[int], None] | None = None,
) -> tuple[OutputFile, ...]:
    """Write column=value/part-00000, ... and return the files, folders in order of their names.

    The partition columns are in the names alone. Without rows there is one file, in the folder
    itself. Raises EngineError for more than MOST_PARTITIONS partitions, or a name too long for a
    file system; a failure leaves no file of this call behind.
    """
    kept = pa.schema([one for one in schema if one.name not in partition_by])
    refuse_other_parts(folder)
    partitions: dict[str, _Partition] = {}
    written = 0
    try:
        for batch in batches:
            for name, rows in _split(pa.Table.from_batches([batch]), partition_by):
                if name not in partitions:
                    _refuse_too_many(partitions)
                    parts = Parts(folder / name, kind, kept, max_rows_per_file)
                    partitions[name] = _Partition(parts)
                partitions[name].hold(rows.select(kept.names))
            _flush_full(partitions)
            written += batch.num_rows
            if progress is not None:
                progress(written)
        if not partitions:
            return Parts(folder, kind, kept, max_rows_per_file).finish()
        return _finished(partitions)
    except BaseException:
        for partition in partitions.values():
            partition.parts.remove()
        raise


def _refuse_too_many(partitions: dict[str, _Partition]) -> None:
    if len(partitions) == MOST_PARTITIONS:
        raise EngineError(
            f"the partition columns have more than {MOST_PARTITIONS} values together; partition by "
            "fewer or coarser columns"
        )


def _flush_full(partitions: dict[str, _Partition]) -> None:
    """Write what is enough for a row group, and more when too much is held back in all."""
    held = sum(one.rows for one in partitions.values())
    for one in sorted(partitions.values(), key=lambda one: -one.rows):
        if one.rows < ROWS_PER_GROUP and held <= MOST_HELD:
            return
        held -= one.rows
        one.flush()


def _finished(partitions: dict[str, _Partition]) -> tuple[OutputFile, ...]:
    files: list[OutputFile] = []
    for name in sorted(partitions):
        partitions[name].flush()
        files += partitions[name].parts.finish()
    return tuple(files)


def _split(table: pa.Table, names: Sequence[str]) -> Iterator[tuple[str, pa.Table]]:
    """Yield the rows of each partition, in their order, with the partition's path."""
    codes = np.zeros(table.num_rows, dtype=np.int64)
    segments: list[list[str]] = []
    for name in names:
        column = table.column(name).combine_chunks().cast(pa.string()).fill_null("")
        encoded = pc.dictionary_encode(column)
        values = encoded.dictionary.to_pylist()
        segments.append([_segment(name, value) for value in values])
        codes = codes * max(len(values), 1) + encoded.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    ordered, in_order = table.take(pa.array(order)), codes[order]
    begins = [int(at) for at in np.flatnonzero(np.diff(in_order, prepend=-1))]
    ends = [*begins[1:], len(order)] if begins else []
    for begin, end in zip(begins, ends, strict=True):
        yield _path(int(in_order[begin]), segments), ordered.slice(begin, end - begin)


def _path(code: int, segments: Sequence[Sequence[str]]) -> str:
    parts: list[str] = []
    for names in reversed(segments):
        code, place = divmod(code, len(names))
        parts.append(names[place])
    return "/".join(reversed(parts))


def _segment(name: str, value: str) -> str:
    """Return `column=value`; everything but letters, digits, _ - . and space is escaped."""
    segment = f"{quote(name, safe=' ')}={quote(value, safe=' ') if value else NULL_PARTITION}"
    if len(segment) > _LONGEST_NAME:
        raise EngineError(f"partition column {name!r} has a value too long for a folder's name")
    return segment
