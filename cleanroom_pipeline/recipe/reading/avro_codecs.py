"""The codecs of Avro blocks that fastavro leaves to other libraries: snappy and zstandard.

Here: unpacking a block with Arrow, its checksum verified. Not here: what a block holds.

https://avro.apache.org/docs/1.12.0/specification/#required-codecs: a block is its length, its bytes
and, for snappy, the big-endian CRC32 of what they unpack to.
"""

import io
import zlib
from typing import BinaryIO

import pyarrow as pa
from fastavro.read import BLOCK_READERS, block_reader

_LARGEST_BLOCK = 1 << 30


def _read_long(stream: BinaryIO) -> int:
    """Read a variable-length number, seven bits a byte, the lowest ones first."""
    number = shift = 0
    while True:
        byte = stream.read(1)
        if not byte or shift > 63:
            raise EOFError
        number |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return number


def _read_block(stream: BinaryIO) -> bytes:
    zigzag = _read_long(stream)
    size = (zigzag >> 1) ^ -(zigzag & 1)
    data = stream.read(size) if size >= 0 else b""
    if len(data) != size:
        raise EOFError
    return data


def read_zstandard_block(stream: BinaryIO) -> BinaryIO:
    """Return the unpacked block."""
    packed = pa.BufferReader(_read_block(stream))
    with pa.CompressedInputStream(packed, "zstd") as unpacked:
        return io.BytesIO(unpacked.read())


def read_snappy_block(stream: BinaryIO) -> BinaryIO:
    """Return the unpacked block; ValueError when its checksum is another one."""
    data = _read_block(stream)
    packed, checksum = data[:-4], int.from_bytes(data[-4:], "big")
    size = _read_long(io.BytesIO(packed))
    if size > _LARGEST_BLOCK:
        raise ValueError("A block is larger than any that is written.")
    unpacked: bytes = pa.decompress(packed, size, codec="snappy", asbytes=True)
    if zlib.crc32(unpacked) != checksum:
        raise ValueError("The checksum of a block is not that of its bytes.")
    return io.BytesIO(unpacked)


def blocks(stream: BinaryIO) -> block_reader:
    """Return the blocks of an Avro file, of these codecs and of fastavro's own."""
    BLOCK_READERS["snappy"] = read_snappy_block
    BLOCK_READERS["zstandard"] = read_zstandard_block
    return block_reader(stream)
