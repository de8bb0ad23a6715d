"""What DataBrew is given of a batch: the files as they are, or Parquet that our reader made."""

import gzip
import io
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.model import Engine, Manifest
from cleanroom_pipeline.recipe import parse_recipe
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.records import FormatChoice, InboundSummary
from cleanroom_pipeline.transform.assets import TransformSettings, build_transformed_table_asset
from cleanroom_pipeline.transform.databrew import DataBrewSettings, stage_batch

RECIPE = '[{"Action":{"Operation":"LOWER_CASE","Parameters":{"sourceColumn":"a"}}}]'
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
    prefix, told = stage_batch(storage, manifest, file_format, summary)
    assert staged_bodies(storage, prefix) == {staged: body}
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
    prefix, told = stage_batch(storage, manifest, file_format, summary)
    ((name, content),) = staged_bodies(storage, prefix).items()
    assert name == "part-00000.parquet"
    assert pq.read_table(io.BytesIO(content)).to_pylist() == [{"a": "é", "b": "2"}]
    assert told == FileFormat(kind="parquet")
    assert storage.kms_key_of(prefix + name) == storage.kms_key_arn


def test_the_format_reaches_the_op_with_the_kind_that_was_found() -> None:
    settings = DataBrewSettings(
        connector="shop", recipe="[]", format={"kind": "csv", "quote": "'", "sheet": None}
    )
    found = settings.file_format(InboundSummary("jsonl", ("a",), 1))
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
            max_capacity=2,
            timeout_minutes=1,
        ),
        Engine.DATABREW,
        dg.DynamicPartitionsDefinition(name="shop__batches"),
    )
    resources = dict.fromkeys(
        ("storage", "databrew", "ledger"), dg.ResourceDefinition.none_resource()
    )
    definitions = dg.Definitions(
        assets=[asset], jobs=[dg.define_asset_job("job", [asset])], resources=resources
    )
    config: Any = dg.validate_run_config(definitions.resolve_job_def("job"))
    start = config["ops"]["shop__transformed_table.start_databrew_run"]
    told = DataBrewSettings(**start["config"])
    assert told.file_format(InboundSummary("csv", ("a",), 1)) == said
