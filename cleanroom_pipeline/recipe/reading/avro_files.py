"""Reading Avro: converted to Parquet in the scratch folder, block by block.

Here: object container files, their schemas as Arrow types. Not here: reading Parquet.

https://avro.apache.org/docs/1.12.0/specification/ is the source of the types and of the codecs.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from fastavro.schema import SchemaParseException

from cleanroom_pipeline.recipe.files import FileFormat, FileReadError, InputFile
from cleanroom_pipeline.recipe.reading.avro_codecs import blocks
from cleanroom_pipeline.recipe.reading.parquet_files import converted, parquet_source
from cleanroom_pipeline.recipe.reading.putting_aside import PutAside
from cleanroom_pipeline.recipe.reading.source import Source
from cleanroom_pipeline.recipe.session import Session

_ROWS_AT_ONCE = 4_096
# What fastavro, and the codecs that it calls, raise on bytes that are not what they should be.
_DAMAGED: tuple[type[Exception], ...] = (
    SchemaParseException,
    zlib.error,
    pa.ArrowException,
    struct.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RecursionError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)
_PRIMITIVE: Mapping[str, pa.DataType] = {
    "null": pa.null(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "bytes": pa.binary(),
    "string": pa.string(),
}
# Moments are UTC; a logical type that is not listed counts for nothing, as the specification says.
_LOGICAL: Mapping[tuple[str, str], pa.DataType] = {
    ("int", "date"): pa.date32(),
    ("int", "time-millis"): pa.time32("ms"),
    ("long", "time-micros"): pa.time64("us"),
    ("long", "timestamp-millis"): pa.timestamp("ms"),
    ("long", "timestamp-micros"): pa.timestamp("us"),
    ("long", "local-timestamp-millis"): pa.timestamp("ms"),
    ("long", "local-timestamp-micros"): pa.timestamp("us"),
    ("string", "uuid"): pa.uuid(),
}
_MOST_DIGITS = 38


def open_avro(
    session: Session, files: Sequence[InputFile], _format: FileFormat, _aside: PutAside
) -> Source:
    """Return Avro files as one source."""
    return parquet_source(session, [_as_parquet(session, file) for file in files], "avro")


def _as_parquet(session: Session, file: InputFile) -> InputFile:
    with file.path.open("rb") as stream:
        try:
            found = blocks(stream)
            declared = found.writer_schema
        except _DAMAGED:
            raise FileReadError(file.name, "is not a whole Avro file", byte=0) from None
        schema = arrow_schema(file.name, declared)
        with converted(session, file, schema) as (writer, made):
            for rows in _batches(file.name, found, stream.tell):
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    return made


def _batches(
    name: str, found: Iterator[Any], place: Callable[[], int]
) -> Iterator[list[dict[str, Any]]]:
    """Yield the records of all blocks, so many at once."""
    rows: list[dict[str, Any]] = []
    while True:
        begin = place()
        try:
            block = next(found, None)
            records = iter(block or ())
        except _DAMAGED:
            raise _damaged(name, begin) from None
        if block is None:
            break
        while True:
            try:
                record = next(records, None)
            except _DAMAGED:
                raise _damaged(name, begin) from None
            if record is None:
                break
            rows.append(record)
            if len(rows) == _ROWS_AT_ONCE:
                yield rows
                rows = []
    if rows:
        yield rows


def _damaged(name: str, byte: int) -> FileReadError:
    return FileReadError(name, "the block that begins here is damaged", byte=byte)


def arrow_schema(file: str, declared: Any) -> pa.Schema:
    """Return the Arrow schema of an Avro one; FileReadError names the field that can't be read."""
    if not isinstance(declared, dict) or declared.get("type") != "record":
        raise FileReadError(file, "holds something other than records")
    whole = _Types(file).of(declared, "the record", frozenset())
    return pa.schema([whole.field(place) for place in range(whole.num_fields)])


class _Types:
    """Arrow types of one file's Avro types; it remembers those that have names."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._named: dict[str, Any] = {}
        self._of: dict[str, Callable[[Any, str, frozenset[str]], pa.DataType]] = {
            "record": self._record,
            "array": lambda avro, name, within: pa.list_(self.of(avro["items"], name, within)),
            "map": lambda avro, name, within: pa.map_(
                pa.string(), self.of(avro["values"], name, within)
            ),
            "enum": lambda _avro, _name, _within: pa.string(),
            "fixed": lambda avro, _name, _within: pa.binary(avro["size"]),
        }

    def of(self, avro: Any, name: str, within: frozenset[str]) -> pa.DataType:
        """Return the type of field `name`; `within` are the named types that it is a part of."""
        if isinstance(avro, list):
            return self._union(avro, name, within)
        if isinstance(avro, str):
            return self._primitive_or_named(avro, name, within)
        kind = avro["type"]
        if avro.get("name") in within:
            raise self._refused(name, "holds itself")
        if "name" in avro:
            self._named[avro["name"]] = avro
            within |= {avro["name"]}
        logical = str(avro.get("logicalType"))
        if logical == "decimal" and kind in ("bytes", "fixed"):
            return self._decimal(avro, name)
        if isinstance(kind, str) and (kind, logical) in _LOGICAL:
            return _LOGICAL[kind, logical]
        if isinstance(kind, str) and kind in self._of:
            return self._of[kind](avro, name, within)
        return self.of(kind, name, within)

    def _primitive_or_named(self, avro: str, name: str, within: frozenset[str]) -> pa.DataType:
        if avro in _PRIMITIVE:
            return _PRIMITIVE[avro]
        if avro not in self._named:
            raise self._refused(name, "is of a type that is not known")
        return self.of(self._named[avro], name, within)

    def _refused(self, name: str, why: str) -> FileReadError:
        return FileReadError(self._file, f"field {name!r} {why}")

    def _union(self, avro: Sequence[Any], name: str, within: frozenset[str]) -> pa.DataType:
        others = [one for one in avro if one != "null"]
        if len(others) > 1:
            raise self._refused(name, "is a union of more than null and one type")
        return self.of(others[0], name, within) if others else pa.null()

    def _record(self, avro: Any, name: str, within: frozenset[str]) -> pa.DataType:
        if not avro["fields"]:
            raise self._refused(name, "is a record without a field")
        return pa.struct(
            [
                pa.field(field["name"], self.of(field["type"], field["name"], within))
                for field in avro["fields"]
            ]
        )

    def _decimal(self, avro: Any, name: str) -> pa.DataType:
        precision, scale = avro.get("precision", 0), avro.get("scale", 0)
        if not 0 < precision <= _MOST_DIGITS or not 0 <= scale <= precision:
            raise self._refused(
                name, f"is a decimal of more than {_MOST_DIGITS} digits, or of none"
            )
        return pa.decimal128(precision, scale)
