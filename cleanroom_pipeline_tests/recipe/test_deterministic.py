"""The deterministic scheme: its envelope, its key, what it refuses.

Here: recipe/deterministic.py by itself. Not here: steps (test_ciphers.py).
"""

import base64
import hashlib
import hmac
import struct
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.recipe.deterministic import DeterministicCipher, EnvelopeError, version_of

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:key-AbCdEf"
VERSION = "11111111-2222-4333-8444-555555555555"
SECRET = b"the secret of the tests"
CIPHER = DeterministicCipher(SECRET, ARN, VERSION)


def hkdf(secret: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869 with SHA-256 and no salt, for one block."""
    key = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(key, info + b"\x01", "sha256")[:size]


def test_the_cipher_below_is_aes_gcm_siv_as_rfc_8452_shows_it() -> None:
    cipher = AESGCMSIV(b"\x01" + bytes(31))
    sealed = cipher.encrypt(b"\x03" + bytes(11), b"\x01" + bytes(7), None)
    assert sealed.hex() == "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"


def test_an_envelope_holds_names_and_ciphertext_as_aws_lays_them_out() -> None:
    content = base64.b64decode(CIPHER.encrypt("né".encode()), validate=True)
    head = b"\x01" + struct.pack(">H", len(ARN)) + ARN.encode()
    head += struct.pack(">H", 36) + VERSION.encode()
    key = hkdf(SECRET, b"cleanroom-pipeline DETERMINISTIC_ENCRYPT key, scheme 1", 32)
    assert content == head + AESGCMSIV(key).encrypt(bytes(12), "né".encode(), head)
    assert len(content) == len(head) + len("né".encode()) + 16


@given(st.binary(max_size=64))
def test_what_was_encrypted_comes_back(plaintext: bytes) -> None:
    assert CIPHER.decrypt(CIPHER.encrypt(plaintext)) == plaintext


@pytest.mark.parametrize(
    "other",
    [
        DeterministicCipher(SECRET, ARN + "x", VERSION),
        DeterministicCipher(SECRET, ARN, VERSION[:-1] + "6"),
    ],
)
def test_what_another_secret_or_version_encrypted_is_left_alone(
    other: DeterministicCipher,
) -> None:
    assert CIPHER.decrypt(other.encrypt(b"x")) is None


def test_a_key_that_is_not_what_the_envelope_says_is_an_error() -> None:
    other = DeterministicCipher(b"another key", ARN, VERSION)
    with pytest.raises(EnvelopeError):
        CIPHER.decrypt(other.encrypt(b"x"))


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_changed_envelope_gives_a_text(place: int, flip: int) -> None:
    content = bytearray(base64.b64decode(CIPHER.encrypt(b"plaintext")))
    content[place % len(content)] ^= flip
    with suppress(EnvelopeError):
        assert CIPHER.decrypt(base64.b64encode(content).decode()) is None


@pytest.mark.parametrize("text", ["", "ana@example.com", "AQ==", "AgAAAAA=", "AQBi", "A" * 64])
def test_what_is_no_envelope_is_an_error_that_does_not_show_it(text: str) -> None:
    with pytest.raises(EnvelopeError) as caught:
        CIPHER.decrypt(text)
    assert not text or text not in str(caught.value)


def test_the_key_makes_a_version_where_there_is_none() -> None:
    assert version_of(SECRET) == version_of(SECRET)
    assert version_of(SECRET) != version_of(SECRET + b"x")
    assert len(version_of(SECRET)) == 36


def test_a_cipher_shows_nothing_of_its_key() -> None:
    key = hkdf(SECRET, b"cleanroom-pipeline DETERMINISTIC_ENCRYPT key, scheme 1", 32)
    shown = repr(CIPHER) + str(CIPHER) + repr(vars(CIPHER))
    for secret in (SECRET, key, hashlib.sha256(SECRET).digest()):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown
