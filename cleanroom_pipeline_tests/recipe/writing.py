"""Writing small files of every kind for tests.

Here: rows to bytes. Not here: tests, or reading.
"""

import bz2
import gzip
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import fastavro
import openpyxl  # type: ignore[import-untyped]  # it ships no types
import pyarrow as pa
import pyarrow.parquet as pq
from fastavro import _write_py
from pyarrow import orc

from cleanroom_pipeline.recipe.engine import run_recipe_to_arrow
from cleanroom_pipeline.recipe.files import FileFormat, InputFile
from cleanroom_pipeline.recipe.language import Recipe

NO_STEPS = Recipe("no steps", ())


def put(folder: Path, content: bytes | str, name: str = "in") -> InputFile:
    """Write bytes, or a text in UTF-8, to a file."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return InputFile(path, f"s3://bucket/{name}")


def read_table(files: Sequence[InputFile], format_: FileFormat) -> pa.Table:
    """Return what the engine reads of files."""
    return run_recipe_to_arrow(NO_STEPS, files, format_, limit=1_000_000)


def read_rows(file: InputFile, format_: FileFormat) -> list[tuple[Any, ...]]:
    """Return a file's rows."""
    return [tuple(row.values()) for row in read_table([file], format_).to_pylist()]


def zstd(content: bytes) -> bytes:
    """Pack bytes with zstandard."""
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(content)
    whole: bytes = packed.getvalue().to_pybytes()
    return whole


PACKED: Mapping[str, Callable[[bytes], bytes]] = {
    "plain": lambda content: content,
    "gzip": gzip.compress,
    "gzip in two members": lambda content: gzip.compress(content[:5]) + gzip.compress(content[5:]),
    "zstd": zstd,
    "bz2": bz2.compress,
}


def _zstandard_block(encoder: Any, block: bytes, _level: int | None) -> None:
    packed = zstd(block)
    encoder.write_long(len(packed))
    encoder._fo.write(packed)


def avro(schema: Any, rows: Sequence[Mapping[str, Any]], codec: str = "null") -> bytes:
    """Return an Avro file, of blocks of some rows each."""
    out = io.BytesIO()
    _write_py.BLOCK_WRITERS["zstandard"] = _zstandard_block
    _write_py.writer(out, fastavro.parse_schema(schema), rows, codec=codec, sync_interval=500)
    return out.getvalue()


def avro_record(**types: Any) -> dict[str, Any]:
    """Return the schema of a record with these fields."""
    fields = [{"name": name, "type": type_} for name, type_ in types.items()]
    return {"type": "record", "name": "row", "fields": fields}


def parquet(table: pa.Table, compression: str = "snappy") -> bytes:
    """Return a Parquet file."""
    out = pa.BufferOutputStream()
    pq.write_table(table, out, compression=compression)
    whole: bytes = out.getvalue().to_pybytes()
    return whole


def orc_file(table: pa.Table, compression: str = "snappy") -> bytes:
    """Return an ORC file."""
    out = pa.BufferOutputStream()
    orc.write_table(table, out, compression=compression)
    whole: bytes = out.getvalue().to_pybytes()
    return whole


def xlsx(*sheets: Sequence[Sequence[Any]]) -> bytes:
    """Return a workbook of the sheets One, Two, ..."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in zip(("One", "Two", "Three"), sheets, strict=False):
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
