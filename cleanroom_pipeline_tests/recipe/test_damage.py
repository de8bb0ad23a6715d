"""Damaged files of every kind: an error that names the file and quotes nothing, or what is left.

Here: cut, flipped and foreign bytes. Not here: files in order (test_reading_text.py,
test_reading_typed.py), rows put aside (test_bad_rows.py).

A flipped bit that no checksum covers can change a value; it can't be told from one that was
delivered so. What holds for every damage: no other exception, and no value in the message.
"""

import json
import random
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cleanroom_pipeline.recipe.files import FileFormat, FileReadError, InputFile
from cleanroom_pipeline.recipe.inspection import inspect_file
from cleanroom_pipeline_tests.recipe.writing import (
    PACKED,
    avro,
    avro_record,
    orc_file,
    parquet,
    xlsx,
)

ROWS: list[dict[str, Any]] = [
    {"n": n, "s": f"SECRET{n}", "l": [n, n + 1], "r": {"k": f"SECRET-{n}"}} for n in range(120)
]
TABLE = pa.Table.from_pylist(ROWS)
AVRO_SCHEMA = avro_record(
    n="long",
    s=["null", "string"],
    l={"type": "array", "items": "long"},
    r={"type": "record", "name": "r", "fields": [{"name": "k", "type": "string"}]},
)
CSV = "n,s\n" + "".join(f'{row["n"]},"{row["s"]} ""q"""\n' for row in ROWS)
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
DAMAGES = 12


def _made() -> Iterator[tuple[str, FileFormat, bytes, bool]]:
    """Yield name, format, bytes, and whether a file that is cut off can be told."""
    for codec in ("none", "snappy", "zstd"):
        yield f"parquet-{codec}", FileFormat(kind="parquet"), parquet(TABLE, codec), True
    for codec in ("uncompressed", "zlib", "snappy"):
        yield f"orc-{codec}", FileFormat(kind="orc"), orc_file(TABLE, codec), True
    for codec in ("null", "deflate", "snappy", "zstandard"):
        yield f"avro-{codec}", FileFormat(kind="avro"), avro(AVRO_SCHEMA, ROWS, codec), False
    sheet = xlsx([["n", "s"], *[[row["n"], row["s"]] for row in ROWS]])
    yield "xlsx", FileFormat(kind="xlsx"), sheet, True
    for packing in ("plain", "gzip", "zstd", "bz2"):
        pack, packed = PACKED[packing], packing != "plain"
        yield f"csv-{packing}", FileFormat(), pack(CSV.encode()), packed
        yield f"jsonl-{packing}", FileFormat(kind="jsonl"), pack(LINES.encode()), packed
        document = json.dumps(ROWS, indent=1).encode()
        yield f"json-{packing}", FileFormat(kind="json"), pack(document), True
    tolerant = FileFormat(max_bad_rows=10_000)
    yield "csv-tolerant", tolerant, CSV.encode(), False


FILES = {name: (format_, whole, told) for name, format_, whole, told in _made()}


def cut(whole: bytes, chance: random.Random) -> bytes:
    # Of fewer bytes nobody can tell that they were packed.
    return whole[: chance.randrange(16, len(whole))]


def flipped(whole: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(whole)
    for _ in range(chance.choice([1, 1, 3, 10])):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def spliced(whole: bytes, chance: random.Random) -> bytes:
    begin = chance.randrange(len(whole))
    other = chance.randbytes(chance.randrange(40))
    return whole[:begin] + other + whole[begin + chance.randrange(40) :]


def told_of(path: Path, format_: FileFormat) -> str | None:
    """Return all that a log would show of the error, or None."""
    try:
        inspect_file(InputFile(path, "s3://bucket/in"), format_)
    except FileReadError as error:
        return "".join(traceback.format_exception(error))
    return None


@pytest.mark.parametrize("damage", [cut, flipped, spliced])
@pytest.mark.parametrize("name", FILES)
def test_damage_is_told_without_a_value_or_leaves_a_readable_file(
    tmp_path: Path, name: str, damage: Callable[[bytes, random.Random], bytes]
) -> None:
    format_, whole, cut_is_told = FILES[name]
    chance = random.Random(f"{name} {damage.__name__}")
    path = tmp_path / "damaged"
    told = []
    for _ in range(DAMAGES):
        path.write_bytes(damage(whole, chance))
        told.append(told_of(path, format_))
    assert all(text is None or "s3://bucket/in" in text for text in told)
    assert not any("SECRET" in (text or "") for text in told)
    if damage is cut and cut_is_told:
        assert None not in told


def test_every_cut_of_a_document_is_told(tmp_path: Path) -> None:
    whole = json.dumps(ROWS[:2])
    path = tmp_path / "cut"
    for size in range(len(whole)):
        path.write_text(whole[:size], encoding="utf-8")
        with pytest.raises(FileReadError):
            inspect_file(InputFile(path, "in"), FileFormat(kind="json"))
