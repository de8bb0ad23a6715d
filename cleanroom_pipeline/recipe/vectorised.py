"""Functions over Arrow arrays, for what SQL can't say.

Here: mapping Python over the distinct values of a batch, keyed hashes. Not here: which step uses
which, or DuckDB.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cleanroom_pipeline.recipe.errors import SecretError
from cleanroom_pipeline.recipe.widening import decimal_digits

ArrowFunction = Callable[..., Any]
_INNER_PAD, _OUTER_PAD = 0x36, 0x5C
_ARROW_TYPES: Mapping[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "VARCHAR[]": pa.list_(pa.string()),
}


def _arrow_type(name: str) -> pa.DataType:
    digits = decimal_digits(name)
    return pa.decimal128(*digits) if digits else _ARROW_TYPES[name]


def over_distinct(change: Callable[[Any], Any], returns: str = "VARCHAR") -> ArrowFunction:
    """Return an array function that calls `change` once for each distinct value, never for null."""
    arrow_type = _arrow_type(returns)

    def run(values: Any) -> Any:
        array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        encoded: Any = array.dictionary_encode()
        changed = [change(value) for value in encoded.dictionary.to_pylist()]
        return pa.array(changed, arrow_type).take(encoded.indices)

    return run


def over_rows(change: Callable[..., Any], returns: str = "VARCHAR") -> ArrowFunction:
    """Return a function of several arrays; `change` gets the cells of a row, nulls as None.

    It is called once for each distinct row of a batch.
    """
    arrow_type = _arrow_type(returns)

    def run(*columns: Any) -> Any:
        known: dict[tuple[Any, ...], Any] = {}
        changed = []
        for cells in zip(*[column.to_pylist() for column in columns], strict=True):
            if cells not in known:
                known[cells] = change(*cells)
            changed.append(known[cells])
        return pa.array(changed, arrow_type)

    return run


def digest_base64(algorithm: str, key: bytes | None) -> Callable[[str], str]:
    """Return text -> base64 of the raw digest of its UTF-8; keyed (HMAC) when there is a key."""
    encode = binascii.b2a_base64
    if key is not None:
        return _keyed(algorithm, key)

    def digest(value: str) -> str:
        hasher = hashlib.new(algorithm, value.encode(), usedforsecurity=False)
        return encode(hasher.digest(), newline=False).decode("ascii")

    return digest


def _keyed(algorithm: str, key: bytes) -> Callable[[str], str]:
    """Return text -> base64 of its HMAC, as RFC 2104 builds it from two hash states.

    Copying both states costs two thirds of `hmac.HMAC.copy`, which copies three contexts.
    """
    empty = hashlib.new(algorithm, usedforsecurity=False)
    size = empty.block_size
    short = key if len(key) <= size else hashlib.new(algorithm, key, usedforsecurity=False).digest()
    padded = short.ljust(size, b"\0")
    inner, outer = empty.copy(), empty.copy()
    inner.update(bytes(byte ^ _INNER_PAD for byte in padded))
    outer.update(bytes(byte ^ _OUTER_PAD for byte in padded))
    copy_inner, copy_outer, encode = inner.copy, outer.copy, binascii.b2a_base64

    def digest(value: str) -> str:
        first = copy_inner()
        first.update(value.encode())
        second = copy_outer()
        second.update(first.digest())
        return encode(second.digest(), newline=False).decode("ascii")

    return digest


# Before that many values the kernel, which takes a second to load, would not pay.
_WORTH_A_KERNEL = 50_000


def digest_array(algorithm: str, key: bytes | None) -> ArrowFunction:
    """Return an array function that does what `digest_base64` does.

    HMAC-SHA256 of many values runs in a kernel of machine code where numba is installed (the extra
    `fast`).
    """
    by_value = over_distinct(digest_base64(algorithm, key))
    if algorithm != "sha256" or key is None:
        return by_value
    keyed = key
    count = 0
    kernel: ArrowFunction | None = None

    def run(values: Any) -> Any:
        nonlocal count, kernel
        count += len(values)
        if count < _WORTH_A_KERNEL:
            return by_value(values)
        kernel = kernel or _kernel(keyed) or by_value
        return by_value(values) if kernel is by_value else _hashed(kernel, by_value, values)

    return run


def _kernel(key: bytes) -> ArrowFunction | None:
    try:
        from cleanroom_pipeline.recipe.hmac_kernel import HmacSha256
    except (ImportError, RuntimeError):  # no numba, or nowhere for it to keep what it compiles
        return None
    return HmacSha256(key)


def _hashed(kernel: ArrowFunction, by_value: ArrowFunction, values: Any) -> Any:
    """Return the kernel's digests, and for values that are too long for it the others."""
    from cleanroom_pipeline.recipe.hmac_kernel import LONGEST

    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    hashed = kernel(array)
    too_long = pc.greater(pc.binary_length(array), LONGEST)
    if not pc.any(too_long).as_py():
        return hashed
    return pc.if_else(too_long, by_value(array), hashed)


def hmac_key(secret_string: str) -> bytes:
    """Return the key in a SecretString: its base64 decoded, DataBrew's rule."""
    try:
        key = base64.b64decode(secret_string.strip(), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise SecretError("the secret's value is not the base64 of a key, as DataBrew expects")
    return key
