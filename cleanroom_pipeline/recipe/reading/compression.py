"""Packed files: which codec, and their bytes unpacked.

Here: gzip (of several members too), zstd and bz2 around a whole file, told by its first bytes. Not
here: codecs within Parquet, Avro or ORC, which their readers know.

Every checksum is verified: DuckDB's own readers pass over those of gzip, and over a cut-off zstd.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pyarrow as pa

from cleanroom_pipeline.recipe.files import FileReadError, InputFile

Codec = Literal["gzip", "zstd", "bz2"]

CHUNK = 1 << 20
_MAGIC: tuple[tuple[re.Pattern[bytes], Codec], ...] = (
    (re.compile(rb"\x1f\x8b\x08"), "gzip"),
    # RFC 8878: a frame, or one to be skipped.
    (re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), "zstd"),
    # A text may begin with `BZh1`; the first block, or the end of a stream, tells.
    (re.compile(rb"BZh[1-9](?:\x31\x41\x59\x26\x53\x59|\x17\x72\x45\x38\x50\x90)"), "bz2"),
)


def codec_of(path: Path) -> Codec | None:
    """Return what the bytes are packed with, whatever the name says; None for plain ones."""
    with path.open("rb") as stream:
        head = stream.read(10)
    return next((codec for magic, codec in _MAGIC if magic.match(head)), None)


def read_chunks(file: InputFile) -> Iterator[bytes]:
    """Yield the file's bytes, unpacked; FileReadError names the byte where damage showed."""
    codec = codec_of(file.path)
    if codec is None:
        with file.path.open("rb") as plain:
            while chunk := plain.read(CHUNK):
                yield chunk
        return
    with pa.OSFile(str(file.path)) as raw, pa.CompressedInputStream(raw, codec) as stream:
        while True:
            try:
                chunk = stream.read(CHUNK)
            except OSError as error:
                cut = "Truncated" in str(error)
                reason = f"its {codec} data is {'cut off' if cut else 'damaged'}"
                raise FileReadError(file.name, reason, byte=raw.tell()) from None
            if not chunk:
                return
            yield chunk
