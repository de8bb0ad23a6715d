import csv
import gzip
import io
import json
import re
import threading
from typing import Any

import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from cleanroom_pipeline.local_aws.clients import Clients, error_code
from cleanroom_pipeline_tests.local_aws.brewery import JOB, Brewery
from cleanroom_pipeline_tests.local_aws.conftest import NOON, REGION, HeldEngine

NO_SUCH_COLUMN = [{"Action": {"Operation": "LOWER_CASE", "Parameters": {"sourceColumn": "phone"}}}]


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return error_code(caught.value)


def test_a_run_transforms_the_dataset_into_encrypted_parquet(brewery: Brewery) -> None:
    brewery.put("staging/one/b.csv", b"email,visits\nC@EXAMPLE.COM,3\n")
    brewery.job()
    run = brewery.run()
    assert (run["State"], run.get("ErrorMessage")) == ("SUCCEEDED", None)
    (key,) = brewery.keys()
    assert re.fullmatch(
        r"data/people/nightly_15Jan2027_(\d{13})/"
        r"nightly_15Jan2027_\1_part00000\.parquet\.(snappy|zstd)",
        key,
    )
    table = pq.read_table(io.BytesIO(brewery.body(key)))
    assert sorted(map(str, table["email"].to_pylist())) == [
        "a@example.com",
        "b@example.com",
        "c@example.com",
    ]
    head = brewery.s3.head_object(Bucket="cleanroom-transformed", Key=key)
    assert head["ServerSideEncryption"] == "aws:kms"
    assert head["SSEKMSKeyId"] == brewery.key_arn


@pytest.mark.parametrize("mode", ["SSE-S3", "SSE-KMS"])
def test_an_output_is_encrypted_as_the_job_says_not_as_the_bucket_does(
    brewery: Brewery, clients: Clients, mode: str
) -> None:
    own_key = clients.get("kms", REGION).create_key()["KeyMetadata"]["Arn"]
    key_arn = own_key if mode == "SSE-KMS" else None
    brewery.job(EncryptionMode=mode, EncryptionKeyArn=key_arn)
    assert brewery.run()["State"] == "SUCCEEDED"
    (key,) = brewery.keys()
    head = brewery.s3.head_object(Bucket="cleanroom-transformed", Key=key)
    algorithm = {"SSE-S3": "AES256", "SSE-KMS": "aws:kms"}[mode]
    assert (head["ServerSideEncryption"], head.get("SSEKMSKeyId")) == (algorithm, key_arn)


def test_a_run_goes_through_its_states_by_the_clock(brewery: Brewery) -> None:
    brewery.job()
    run_id = brewery.start()
    assert re.fullmatch(r"db_[0-9a-f]{64}", run_id)
    assert brewery.describe(run_id)["State"] == "STARTING"
    brewery.aws.advance(0.5)
    running = brewery.describe(run_id)
    assert running["State"] == "RUNNING"
    assert "CompletedOn" not in running
    brewery.aws.advance(0.5)
    done = brewery.describe(run_id)
    assert done["State"] == "SUCCEEDED"
    assert done["StartedOn"].timestamp() == NOON
    assert done["CompletedOn"].timestamp() == NOON + 1
    assert done["DatasetName"] == "people"
    assert done["RecipeReference"] == {"Name": "people", "RecipeVersion": "1.0"}


def emails(key: str, body: bytes) -> list[str]:
    """The e-mail column of a text file, by the format that its name tells."""
    text = (gzip.decompress(body) if key.endswith(".gz") else body).decode()
    if ".json" in key:
        return [json.loads(line)["email"] for line in text.splitlines()]
    return [row["email"] for row in csv.DictReader(io.StringIO(text))]


@pytest.mark.parametrize(
    ("kind", "settings", "extension"),
    [
        ("CSV", {}, ".csv"),
        ("CSV", {"CompressionFormat": "GZIP"}, ".csv.gz"),
        ("JSON", {}, ".json"),
    ],
)
def test_text_outputs_have_the_names_and_the_bytes_of_their_format(
    brewery: Brewery, kind: str, settings: dict[str, Any], extension: str
) -> None:
    brewery.job(Outputs=[brewery.output(kind, **settings)])
    assert brewery.run()["State"] == "SUCCEEDED"
    (key,) = brewery.keys()
    assert key.endswith(f"_part00000{extension}")
    assert emails(key, brewery.body(key)) == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize(
    ("kind", "options", "body"),
    [
        ("CSV", {"Csv": {"Delimiter": "|", "HeaderRow": True}}, b"email|visits\nA@EXAMPLE.COM|1\n"),
        ("JSON", {"Json": {"MultiLine": False}}, b'{"email": "A@EXAMPLE.COM", "visits": 1}\n'),
    ],
)
def test_a_dataset_is_read_in_its_format(
    brewery: Brewery, kind: str, options: dict[str, Any], body: bytes
) -> None:
    brewery.put(f"staging/two/x.{'csv' if kind == 'CSV' else 'json'}", body)
    brewery.dataset(kind, options, "staging/two/")
    brewery.job(Outputs=[brewery.output("CSV")])
    run = brewery.run()
    assert run.get("ErrorMessage") is None
    (key,) = brewery.keys()
    assert emails(key, brewery.body(key)) == ["a@example.com"]


def test_parquet_is_read_back_and_a_key_without_slash_is_one_file(brewery: Brewery) -> None:
    brewery.job()
    brewery.run()
    (written,) = brewery.keys()
    brewery.put("staging/three/x.parquet", brewery.body(written))
    brewery.put("staging/three/x.parquet.other", b"no parquet")
    brewery.dataset("PARQUET", {}, "staging/three/x.parquet")
    assert brewery.run()["State"] == "SUCCEEDED"
    assert len(brewery.keys()) == 2


def test_overwrite_leaves_the_newest_parts_alone_under_the_prefix(brewery: Brewery) -> None:
    brewery.job(Outputs=[brewery.output("CSV", Overwrite=True)])
    stale = "data/people/nightly_part00007.csv"
    brewery.s3.put_object(Bucket="cleanroom-transformed", Key=stale, Body=b"old")
    other = "data/people/other_part00000.csv"
    brewery.s3.put_object(Bucket="cleanroom-transformed", Key=other, Body=b"old")
    assert brewery.run()["State"] == "SUCCEEDED"
    assert brewery.keys() == ["data/people/nightly_part00000.csv", other]


def test_a_data_catalog_output_makes_the_table_then_updates_it(brewery: Brewery) -> None:
    location = {"Bucket": "cleanroom-transformed", "Key": "tables/people/"}
    table = {"DatabaseName": "marketing", "TableName": "people"}
    brewery.job(Outputs=None, DataCatalogOutputs=[{**table, "S3Options": {"Location": location}}])
    assert brewery.run().get("ErrorMessage") is None
    first = brewery.glue.get_table(DatabaseName="marketing", Name="people")["Table"]
    names = [column["Name"] for column in first["StorageDescriptor"]["Columns"]]
    assert names == ["email", "visits"]
    assert first["StorageDescriptor"]["Location"] == "s3://cleanroom-transformed/tables/people/"
    keys = brewery.keys()
    assert first["Parameters"]["classification"] == "parquet"
    assert all(k.startswith("tables/people/nightly_") for k in keys)
    assert brewery.run()["State"] == "SUCCEEDED"
    second = brewery.glue.get_table(DatabaseName="marketing", Name="people")["Table"]
    assert int(second["VersionId"]) > int(first["VersionId"])


def test_a_recipe_s_secret_is_read_when_the_run_needs_it(brewery: Brewery) -> None:
    hashed = {
        "Action": {
            "Operation": "CRYPTOGRAPHIC_HASH",
            "Parameters": {
                "sourceColumns": '["email"]',
                "secretId": "cleanroom/hmac-key",
            },
        }
    }
    brewery.recipe([hashed])
    brewery.job(
        RecipeReference={"Name": "people", "RecipeVersion": "2.0"},
        Outputs=[brewery.output("CSV")],
    )
    assert brewery.run().get("ErrorMessage") is None
    (key,) = brewery.keys()
    assert b"EXAMPLE" not in brewery.body(key)


def test_an_error_of_the_engine_fails_the_run_with_its_message(brewery: Brewery) -> None:
    brewery.recipe(NO_SUCH_COLUMN)
    brewery.job(RecipeReference={"Name": "people", "RecipeVersion": "2.0"})
    run = brewery.run()
    assert run["State"] == "FAILED"
    assert "phone" in run["ErrorMessage"]
    assert brewery.keys() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Outputs": [Brewery.output("AVRO")]}, "AVRO"),
        ({"Outputs": [Brewery.output("CSV", CompressionFormat="BZIP2")]}, "BZIP2"),
        ({"Outputs": [Brewery.output("CSV", PartitionColumns=["email"])]}, "partitions"),
    ],
)
def test_what_can_t_be_done_fails_the_run_and_says_so(
    brewery: Brewery, change: dict[str, Any], message: str
) -> None:
    brewery.job(**change)
    run = brewery.run()
    assert run["State"] == "FAILED"
    assert message in run["ErrorMessage"]


def test_a_dataset_without_files_fails_the_run(brewery: Brewery) -> None:
    brewery.dataset("CSV", {}, "nowhere/")
    brewery.job()
    assert "nowhere/" in brewery.run()["ErrorMessage"]


def test_a_job_runs_once_at_a_time(brewery: Brewery) -> None:
    brewery.job()
    run_id = brewery.start()
    with pytest.raises(ClientError) as caught:
        brewery.start()
    assert code_of(caught) == "ConflictException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    with pytest.raises(ClientError) as caught:
        brewery.databrew.delete_job(Name=JOB)
    assert code_of(caught) == "ConflictException"
    brewery.aws.advance(60)
    assert brewery.describe(run_id)["State"] == "SUCCEEDED"
    brewery.start()


def test_a_stopped_run_writes_nothing(brewery: Brewery) -> None:
    brewery.job()
    run_id = brewery.start()
    assert brewery.databrew.stop_job_run(Name=JOB, RunId=run_id)["RunId"] == run_id
    assert brewery.describe(run_id)["State"] == "STOPPING"
    brewery.aws.advance(60)
    assert brewery.describe(run_id)["State"] == "STOPPED"
    assert brewery.keys() == []
    with pytest.raises(ClientError, match="STOPPED") as caught:
        brewery.databrew.stop_job_run(Name=JOB, RunId=run_id)
    assert code_of(caught) == "ValidationException"


def test_a_run_is_running_while_the_engine_works(brewery: Brewery, engine: HeldEngine) -> None:
    brewery.job()
    run_id = brewery.start()
    brewery.aws.advance(3600, wait=False)
    assert engine.begun.wait(30)
    assert brewery.describe(run_id)["State"] == "RUNNING"
    engine.go_on()
    brewery.aws.advance(0)
    assert brewery.describe(run_id)["State"] == "SUCCEEDED"


def test_a_run_stopped_while_the_engine_works_writes_nothing(
    brewery: Brewery, engine: HeldEngine
) -> None:
    brewery.job()
    run_id = brewery.start()
    brewery.aws.advance(1, wait=False)
    assert engine.begun.wait(30)
    brewery.databrew.stop_job_run(Name=JOB, RunId=run_id)
    brewery.aws.advance(60, wait=False)
    assert brewery.describe(run_id)["State"] == "STOPPING"
    engine.go_on()
    brewery.aws.advance(0)
    assert brewery.describe(run_id)["State"] == "STOPPED"
    assert brewery.keys() == []


def test_a_run_goes_on_after_a_restart(brewery: Brewery, engine: HeldEngine) -> None:
    brewery.job()
    run_id = brewery.start()
    brewery.aws.advance(1, wait=False)
    assert engine.begun.wait(30)
    frozen = brewery.aws.freeze()
    engine.go_on()
    brewery.aws.advance(0)
    brewery.databrew.delete_job(Name=JOB)
    brewery.aws.thaw(frozen)
    assert brewery.describe(run_id)["State"] == "RUNNING"
    brewery.aws.advance(60)
    assert brewery.describe(run_id)["State"] == "SUCCEEDED"
    assert len(brewery.keys()) == 1


def test_a_reset_drops_the_run_under_way(brewery: Brewery, engine: HeldEngine) -> None:
    brewery.job()
    brewery.start()
    brewery.aws.advance(1, wait=False)
    assert engine.begun.wait(30)
    reset = threading.Thread(target=brewery.aws.reset)
    reset.start()
    engine.go_on()
    reset.join()
    assert brewery.s3.list_buckets()["Buckets"] == []
    assert brewery.databrew.list_jobs()["Jobs"] == []


@pytest.mark.parametrize("state", ["FAILED", "TIMEOUT", "STOPPED"])
def test_a_scripted_end_comes_once_with_its_message(brewery: Brewery, state: str) -> None:
    brewery.job()
    brewery.script(state=state, message="as told", times=1)
    run = brewery.run()
    assert (run["State"], run["ErrorMessage"]) == (state, "as told")
    assert brewery.keys() == []
    assert brewery.run()["State"] == "SUCCEEDED"


def test_a_run_that_hangs_meets_the_job_s_timeout(brewery: Brewery) -> None:
    brewery.job(Timeout=10)
    brewery.script(state="RUNNING")
    run = brewery.run()
    assert run["State"] == "RUNNING"
    brewery.aws.advance(600)
    run = brewery.describe(run["RunId"])
    assert run["State"] == "TIMEOUT"
    assert "10 minutes" in run["ErrorMessage"]


@pytest.mark.parametrize(("dataset", "state"), [("names", "SUCCEEDED"), ("nobodies", "FAILED")])
def test_a_recipe_joins_a_second_dataset_by_its_name(
    brewery: Brewery, dataset: str, state: str
) -> None:
    brewery.put("reference/names.csv", b"mail,name\nb@example.com,Bob\n")
    brewery.databrew.create_dataset(
        Name="names",
        Format="CSV",
        Input={"S3InputDefinition": {"Bucket": "cleanroom-inbound", "Key": "reference/"}},
    )
    parameters = {
        "joinKeys": '[{"key":"email","value":"mail"}]',
        "joinType": "LEFT_JOIN",
        "rightColumns": '["name"]',
        "secondaryDatasetName": dataset,
    }
    brewery.recipe([{"Action": {"Operation": "JOIN", "Parameters": parameters}}])
    recipe = {"Name": "people", "RecipeVersion": "2.0"}
    brewery.job(Outputs=[brewery.output("CSV")], RecipeReference=recipe)
    run = brewery.run()
    assert run["State"] == state
    if state == "FAILED":
        assert "There is no second dataset 'nobodies'." in run["ErrorMessage"]
        return
    (key,) = brewery.keys()
    rows = list(csv.DictReader(io.StringIO(brewery.body(key).decode())))
    assert [row["name"] for row in rows] == ["", "Bob"]
