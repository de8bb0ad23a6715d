"""Functions over Arrow arrays.

Here: digests against the standard library's, mapping over distinct values. Not here: runs.
"""

import base64
import hashlib
import hmac

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.recipe.errors import SecretError
from cleanroom_pipeline.recipe.vectorised import digest_base64, hmac_key, over_distinct

TEXTS = st.text(st.characters(blacklist_categories=["Cs"]))
ALGORITHMS = st.sampled_from(["md5", "sha1", "sha256", "sha512"])


@given(TEXTS, st.binary(min_size=1, max_size=300), ALGORITHMS)
def test_a_keyed_digest_is_the_hmac_whatever_the_size_of_the_key(
    text: str, key: bytes, algorithm: str
) -> None:
    digest = digest_base64(algorithm, key)
    expected = base64.b64encode(hmac.digest(key, text.encode(), algorithm)).decode()
    assert digest(text) == expected
    assert digest(text) == expected, "the key's state is not used up"


@given(TEXTS, ALGORITHMS)
def test_a_digest_without_a_key_is_the_plain_hash(text: str, algorithm: str) -> None:
    expected = hashlib.new(algorithm, text.encode()).digest()
    assert base64.b64decode(digest_base64(algorithm, None)(text)) == expected


def test_each_distinct_value_is_mapped_once_and_null_never() -> None:
    seen: list[str] = []

    def change(value: str) -> str:
        seen.append(value)
        return value.upper()

    chunks = pa.chunked_array([["a", None, "b"], ["a", ""]])
    assert over_distinct(change)(chunks).to_pylist() == ["A", None, "B", "A", ""]
    assert seen == ["a", "b", ""]
    assert len(over_distinct(change)(pa.chunked_array([], pa.string()))) == 0


def test_the_key_is_the_decoded_secret() -> None:
    assert hmac_key(" a2V5\n") == b"key"


@pytest.mark.parametrize("secret", ["", "not base64!", '{"key": "a2V5"}'])
def test_a_secret_of_another_form_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(SecretError, match="base64") as caught:
        hmac_key(secret)
    assert not secret or secret not in str(caught.value)
