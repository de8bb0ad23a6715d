"""What `inbound_files` finds in a batch, and what it puts aside."""

import json
from pathlib import Path

import pytest

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.inbound.assets import (
    batch_metadata,
    check_batch,
    inspect_batch,
    quarantine,
    summary_of,
)
from cleanroom_pipeline.model import Manifest
from cleanroom_pipeline.recipe import parse_recipe
from cleanroom_pipeline.recipe.files import FileFormat, FileReadError, SchemaMismatchError
from cleanroom_pipeline.records import InboundSummary, read_inbound_summary, write_inbound_summary

LOWER = parse_recipe(
    json.dumps([{"Action": {"Operation": "LOWER_CASE", "Parameters": {"sourceColumn": "email"}}}]),
    name="recipe.json",
)

BATCH = "20261124T031500Z-3f9a1c2b"


def manifest_of(storage: S3Storage, **bodies: bytes) -> Manifest:
    for name, body in bodies.items():
        storage.client.put_object(Bucket="inbound", Key=f"inbound/shop/{name}", Body=body)
    files = storage.list_inbound_page("inbound/shop/").objects
    return Manifest("shop", BATCH, "inbound", "0" * 64, files, "quiet_period", "test")


def test_bad_rows_of_a_batch_are_put_aside_encrypted_and_counted(
    storage: S3Storage, tmp_path: Path
) -> None:
    manifest = manifest_of(storage, a=b"a,b\n1,2\nSECRET\n", b=b"a,b\n3,4\n", c=b"a,b\nSECRET\n")
    file_format = FileFormat(max_bad_rows=2)
    summaries = inspect_batch(storage, manifest, file_format, tmp_path)
    columns = check_batch(file_format, summaries, None)
    quarantine(storage, manifest, tmp_path)
    prefix = f"quarantine/shop/{manifest.batch_id}/"
    kept = storage.list_transformed(prefix)
    assert [file.key for file in kept] == [f"{prefix}0.jsonl", f"{prefix}2.jsonl"]
    assert {storage.kms_key_of(file.key) for file in kept} == {storage.kms_key_arn}
    summary = summary_of(columns, summaries.values())
    assert (summary.rows, summary.bad_rows) == (2, 2)
    metadata = batch_metadata(storage, manifest, columns, summary)
    assert metadata["bad_rows"].value == 2
    assert metadata["quarantine"].value == f"s3://transformed/{prefix}"
    assert "SECRET" not in str(metadata)


def test_the_limit_is_that_of_the_batch(storage: S3Storage, tmp_path: Path) -> None:
    manifest = manifest_of(storage, a=b"a,b\n1,2\nSECRET\n", b=b"a,b\nSECRET\nSECRET\n")
    file_format = FileFormat(max_bad_rows=2)
    summaries = inspect_batch(storage, manifest, file_format, tmp_path)
    with pytest.raises(FileReadError, match=r"shop/a, line 3: .*first of 3 bad rows.*allows 2"):
        check_batch(file_format, summaries, None)


@pytest.mark.parametrize(
    ("bodies", "kind", "plain", "uniform"),
    [
        ({"a": b"a,b\n1,2\n", "b": b"a,b\n1,2\n"}, "csv", True, True),
        ({"a": b"a,b\n1,2\n", "b": b"b,a\n1,2\n"}, "csv", True, False),
        ({"a": b"a,b\n1,2\n", "b": b"\xef\xbb\xbfa,b\n1,2\n"}, "csv", False, True),
        ({"a": b'{"a":1}\n', "b": b'{"a":1,"b":2}\n'}, "jsonl", True, True),
        ({"a": b'{"a":1}\n', "b": b'[{"a":1}]'}, "json", True, True),
    ],
)
def test_the_summary_says_what_another_reader_must_know(
    storage: S3Storage,
    tmp_path: Path,
    bodies: dict[str, bytes],
    kind: str,
    *,
    plain: bool,
    uniform: bool,
) -> None:
    manifest = manifest_of(storage, **bodies)
    file_format = FileFormat(kind="csv" if kind == "csv" else "json")
    summaries = inspect_batch(storage, manifest, file_format, tmp_path)
    summary = summary_of(check_batch(file_format, summaries, None), summaries.values())
    assert (summary.kind, summary.plain, summary.uniform) == (kind, plain, uniform)
    write_inbound_summary(storage, "shop", manifest.batch_id, summary)
    assert read_inbound_summary(storage, "shop", manifest.batch_id) == summary


def test_a_record_of_an_earlier_release_is_read() -> None:
    old = {"version": 1, "kind": "csv", "columns": ["a"], "rows": 3}
    assert InboundSummary.from_json(old) == InboundSummary("csv", ("a",), 3)


def test_a_record_that_stands_for_a_header_is_told_of_and_not_quoted(
    storage: S3Storage, tmp_path: Path
) -> None:
    manifest = manifest_of(storage, a=b"7,e-mail@example.com\n8,x@y.z\n")
    summaries = inspect_batch(storage, manifest, FileFormat(), tmp_path)
    with pytest.raises(SchemaMismatchError, match=r"hold 2 columns.*step 1.*header") as caught:
        check_batch(FileFormat(), summaries, LOWER)
    assert "example" not in str(caught.value)
    assert check_batch(FileFormat(header=False), summaries, None)
