"""Operations that encrypt cells in place, and those that decrypt them.

Here: ENCRYPT, DECRYPT, DETERMINISTIC_ENCRYPT, DETERMINISTIC_DECRYPT. Not here: the deterministic
scheme (recipe/deterministic.py), messages of the AWS Encryption SDK (aws/message_encryption.py).
"""

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cleanroom_pipeline.recipe.deterministic import (
    DeterministicCipher,
    EnvelopeError,
    version_of,
)
from cleanroom_pipeline.recipe.errors import CipherError
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCES,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.entities import (
    ENTITY_FILTER,
    FILTER_DOC,
    CellChange,
    Change,
    by_cell,
    check_entities,
    limited,
    refusal,
)
from cleanroom_pipeline.recipe.operations.pii import CREATE_SECRET, SECRET_VERSION
from cleanroom_pipeline.recipe.plan import TEXT, Column, Frame, Runtime
from cleanroom_pipeline.recipe.providers import CellCipher

# AWS's limits on one cell: 400 KB and 128 MiB.
MOST_DETERMINISTIC = 400 * 1024
MOST_ENCRYPTED = 128 * 1024 * 1024
# Secrets Manager's own limit on an ARN.
MOST_NAME = 2048
# The key under which a column's type stands in a message's encryption context.
TYPE_CONTEXT = "cleanroom-pipeline-type"
_KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+", re.ASCII)

_SECRET = Parameter(
    "secretId",
    Kind.TEXT,
    "the secret that holds the key: its ARN or name (databrew!default is a name like any other)",
    required=True,
)
_KMS_KEY = Parameter("kmsKeyArn", Kind.TEXT, "the ARN of a KMS key", required=True)


def _check_secret(values: Mapping[str, Any]) -> Iterable[str]:
    for name in ("secretId", "secretVersion"):
        if len(values[name] or "") > MOST_NAME:
            yield f"parameter {name!r} has more than {MOST_NAME} characters"


def _check_deterministic(values: Mapping[str, Any]) -> Iterable[str]:
    yield from _check_secret(values)
    yield from check_entities(values)


def _within(call: Call, column: Column, most: int) -> Callable[[str], bytes]:
    """Return text -> its UTF-8; CipherError for more bytes than `most`."""

    def encoded(value: str) -> bytes:
        content = value.encode()
        if len(content) > most:
            raise CipherError(refusal(call, column.name, f"within the limit of {most:,} bytes"))
        return content

    return encoded


def _deterministic(call: Call, runtime: Runtime) -> DeterministicCipher:
    from cleanroom_pipeline.recipe.vectorised import hmac_key

    secret_id, version = call["secretId"], call["secretVersion"]
    identity = runtime.secret_identity(secret_id, version)
    # Read by its id, so that a rotation between the two calls can't pair one with the other's key.
    key = hmac_key(runtime.secret_string(secret_id, identity[1] if identity else version))
    arn, version_id = identity or (secret_id, version or version_of(key))
    return DeterministicCipher(key, arn, version_id)


@operation(
    "DETERMINISTIC_ENCRYPT",
    Status.INFERRED,
    "AES-256-GCM-SIV in DataBrew's envelope (base64 of 0x01, the secret's ARN, its version id, the "
    "ciphertext): equal cells give equal text. AWS publishes neither nonce nor key derivation, so "
    "DataBrew and this engine can't decrypt each other's cells; ours: a nonce of 12 zero bytes, "
    "the key by HKDF-SHA256 from the base64 decoded SecretString, the envelope's head "
    "authenticated. A source of secrets that knows no ARN and version has secretId there, and "
    "secretVersion or a number made from the key. Null stays null; the empty text is encrypted; "
    f"a cell of more than 400 KB ends the run. {FILTER_DOC}",
    SOURCES,
    _SECRET,
    SECRET_VERSION,
    ENTITY_FILTER,
    CREATE_SECRET,
    tier=2,
    check=_check_deterministic,
)
def deterministic_encrypt(call: Call, frame: Frame) -> Frame:
    """Encrypt so that equal cells stay equal."""

    def maker(call: Call, column: Column) -> CellChange:
        encoded = _within(call, column, MOST_DETERMINISTIC)

        def make(runtime: Runtime) -> Change:
            cipher = _deterministic(call, runtime)
            return limited(call, column.name, lambda value: cipher.encrypt(encoded(value)))

        return make

    return by_cell(call, frame, maker)


@operation(
    "DETERMINISTIC_DECRYPT",
    Status.INFERRED,
    "Gives back, as text, what DETERMINISTIC_ENCRYPT of this engine encrypted. A cell encrypted "
    "with another secret, or another version of it, stays as it is (AWS: the step does nothing "
    "then): it is still encrypted. A cell that is no envelope, that was changed, or whose key is "
    "another than its head says, ends the run; so does the empty text. Null stays null.",
    SOURCES,
    _SECRET,
    SECRET_VERSION,
    tier=2,
    check=_check_secret,
)
def deterministic_decrypt(call: Call, frame: Frame) -> Frame:
    """Decrypt what is this secret's."""

    def maker(call: Call, column: Column) -> CellChange:
        expected = "a cell that DETERMINISTIC_ENCRYPT made, unchanged and with this key"

        def make(runtime: Runtime) -> Change:
            cipher = _deterministic(call, runtime)

            def decrypted(value: str) -> str:
                try:
                    plaintext = cipher.decrypt(value)
                    return value if plaintext is None else plaintext.decode()
                except (EnvelopeError, UnicodeDecodeError):
                    raise CipherError(refusal(call, column.name, expected)) from None

            return decrypted

        return make

    return by_cell(call, frame, maker)


def _check_key_arn(values: Mapping[str, Any]) -> Iterable[str]:
    if not _KEY_ARN.fullmatch(values["kmsKeyArn"]):
        yield "parameter 'kmsKeyArn' is not the ARN of a KMS key (an alias or a bare id is none)"


def _check_encrypt(values: Mapping[str, Any]) -> Iterable[str]:
    yield from _check_key_arn(values)
    yield from check_entities(values)


@operation(
    "ENCRYPT",
    Status.INFERRED,
    "Base64 of a message of the AWS Encryption SDK, one data key of the KMS key for the whole run; "
    "equal cells give different text. Any AWS Encryption SDK decrypts it. Null stays null; the "
    "empty text is encrypted; a cell of more than 128 MiB ends the run. With preserveDataType the "
    "type of a column that is no text stands in the message's encryption context, readable by all "
    f"(under the name {TYPE_CONTEXT}; AWS does not publish its own). {FILTER_DOC}",
    SOURCES,
    _KMS_KEY,
    ENTITY_FILTER,
    Parameter("preserveDataType", Kind.BOOLEAN, "whether to write the type down", default=True),
    tier=3,
    check=_check_encrypt,
)
def encrypt(call: Call, frame: Frame) -> Frame:
    """Encrypt with a KMS key."""

    def maker(call: Call, column: Column) -> CellChange:
        encoded = _within(call, column, MOST_ENCRYPTED)
        written = call["preserveDataType"] and column.type != TEXT
        context = {TYPE_CONTEXT: column.type} if written else {}

        def make(runtime: Runtime) -> Change:
            cipher = runtime.cell_cipher(call["kmsKeyArn"])

            def encrypted(value: str) -> str:
                return base64.b64encode(cipher.encrypt(encoded(value), context)).decode("ascii")

            return limited(call, column.name, _placed(call, column, encrypted))

        return make

    return by_cell(call, frame, maker, repeats=False)


@operation(
    "DECRYPT",
    Status.INFERRED,
    "Gives back what ENCRYPT encrypted, here or in DataBrew, always as text, for a column's type "
    "must be known before a cell is read: CHANGE_DATA_TYPE gives another one back. A cell that is "
    "no message, that was changed, or that another key encrypted ends the run; so does the empty "
    "text, and a cell of which ENCRYPT hid parts only. Null stays null.",
    SOURCES,
    _KMS_KEY,
    tier=3,
    check=_check_key_arn,
)
def decrypt(call: Call, frame: Frame) -> Frame:
    """Decrypt with a KMS key."""

    def maker(call: Call, column: Column) -> CellChange:
        expected = f"a message that {call['kmsKeyArn']} can decrypt"

        def make(runtime: Runtime) -> Change:
            cipher = runtime.cell_cipher(call["kmsKeyArn"])

            def decrypted(value: str) -> str:
                try:
                    return _decrypted(cipher, value)
                except ValueError:
                    raise CipherError(refusal(call, column.name, expected)) from None

            return _placed(call, column, decrypted)

        return make

    return by_cell(call, frame, maker)


def _placed(call: Call, column: Column, change: Change) -> Change:
    """Return the change whose errors about a key or a message say which step and column."""
    start = f"step {call.step.number} ({call.step.operation}): column {column.name!r}"

    def changed(value: str) -> str:
        try:
            return change(value)
        except CipherError as error:
            told = str(error)
        raise CipherError(told if told.startswith(start) else f"{start}: {told}")

    return changed


def _decrypted(cipher: CellCipher, value: str) -> str:
    """Return a message's text; ValueError for what is not base64, or not of a text."""
    return cipher.decrypt(base64.b64decode(value, validate=True)).decode()
