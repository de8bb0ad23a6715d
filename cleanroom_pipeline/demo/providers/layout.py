"""What all made-up deliveries share: objects, file formats, made-up ids and chances.

Here: bytes that are the same for the same seed, on every machine. Not here: any one provider's
names and rows.
"""

import csv
import gzip
import io
import itertools
import random
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from cleanroom_pipeline.demo.click_events import to_json_lines
from cleanroom_pipeline.demo.customers import Customer, customers

Row = dict[str, Any]
Codec = Literal["null", "deflate", "snappy"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Delivered:
    """One object: its key in the bucket, and its bytes."""

    key: str
    body: bytes

    @property
    def folder(self) -> str:
        """The key up to its last slash, without it."""
        return self.key.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The key after its last slash."""
        return self.key.rpartition("/")[2]


def chances(kind: str, seed: int) -> random.Random:
    """Return the chances of one kind of rows; kinds of one seed do not follow one another."""
    return random.Random(f"{kind} {seed}")  # noqa: S311 - made-up rows, no secret


def shuffled(delivered: Iterable[Delivered], chance: random.Random) -> tuple[Delivered, ...]:
    """Return the objects in the order of a provider that promises none."""
    objects = list(delivered)
    chance.shuffle(objects)
    return tuple(objects)


def shares(rows: Sequence[_T], count: int) -> list[Sequence[_T]]:
    """Cut rows into `count` neighbouring shares whose sizes differ by one at most."""
    cuts = [len(rows) * place // count for place in range(count + 1)]
    return [rows[start:stop] for start, stop in itertools.pairwise(cuts)]


@lru_cache(maxsize=8)
def audience(seed: int, size: int) -> tuple[Customer, ...]:
    """Return up to `size` different customers of this seed that have an address to write to.

    The address is as the customer gave it, trimmed: providers keep its case.
    """
    reachable = {
        row.customer_id: row._replace(email=row.email.strip())
        for row in customers(size, seed=seed)
        if row.email and row.email.count("@") == 1 and "." in row.email.partition("@")[2]
    }
    return tuple(reachable.values())


def uuid4(chance: random.Random) -> str:
    """Return a made-up UUID."""
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def hexadecimal(chance: random.Random, digits: int) -> str:
    """Return a made-up id of that many hexadecimal digits."""
    return f"{chance.getrandbits(4 * digits):0{digits}x}"


def moment(chance: random.Random, start: datetime, length: timedelta) -> datetime:
    """Return a time in the `length` from `start` on, to the microsecond."""
    return start + timedelta(microseconds=chance.randrange(length // timedelta(microseconds=1)))


def json_lines(rows: Iterable[Row]) -> bytes:
    """Return rows as JSON, one a line."""
    return "".join(to_json_lines(rows)).encode()


def gzipped(body: bytes) -> bytes:
    """Return the body packed, with no time in its header."""
    return gzip.compress(body, mtime=0)


def csv_bytes(
    columns: Sequence[str],
    rows: Iterable[Mapping[str, str | None]],
    *,
    delimiter: str = ",",
    null_text: str = "",
) -> bytes:
    """Return rows as CSV with a header; None is written as `null_text`."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        values = (row[column] for column in columns)
        writer.writerow([null_text if value is None else value for value in values])
    return text.getvalue().encode()


def parquet_bytes(rows: Sequence[Row], schema: pa.Schema, *, compression: str | None) -> bytes:
    """Return rows as one Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), sink, compression=compression or "none")
    return sink.getvalue()


def avro_bytes(rows: Iterable[Row], schema: Mapping[str, Any], *, codec: Codec) -> bytes:
    """Return rows as one Avro object container file.

    The marker between its blocks, which Avro has random, is made from the schema's name.
    """
    import fastavro

    sink = io.BytesIO()
    marker = uuid.uuid5(uuid.NAMESPACE_OID, str(schema["name"])).bytes
    parsed = fastavro.parse_schema(dict(schema))
    fastavro.writer(sink, parsed, rows, codec=codec, sync_marker=marker)
    return sink.getvalue()
