"""Messages of the AWS Encryption SDK under a KMS key of the AWS in this process.

Here: messages, keys, errors, AWS's own published cells. Not here: steps (recipe/test_ciphers.py).
"""

import base64
import csv
import logging
import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import aws_encryption_sdk as sdk  # type: ignore[import-untyped]  # it ships no types
import boto3
import pytest
from aws_encryption_sdk.internal.formatting.deserialize import (  # type: ignore[import-untyped]  # as above
    deserialize_frame,
    deserialize_header,
    deserialize_header_auth,
)
from aws_encryption_sdk.key_providers.kms import (  # type: ignore[import-untyped]  # as above
    KMSMasterKey,
)
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384

from cleanroom_pipeline.aws.message_encryption import KmsCipher, MessageEncryption
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.recipe.engine import run_recipe_to_arrow
from cleanroom_pipeline.recipe.errors import CipherError
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline_tests.recipe.running import column, recipe, rows_of, step, write_csv

SAMPLE = (
    Path(__file__).parents[3] / "shared" / "data" / "databrew-samples" / "encrypt"
    / "transformed-sample-data.csv"
)  # fmt: skip
SUITE = 0x0378


class CountingClient:
    """Counts the calls of a KMS client."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, client: Any) -> None:
        self.calls: list[str] = []
        for name in ("generate_data_key", "decrypt"):
            real = getattr(client, name)

            def counted(*args: Any, _real: Any = real, _name: str = name, **kwargs: Any) -> Any:
                self.calls.append(_name)
                return _real(*args, **kwargs)

            monkeypatch.setattr(client, name, counted)


@pytest.fixture
def client(aws: AwsSession) -> Any:
    return boto3.client("kms", region_name=aws.region)


@pytest.fixture
def key(client: Any) -> str:
    return str(client.create_key()["KeyMetadata"]["Arn"])


def header_of(message: bytes) -> Any:
    return deserialize_header(BytesIO(message))[0]


def test_a_text_comes_back_whatever_its_context(client: Any, key: str) -> None:
    cipher = KmsCipher(key, client)
    for plaintext in (b"", b"ana@example.com", b"x" * 10_000):
        for context in ({}, {"type": "INTEGER"}):
            assert cipher.decrypt(cipher.encrypt(plaintext, context)) == plaintext


def test_messages_are_of_the_suite_that_databrew_writes(client: Any, key: str) -> None:
    header = header_of(KmsCipher(key, client).encrypt(b"x", {"type": "DATE"}))
    assert header.algorithm.algorithm_id == SUITE
    assert header.encryption_context["type"] == "DATE"
    (data_key,) = header.encrypted_data_keys
    assert data_key.key_provider.provider_id == "aws-kms"
    assert data_key.key_provider.key_info.decode() == key


def test_kms_is_asked_once_for_many_cells(
    client: Any, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = CountingClient(monkeypatch, client)
    cipher = KmsCipher(key, client)
    messages = [cipher.encrypt(b"cell", {}) for _ in range(20)]
    assert len(set(messages)) == len(messages)
    other = KmsCipher(key, client)
    assert {other.decrypt(message) for message in messages} == {b"cell"}
    assert counting.calls == ["generate_data_key", "decrypt"]


def test_a_message_of_another_key_is_refused(client: Any, key: str) -> None:
    another = str(client.create_key()["KeyMetadata"]["Arn"])
    message = KmsCipher(another, client).encrypt(b"x", {})
    with pytest.raises(CipherError, match="another key"):
        KmsCipher(key, client).decrypt(message)


def test_a_message_that_commits_to_its_key_is_read(client: Any, key: str) -> None:
    message, header = sdk.EncryptionSDKClient().encrypt(
        source=b"x", key_provider=KMSMasterKey(key_id=key, client=client)
    )
    assert header.algorithm.is_committing()
    assert KmsCipher(key, client).decrypt(message) == b"x"


def test_no_changed_message_is_read(client: Any, key: str) -> None:
    cipher = KmsCipher(key, client)
    message = cipher.encrypt(b"plaintext", {})
    for place in range(0, len(message), 7):
        changed = bytearray(message)
        changed[place] ^= 1
        for broken in (bytes(changed), message[:place], message + message[:place] + b"x"):
            with pytest.raises(CipherError) as caught:
                cipher.decrypt(broken)
            assert "plaintext" not in str(caught.value)


def test_a_key_that_is_not_there_is_named(client: Any) -> None:
    arn = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    with pytest.raises(CipherError, match=f"{arn}.*GenerateDataKey"):
        KmsCipher(arn, client).encrypt(b"x", {})


def test_nothing_in_the_log_tells_a_cell_or_a_data_key(
    client: Any, key: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG, logger="aws_encryption_sdk")
    real, keys = client.generate_data_key, []

    def remembered(**parameters: Any) -> Any:
        answer = real(**parameters)
        keys.append(answer["Plaintext"])
        return answer

    monkeypatch.setattr(client, "generate_data_key", remembered)
    cipher = KmsCipher(key, client)
    cipher.decrypt(cipher.encrypt(b"CELL-VALUE", {}))
    with pytest.raises(CipherError):
        cipher.decrypt(b"CELL-VALUE")
    (data_key,) = keys
    assert "CELL-VALUE" not in caplog.text
    for secret in (data_key.hex(), base64.b64encode(data_key).decode(), repr(data_key)[2:-1]):
        assert secret not in caplog.text + repr(cipher) + repr(vars(cipher))


def test_a_recipe_runs_with_the_ciphers_of_a_session(
    aws: AwsSession, client: Any, key: str, tmp_path: Path
) -> None:
    cells = ["ana@example.com", None, "", "zoë@example.com", "ana@example.com"]
    file = write_csv(tmp_path / "in.csv", [{"x": cell, "n": "1"} for cell in cells])
    encrypt = step("ENCRYPT", sourceColumn="x", kmsKeyArn=key)
    decrypt = step("DECRYPT", sourceColumn="x", kmsKeyArn=key)
    ciphers = MessageEncryption(session=aws)
    there = run_recipe_to_arrow(recipe(encrypt), [file], FileFormat(), ciphers=ciphers)
    back = run_recipe_to_arrow(recipe(encrypt, decrypt), [file], FileFormat(), ciphers=ciphers)
    messages = [cell for cell in column(rows_of(there), "x") if cell is not None]
    decrypting = KmsCipher(key, client)
    assert [decrypting.decrypt(base64.b64decode(one)).decode() for one in messages] == [
        cell for cell in cells if cell is not None
    ]
    assert column(rows_of(back), "x") == cells


def published_cells() -> Iterator[bytes]:
    with SAMPLE.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            yield from (base64.b64decode(row[name], validate=True) for name in ("lname", "fname"))


def signature_holds(message: bytes, header: Any, signature: bytes) -> bool:
    """Check the footer's ECDSA signature with the key in the encryption context."""
    point = base64.b64decode(header.encryption_context["aws-crypto-public-key"])
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)
    signed = message[: -len(signature) - 2]
    public.verify(signature, signed, ec.ECDSA(SHA384()))
    return True


def parsed(message: bytes) -> tuple[Any, bytes]:
    """Return a message's header and signature, its frames read on the way."""
    stream = BytesIO(message)
    header, _ = deserialize_header(stream)
    deserialize_header_auth(
        version=header.version,
        stream=stream,
        algorithm=header.algorithm,
        verifier=None,
    )
    final = False
    while not final:
        _, final = deserialize_frame(stream=stream, header=header)
    (size,) = struct.unpack(">H", stream.read(2))
    signature = stream.read()
    assert len(signature) == size
    return header, signature


@pytest.mark.skipif(not SAMPLE.is_file(), reason="AWS's samples are not here")
def test_every_cell_that_databrew_published_is_such_a_message() -> None:
    messages = list(published_cells())
    assert len(messages) == 60
    headers = []
    for message in messages:
        header, signature = parsed(message)
        assert signature_holds(message, header, signature)
        headers.append(header)
    assert {one.algorithm.algorithm_id for one in headers} == {SUITE}
    assert {tuple(sorted(one.encryption_context)) for one in headers} == {
        ("aws-crypto-public-key",)
    }
    assert {len(one.encrypted_data_keys) for one in headers} == {1}
    assert len({next(iter(one.encrypted_data_keys)).encrypted_data_key for one in headers}) == 1


def test_our_messages_have_the_form_of_the_published_ones(client: Any, key: str) -> None:
    message = KmsCipher(key, client).encrypt(b"Johnson", {})
    header, signature = parsed(message)
    assert signature_holds(message, header, signature)
    assert tuple(header.encryption_context) == ("aws-crypto-public-key",)
