import contextlib
import io
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.parquet_footer import NotParquetError, read_footer

NESTED = pa.table(
    {
        "id": [1, 2],
        "tags": [["a"], []],
        "sums": pa.array([[("x", 1)], None], pa.map_(pa.string(), pa.int64())),
        "home": [{"city": "A", "zip": 1}, None],
    }
)


def written(table: pa.Table, **options: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def reader(body: bytes) -> Callable[[int, int], bytes]:
    return lambda start, length: body[start : start + length]


@pytest.mark.parametrize("codec", ["zstd", "snappy", "gzip", "none"])
@pytest.mark.parametrize("rows", [0, 1, 5000])
def test_a_footer_says_what_the_whole_file_says(rows: int, codec: str) -> None:
    table = pa.table({"a": pa.array(range(rows), pa.int64()), "b": ["x"] * rows})
    body = written(table, compression=codec, row_group_size=1000)
    whole = pq.ParquetFile(io.BytesIO(body))
    footer = read_footer(reader(body), len(body))
    assert footer.schema.equals(whole.schema_arrow)
    assert footer.rows == whole.metadata.num_rows == rows


@pytest.mark.parametrize("store_schema", [True, False])
def test_nested_columns_are_told_as_the_whole_file_tells_them(store_schema: bool) -> None:
    body = written(NESTED, store_schema=store_schema)
    footer = read_footer(reader(body), len(body))
    assert footer.schema.equals(pq.ParquetFile(io.BytesIO(body)).schema_arrow)


def test_no_byte_but_the_footers_own_is_read() -> None:
    body = written(pa.table({"a": range(200_000)}), compression="none", use_dictionary=False)
    asked = []

    def read_range(start: int, length: int) -> bytes:
        asked.append((start, length))
        return body[start : start + length]

    read_footer(read_range, len(body))
    length = int.from_bytes(body[-8:-4], "little")
    assert asked == [(len(body) - 8, 8), (len(body) - 8 - length, length)]
    assert length < len(body) / 100


def test_nanoseconds_are_told_apart_from_sparks_own_timestamps() -> None:
    nanoseconds = pa.array([1, 2]).cast(pa.timestamp("ns"))
    table = pa.table({"t": nanoseconds, "n": pa.StructArray.from_arrays([nanoseconds], ["t"])})
    ours, sparks = written(table), written(table, use_deprecated_int96_timestamps=True)
    assert read_footer(reader(ours), len(ours)).nanoseconds == {"t", "n.t"}
    assert read_footer(reader(sparks), len(sparks)).nanoseconds == set()


def test_a_failure_to_read_is_not_taken_for_a_file_that_is_no_parquet() -> None:
    def read_range(start: int, length: int) -> bytes:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        read_footer(read_range, 1000)


@given(body=st.binary(max_size=200))
def test_bytes_that_are_no_parquet_are_refused(body: bytes) -> None:
    with pytest.raises(NotParquetError):
        read_footer(reader(body), len(body))


@given(data=st.binary(max_size=60), footer=st.binary(max_size=60), length=st.integers(0, 2**32 - 1))
def test_bytes_that_only_end_like_parquet_are_refused(
    data: bytes, footer: bytes, length: int
) -> None:
    for told in (length, len(footer)):
        body = b"PAR1" + data + footer + told.to_bytes(4, "little") + b"PAR1"
        with pytest.raises(NotParquetError):
            read_footer(reader(body), len(body))


@pytest.mark.parametrize("table", [pa.table({"a": ["x", None]}), NESTED])
def test_a_footer_with_any_one_bit_wrong_is_refused_or_read_and_nothing_else(
    table: pa.Table,
) -> None:
    """pyarrow answers some of them with a UnicodeDecodeError, and could end the process."""
    body = written(table, store_schema=False)
    begin = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    for place in range(begin, len(body)):
        for bit in range(8):
            damaged = bytearray(body)
            damaged[place] ^= 1 << bit
            with contextlib.suppress(NotParquetError):
                read_footer(reader(bytes(damaged)), len(damaged))


def test_a_file_that_is_cut_off_anywhere_is_refused() -> None:
    body = written(pa.table({"a": [1, 2, 3]}))
    for size in range(len(body)):
        with pytest.raises(NotParquetError):
            read_footer(reader(body[:size]), size)


def test_bytes_that_the_store_does_not_give_are_missed() -> None:
    body = written(pa.table({"a": [1, 2, 3]}))
    with pytest.raises(NotParquetError):
        read_footer(lambda start, length: body[start : start + length][:-1], len(body))
