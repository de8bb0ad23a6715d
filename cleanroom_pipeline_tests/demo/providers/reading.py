"""Reads made-up deliveries back, as anyone would who has the objects alone."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import fastavro
import pyarrow.parquet as pq

from cleanroom_pipeline.demo.providers.layout import Delivered

Rows = list[dict[str, Any]]

NOW = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)
PREFIX = "inbound/feed/"


def plain(body: bytes) -> bytes:
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def json_rows(body: bytes) -> Rows:
    return [json.loads(line) for line in plain(body).decode().splitlines()]


def csv_rows(body: bytes) -> Rows:
    return list(csv.DictReader(io.StringIO(plain(body).decode(), newline="")))


def parquet_rows(body: bytes) -> Rows:
    rows: Rows = pq.read_table(io.BytesIO(body)).to_pylist()
    return rows


def avro_rows(body: bytes) -> Rows:
    return [dict(row) for row in fastavro.reader(io.BytesIO(body)) if isinstance(row, dict)]


def parquet_codec(body: bytes) -> str:
    codec: str = pq.ParquetFile(io.BytesIO(body)).metadata.row_group(0).column(0).compression
    return codec


def avro_codec(body: bytes) -> str:
    return str(fastavro.reader(io.BytesIO(body)).codec)


def rows_of(delivered: Iterable[Delivered], read: Callable[[bytes], Rows]) -> Rows:
    """All rows, file by file in the order of their keys."""
    return [row for file in sorted(delivered, key=lambda f: f.key) for row in read(file.body)]


READERS: dict[str, Callable[[bytes], Rows]] = {
    "csv": csv_rows,
    "json": json_rows,
    "jsonl": json_rows,
    "parquet": parquet_rows,
    "avro": avro_rows,
}
