"""The kernel gives what the standard library gives.

Here: keys and values of all lengths around the blocks' edges. Not here: when the kernel is used.
"""

import base64
import hmac

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom_pipeline.recipe import vectorised
from cleanroom_pipeline.recipe.hmac_kernel import LONGEST, HmacSha256
from cleanroom_pipeline.recipe.vectorised import digest_array

KEYS = st.binary(min_size=1, max_size=150)


def by_the_library(key: bytes, value: str | None) -> str | None:
    if value is None:
        return None
    return base64.b64encode(hmac.digest(key, value.encode(), "sha256")).decode()


@given(key=KEYS, values=st.lists(st.none() | st.text(max_size=LONGEST // 4), max_size=40))
@settings(deadline=None)
def test_digests_are_those_of_the_library(key: bytes, values: list[str | None]) -> None:
    hashed = HmacSha256(key)(pa.array(values, pa.string()))
    assert hashed.to_pylist() == [by_the_library(key, value) for value in values]


def test_every_length_that_fits_is_hashed_right() -> None:
    values = ["x" * size for size in range(LONGEST + 1)]
    hashed = HmacSha256(b"key")(pa.array(values))
    assert hashed.to_pylist() == [by_the_library(b"key", value) for value in values]


def test_a_part_of_an_array_is_hashed_as_itself() -> None:
    part = pa.array(["a", None, "ü", "b"]).slice(1, 2)
    assert HmacSha256(b"k")(part).to_pylist() == [None, by_the_library(b"k", "ü")]


@pytest.mark.parametrize("worth", [0, 3, 10**9])
def test_a_column_is_hashed_alike_before_and_after_the_kernel_takes_over(
    worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectorised, "_WORTH_A_KERNEL", worth)
    values = ["a", None, "x" * 55, "x" * 56, "ü" * 200, ""]
    run = digest_array("sha256", b"key")
    expected = [by_the_library(b"key", value) for value in values]
    for _ in range(3):
        assert run(pa.chunked_array([values[:2], values[2:]])).to_pylist() == expected


def test_without_numba_the_library_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectorised, "_WORTH_A_KERNEL", 0)
    monkeypatch.setitem(__import__("sys").modules, "cleanroom_pipeline.recipe.hmac_kernel", None)
    assert digest_array("sha256", b"k")(pa.array(["a"])).to_pylist() == [by_the_library(b"k", "a")]
