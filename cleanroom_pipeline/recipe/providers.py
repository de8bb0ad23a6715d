"""What a run is given beside files: secrets, and ciphers whose keys a key service holds.

Here: what such providers promise, and how a vectorised function sees them. Not here: AWS, or any
cipher.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from cleanroom_pipeline.recipe.errors import CipherError
from cleanroom_pipeline.recipe.steps import Step

# The operations that a run without a CipherProvider can't do.
CIPHER_OPERATIONS = frozenset({"ENCRYPT", "DECRYPT"})


class SecretProvider(Protocol):
    """Where secrets come from; it may be one of IdentifiedSecrets too."""

    def secret_string(self, secret_id: str, version: str | None) -> str:
        """Return the raw SecretString; for a key, its base64."""
        ...


@runtime_checkable
class IdentifiedSecrets(Protocol):
    """A source of secrets that also knows each one's full name and version."""

    def secret_identity(self, secret_id: str, version: str | None) -> tuple[str, str]:
        """Return the secret's ARN and the id of that version (the current one for None)."""
        ...


class CellCipher(Protocol):
    """Encrypts and decrypts with one key; safe to call from several threads."""

    def encrypt(self, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        """Return a message that holds the plaintext, and the context in the clear; CipherError."""
        ...

    def decrypt(self, message: bytes) -> bytes:
        """Return a message's plaintext; CipherError if it is not this key's or was changed."""
        ...


class CipherProvider(Protocol):
    """Where ciphers come from."""

    def cell_cipher(self, kms_key_arn: str) -> CellCipher:
        """Return the cipher of a key, for the time of a run."""
        ...


def refuse_without_ciphers(steps: Iterable[Step], ciphers: CipherProvider | None) -> None:
    """Raise CipherError for the first step that needs a cipher when none can be had."""
    for step in steps:
        if ciphers is None and step.operation in CIPHER_OPERATIONS:
            raise CipherError(
                f"step {step.number} ({step.operation}): the run was given no ciphers. Give it a "
                "CipherProvider, such as cleanroom_pipeline.aws.message_encryption"
            )


class Keys:
    """The secrets and ciphers of a run, as its vectorised functions ask for them."""

    def __init__(self, secrets: SecretProvider, ciphers: CipherProvider | None = None) -> None:
        self._secrets = secrets
        self._ciphers = ciphers

    def secret_string(self, secret_id: str, version: str | None) -> str:
        """Return the raw SecretString."""
        return self._secrets.secret_string(secret_id, version)

    def secret_identity(self, secret_id: str, version: str | None) -> tuple[str, str] | None:
        """Return the secret's ARN and version id; None when its source does not know them."""
        if isinstance(self._secrets, IdentifiedSecrets):
            return self._secrets.secret_identity(secret_id, version)
        return None

    def cell_cipher(self, kms_key_arn: str) -> CellCipher:
        """Return the cipher of a key."""
        if self._ciphers is None:
            raise CipherError("the run was given no ciphers")
        return self._ciphers.cell_cipher(kms_key_arn)
