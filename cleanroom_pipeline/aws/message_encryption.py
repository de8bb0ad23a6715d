"""Messages of the AWS Encryption SDK: cells encrypted under a KMS key.

Here: the SDK, one data key for each key and context, errors without values. Not here: which cells
(`recipe.operations.ciphers`).

The suite is 0x0378, the one DataBrew's published output has: AES-256-GCM, HKDF-SHA384, signed with
ECDSA P-384, without key commitment. The SDK's own default commits to the key; whether DataBrew's
DECRYPT reads such messages is not published. What commitment prevents, one message that two keys
open to different texts, is prevented here by reading only messages with a single encrypted data
key, and that of the KMS key asked for. Messages that commit are read too.
"""

import io
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import dagster as dg
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidSignature, InvalidTag

from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.recipe.errors import CipherError
from cleanroom_pipeline.recipe.providers import CellCipher

# The longest a data key serves, in seconds, and how many contexts a run may have keys for.
MOST_SECONDS = 7 * 24 * 3600.0
MOST_KEYS = 100
# How the SDK meets bytes that are no message, or were changed, differs with the bytes.
_CHANGED = (InvalidSignature, InvalidTag, ValueError, LookupError, TypeError, EOFError)


class MessageEncryption(dg.ConfigurableResource[Any]):
    """Gives the ciphers of KMS keys; needs the extra `encryption`."""

    session: dg.ResourceDependency[AwsSession]

    def cell_cipher(self, kms_key_arn: str) -> CellCipher:
        """Return a cipher with data keys of its own: one for each run that asks."""
        if find_spec("aws_encryption_sdk") is None:
            raise CipherError(
                "ENCRYPT and DECRYPT need the AWS Encryption SDK: install "
                "cleanroom-pipeline[encryption]"
            )
        return KmsCipher(kms_key_arn, self.session.client("kms"))


class KmsCipher:
    """Encrypts and decrypts messages under one KMS key, with as few calls of KMS as can be.

    `client` is boto3's KMS client, for the key's region.
    """

    def __init__(self, kms_key_arn: str, client: Any) -> None:
        import aws_encryption_sdk as sdk  # type: ignore[import-untyped]  # it ships no types
        from aws_encryption_sdk.key_providers.kms import (  # type: ignore[import-untyped]  # as above
            KMSMasterKey,
        )

        self._arn = kms_key_arn
        self._failures = (sdk.AWSEncryptionSDKClientError, ClientError, BotoCoreError)
        self._suite = sdk.Algorithm.AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384
        self._sdk = sdk.EncryptionSDKClient(
            commitment_policy=sdk.CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT,
            max_encrypted_data_keys=1,
        )
        self._materials = sdk.CachingCryptoMaterialsManager(
            master_key_provider=KMSMasterKey(key_id=kms_key_arn, client=client),
            cache=sdk.LocalCryptoMaterialsCache(MOST_KEYS),
            max_age=MOST_SECONDS,
        )
        # Two threads at once would each ask KMS for a data key.
        self._lock = threading.Lock()

    def encrypt(self, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        """Return a message; CipherError when the key can't be used."""
        with self._lock:
            try:
                message, _ = self._sdk.encrypt(
                    source=plaintext,
                    materials_manager=self._materials,
                    algorithm=self._suite,
                    encryption_context=dict(context),
                )
            except self._failures as error:
                problem = type(error).__name__
            else:
                return bytes(message)
        raise CipherError(
            f"KMS key {self._arn!r} can't be used to encrypt ({problem}). Let this role call "
            "kms:GenerateDataKey on it"
        )

    def decrypt(self, message: bytes) -> bytes:
        """Return a message's plaintext; CipherError when it is not this key's, or was changed."""
        source = io.BytesIO(message)
        with self._lock:
            try:
                plaintext, _ = self._sdk.decrypt(source=source, materials_manager=self._materials)
            except (*self._failures, *_CHANGED) as error:
                problem = type(error).__name__
            else:
                if not source.read(1):
                    return bytes(plaintext)
                problem = "it goes on after its end"
        raise CipherError(
            f"a cell can't be decrypted with KMS key {self._arn!r} ({problem}): it is no message, "
            "another key encrypted it, it was changed, or this role may not call kms:Decrypt"
        )
