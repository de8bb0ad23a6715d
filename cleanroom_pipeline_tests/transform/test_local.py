import base64
import hashlib
import hmac
import io
import json
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cleanroom_pipeline.aws.s3 import ObjectGoneError, S3Storage
from cleanroom_pipeline.inbound.completion.decision import Whole
from cleanroom_pipeline.inbound.manifest import build_manifest
from cleanroom_pipeline.model import Manifest, TransformedBatch
from cleanroom_pipeline.recipe import parse_recipe
from cleanroom_pipeline.recipe.engine import EngineSettings
from cleanroom_pipeline.recipe.errors import CipherError
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.recipe.providers import CellCipher
from cleanroom_pipeline.records import FormatChoice, MixedFormatsError
from cleanroom_pipeline.transform.local import transform_batch

KEY = b"k" * 32
RECIPE = parse_recipe(
    json.dumps(
        [
            {"Action": {"Operation": "LOWER_CASE", "Parameters": {"sourceColumn": "email"}}},
            {
                "Action": {
                    "Operation": "CRYPTOGRAPHIC_HASH",
                    "Parameters": {"sourceColumns": '["email"]', "secretId": "key"},
                }
            },
        ]
    ),
    name="recipe.json",
)
BY_NAME = FormatChoice(FileFormat(kind="csv"), by_name=True)


class OneKey:
    """Holds the one key of these tests."""

    def secret_string(self, secret_id: str, version: str | None = None) -> str:
        return base64.b64encode(KEY).decode()


class NoCiphers:
    """Has no key: no recipe of these tests encrypts."""

    def cell_cipher(self, kms_key_arn: str) -> CellCipher:
        raise CipherError(kms_key_arn)


def manifest_of(storage: S3Storage, **bodies: str) -> Manifest:
    for name, body in bodies.items():
        key = "inbound/shop/" + name.replace("_", ".")
        storage.client.put_object(Bucket="inbound", Key=key, Body=body.encode())
    page = storage.list_inbound_page("inbound/shop/")
    whole = Whole(page.objects, "test")
    return build_manifest("shop", "inbound", whole, policy="quiet_period", at=page.at)


def transform(
    storage: S3Storage, manifest: Manifest, write_id: str = "00000000-0"
) -> TransformedBatch:
    return transform_batch(
        storage,
        manifest,
        RECIPE,
        BY_NAME,
        OneKey(),
        NoCiphers(),
        EngineSettings(),
        write_id=write_id,
    )


def rows_of(storage: S3Storage, transformed: TransformedBatch) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for file in transformed.files:
        body = storage.client.get_object(Bucket="transformed", Key=file.key)["Body"].read()
        rows += pq.read_table(io.BytesIO(body)).to_pylist()
    return rows


def test_all_files_of_a_batch_become_one_table_under_a_prefix_of_their_own(
    storage: S3Storage,
) -> None:
    manifest = manifest_of(storage, a_csv="id,email\n1,A@B.C\n", b_csv="id,email\n2,d@e.f\n")
    transformed = transform(storage, manifest)
    assert (transformed.rows_in, transformed.rows_out) == (2, 2)
    assert transformed.prefix == f"tables/shop/{manifest.batch_id}/00000000-0/"
    expected = base64.b64encode(hmac.new(KEY, b"a@b.c", hashlib.sha256).digest()).decode()
    assert rows_of(storage, transformed)[0] == {"id": "1", "email": expected}


def test_every_object_is_under_the_projects_key(storage: S3Storage) -> None:
    transformed = transform(storage, manifest_of(storage, a_csv="id,email\n1,a@b.c\n"))
    assert {storage.kms_key_of(file.key) for file in transformed.files} == {storage.kms_key_arn}


def test_a_rerun_reads_the_pinned_versions_and_writes_the_same_bytes(storage: S3Storage) -> None:
    manifest = manifest_of(storage, a_csv="id,email\n1,a@b.c\n")
    first = transform(storage, manifest)
    storage.client.put_object(Bucket="inbound", Key="inbound/shop/a.csv", Body=b"id,email\n9,x\n")
    second = transform(storage, manifest, "00000000-1")
    assert second.prefix != first.prefix
    etags = [
        storage.client.head_object(Bucket="transformed", Key=file.key)["ETag"]
        for file in (*first.files, *second.files)
    ]
    assert etags[0] == etags[1]


def test_a_pinned_version_that_is_gone_is_named(storage: S3Storage) -> None:
    manifest = manifest_of(storage, a_csv="id,email\n1,a@b.c\n")
    (file,) = manifest.files
    storage.client.delete_object(Bucket="inbound", Key=file.key, VersionId=file.version_id)
    with pytest.raises(ObjectGoneError, match=r"inbound/shop/a\.csv"):
        transform(storage, manifest)


def test_files_of_two_kinds_are_no_batch(storage: S3Storage) -> None:
    manifest = manifest_of(storage, a_csv="id,email\n", b_jsonl="{}\n")
    with pytest.raises(MixedFormatsError, match=r"csv: .*a\.csv; jsonl: .*b\.jsonl"):
        transform(storage, manifest)


def test_no_scratch_file_is_left_whatever_happens(
    storage: S3Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    transform(storage, manifest_of(storage, a_csv="id,email\n1,a@b.c\n"))
    broken = manifest_of(storage, a_csv="id,email\n1,a@b.c,too,many\n")
    with pytest.raises(ValueError, match=r"a\.csv"):
        transform(storage, broken)
    assert list(tmp_path.iterdir()) == []
