"""What DataBrew is given of a batch: the files as they are, or Parquet that our reader made."""

import gzip
import io
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.model import Arrival, Engine, Manifest
from cleanroom_pipeline.recipe import parse_recipe
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.records import FormatChoice, InboundSummary
from cleanroom_pipeline.transform.assets import TransformSettings, build_transformed_table_asset
from cleanroom_pipeline.transform.databrew import DataBrewSettings
from cleanroom_pipeline.transform.databrew_cost import CostRule
from cleanroom_pipeline.transform.staging import StagingError, stage_batch

RECIPE = '[{"Action":{"Operation":"LOWER_CASE","Parameters":{"sourceColumn":"a"}}}]'
RESOURCES = (
    "storage",
    "databrew",
    "databrew_events",
    "ledger",
    "secrets",
    "message_encryption",
)
PREFIX = "staging/shop/20261124T031500Z-3f9a1c2b/"
BATCH = "20261124T031500Z-3f9a1c2b"


def manifest_of(storage: S3Storage, bodies: dict[str, bytes]) -> Manifest:
    for name, body in bodies.items():
        storage.client.put_object(Bucket="inbound", Key=f"inbound/shop/{name}", Body=body)
    files = storage.list_inbound_page("inbound/shop/").objects
    return Manifest("shop", BATCH, "inbound", "0" * 64, files, "quiet_period", "test")


def staged_bodies(storage: S3Storage, prefix: str) -> dict[str, bytes]:
    return {
        file.key.removeprefix(prefix): storage.client.get_object(
            Bucket="transformed", Key=file.key
        )["Body"].read()
        for file in storage.list_transformed(prefix)
    }


@pytest.mark.parametrize(
    ("name", "body", "file_format", "staged"),
    [
        ("a.csv", b"a\n1\n", FileFormat(), "000000.csv"),
        ("a.csv.gz", gzip.compress(b"a\n1\n", mtime=0), FileFormat(delimiter=";"), "000000.csv.gz"),
        ("a.json", b'{"a":1}\n', FileFormat(kind="jsonl"), "000000.jsonl"),
    ],
)
def test_what_databrew_reads_as_we_do_is_copied_as_it_is(
    storage: S3Storage, name: str, body: bytes, file_format: FileFormat, staged: str
) -> None:
    summary = InboundSummary(file_format.kind, ("a",), 1)
    manifest = manifest_of(storage, {name: body})
    told = stage_batch(storage, manifest, file_format, summary, PREFIX)
    assert staged_bodies(storage, PREFIX) == {staged: body}
    assert told == file_format


@pytest.mark.parametrize(
    ("body", "file_format", "found"),
    [
        ("a,b\né,2\n".encode("utf-16"), FileFormat(encoding="utf-16"), {"plain": False}),
        ("a,b\né,'2'\n".encode(), FileFormat(quote="'"), {}),
        ("a,b\né,2\nbad\n".encode(), FileFormat(max_bad_rows=1), {"bad_rows": 1}),
        ('[{"a":"é","b":2}]'.encode(), FileFormat(kind="json"), {}),
        ("b,a\n2,é\n".encode(), FileFormat(), {"uniform": False}),
    ],
)
def test_everything_else_is_converted_to_parquet(
    storage: S3Storage, body: bytes, file_format: FileFormat, found: dict[str, Any]
) -> None:
    summary = InboundSummary(file_format.kind, ("a", "b"), 1, **found)
    manifest = manifest_of(storage, {"a": body})
    told = stage_batch(storage, manifest, file_format, summary, PREFIX)
    ((name, content),) = staged_bodies(storage, PREFIX).items()
    assert name == "part-00000.parquet"
    assert pq.read_table(io.BytesIO(content)).to_pylist() == [{"a": "é", "b": "2"}]
    assert told == FileFormat(kind="parquet")
    assert storage.kms_key_of(PREFIX + name) == storage.kms_key_arn


def test_the_format_reaches_the_op_with_the_kind_that_was_found() -> None:
    settings = DataBrewSettings(
        connector="shop", recipe="[]", format={"kind": "csv", "quote": "'", "sheet": None}
    )
    found = settings.file_format("jsonl")
    assert found == FileFormat(kind="jsonl", quote="'")


def test_every_setting_of_the_format_passes_through_the_configuration_of_the_ops() -> None:
    said = FileFormat(kind="csv", quote="'", escape=None, max_bad_rows=3)
    asset = build_transformed_table_asset(
        TransformSettings(
            connector="shop",
            recipe=parse_recipe(RECIPE, name="recipe.json"),
            recipe_text=RECIPE,
            format_choice=FormatChoice(said, by_name=True),
            description="",
            owners=(),
            databrew={"tags": {"team": "marketing"}, "max_cost": 2.5},
        ),
        Engine.DATABREW,
        dg.DynamicPartitionsDefinition(name="shop__batches"),
    )
    resources = dict.fromkeys(RESOURCES, dg.ResourceDefinition.none_resource())
    definitions = dg.Definitions(
        assets=[asset], jobs=[dg.define_asset_job("job", [asset])], resources=resources
    )
    config: Any = dg.validate_run_config(definitions.resolve_job_def("job"))
    start = config["ops"]["shop__transformed_table.start_databrew_run"]
    told = DataBrewSettings(**start["config"])
    assert told.file_format("csv") == said
    assert told.tags == {"team": "marketing"}
    assert told.cost_rule() == CostRule(5, 0.48, 2.5)


TWO = {"a.csv": b"a\n1\n", "b.csv": b"a\n22\n"}


def stage(storage: S3Storage) -> dict[str, bytes]:
    manifest = manifest_of(storage, TWO)
    stage_batch(storage, manifest, FileFormat(), InboundSummary("csv", ("a",), 2), PREFIX)
    return staged_bodies(storage, PREFIX)


@pytest.mark.parametrize(
    "left",
    [
        {"part-00000.parquet": b"of an attempt that converted"},
        {"000000.csv": b"of another size"},
        {"000002.csv": b"of a third file", "000000.csv": b"a\n1\n"},
    ],
)
def test_what_an_earlier_attempt_left_is_gone_before_the_start(
    storage: S3Storage, left: dict[str, bytes]
) -> None:
    for name, body in left.items():
        storage.client.put_object(Bucket="transformed", Key=PREFIX + name, Body=body)
    assert stage(storage) == {"000000.csv": b"a\n1\n", "000001.csv": b"a\n22\n"}


def test_what_an_attempt_staged_before_it_died_is_used(storage: S3Storage) -> None:
    first = stage(storage)
    versions = storage.client.list_object_versions(Bucket="transformed")["Versions"]
    storage.client.delete_object(Bucket="transformed", Key=PREFIX + "000001.csv")
    assert stage(storage) == first
    again = storage.client.list_object_versions(Bucket="transformed")["Versions"]
    assert len(again) == len(versions) + 1


def test_a_file_that_others_put_there_is_refused_before_the_start(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = S3Storage.copy_inbound

    def and_another(self: S3Storage, arrival: Arrival, key: str) -> None:
        copy(self, arrival, key)
        self.client.put_object(Bucket="transformed", Key=PREFIX + "other.csv", Body=b"a\n3\n")

    monkeypatch.setattr(S3Storage, "copy_inbound", and_another)
    with pytest.raises(StagingError, match=r"2 files were staged .* S3 lists 3 .*other\.csv"):
        stage(storage)
