"""AES-256-GCM-SIV in DataBrew's envelope: the same text gives the same ciphertext.

Here: keys from secrets, the envelope, encrypting and decrypting one text. Not here: steps.

An envelope is the base64 of: 0x01, the length of the secret's ARN (16 bits), the ARN, the length of
its version id (16 bits), the version id, then the ciphertext with its tag of 16 bytes. That much
AWS's published samples show. They hold no nonce, and AWS does not say how a key comes from a
secret; here the nonce is 12 zero bytes, the key is HKDF-SHA256 (RFC 5869) of the decoded secret,
and the bytes before the ciphertext are authenticated with it.
"""

import base64
import struct
from typing import Any
from uuid import UUID

_MARK = b"\x01"
_NONCE = bytes(12)
_TAG_SIZE = 16
_KEY_USE = b"cleanroom-pipeline DETERMINISTIC_ENCRYPT key, scheme 1"
_VERSION_USE = b"cleanroom-pipeline DETERMINISTIC_ENCRYPT version, scheme 1"


class EnvelopeError(ValueError):
    """A text that is no envelope, or one that was changed; the message holds nothing of it."""


def _derived(secret: bytes, use: bytes, size: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length=size, salt=None, info=use).derive(secret)


def version_of(secret: bytes) -> str:
    """Return a version id that a secret's value fixes, for a source that knows of no versions."""
    return str(UUID(bytes=_derived(secret, _VERSION_USE, 16), version=4))


def _named(name: str) -> bytes:
    encoded = name.encode()
    return struct.pack(">H", len(encoded)) + encoded


class DeterministicCipher:
    """The cipher of one version of one secret. It shows nothing of its key."""

    def __init__(self, secret: bytes, arn: str, version_id: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

        self._cipher: Any = AESGCMSIV(_derived(secret, _KEY_USE, 32))
        self._header = _MARK + _named(arn) + _named(version_id)

    def encrypt(self, plaintext: bytes) -> str:
        """Return the envelope of a plaintext."""
        sealed = self._cipher.encrypt(_NONCE, plaintext, self._header)
        return base64.b64encode(self._header + sealed).decode("ascii")

    def decrypt(self, envelope: str) -> bytes | None:
        """Return the plaintext of an envelope; None when it names another secret or version.

        EnvelopeError for a text that is no envelope, and for one that this secret did not make
        though it says so.
        """
        from cryptography.exceptions import InvalidTag

        content = _opened(envelope)
        if not content.startswith(self._header):
            return None
        try:
            plaintext: bytes = self._cipher.decrypt(
                _NONCE, content[len(self._header) :], self._header
            )
        except InvalidTag:
            raise EnvelopeError("the envelope was changed, or made with another key") from None
        return plaintext


def _opened(envelope: str) -> bytes:
    """Return the bytes of a well-formed envelope."""
    try:
        content = base64.b64decode(envelope, validate=True)
        if content[:1] != _MARK:
            raise EnvelopeError("not an envelope")
        place = 1
        for _ in range(2):
            (size,) = struct.unpack_from(">H", content, place)
            place += 2 + size
    except (ValueError, struct.error):
        raise EnvelopeError("not an envelope") from None
    if len(content) < place + _TAG_SIZE:
        raise EnvelopeError("not an envelope")
    return content
