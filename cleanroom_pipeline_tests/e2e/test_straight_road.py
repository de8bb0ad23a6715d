"""Both connectors, from their sources to their tables, through a real daemon on the local AWS.

The tests of this module build on one another, in order, as deliveries do.
"""

import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pytest

from cleanroom_pipeline.catalog.reader import read_table
from cleanroom_pipeline.demo.click_events import click_events
from cleanroom_pipeline.demo.customers import customers
from cleanroom_pipeline.demo.deliveries import fill_marketing_cloud, push_customers
from cleanroom_pipeline.demo.expired_token import leave_expired_token, refreshed_token
from cleanroom_pipeline.demo.walkthrough import PULL_JOB, SECRET, launch_pull
from cleanroom_pipeline.model import BatchState, Manifest, manifest_key
from cleanroom_pipeline.records import read_transformed
from cleanroom_pipeline_tests.e2e.conftest import PROJECT, Running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

PUSH, PULL = "bigquery_customers", "sfmc_click_events"
CUSTOMERS, CLICKS, SEED = 600, 400, 11


@pytest.fixture(scope="module")
def running(start: Callable[[], Any]) -> Iterator[Running]:
    with start() as pipeline:
        yield pipeline


@pytest.fixture(scope="module")
def pushed(running: Running) -> str:
    """The batch that three CSV shards became."""
    push(running, "export-1", "csv")
    return running.batch_in(PUSH, BatchState.PUBLISHED, known=set()).batch_id


@pytest.fixture(scope="module")
def refusal(running: Running) -> str:
    """What AppFlow says of the connector profile, whose token has expired."""
    endpoint = running.pipeline.environment["AWS_ENDPOINT_URL"]
    return leave_expired_token(running.resources, endpoint, PULL, SECRET)


@pytest.fixture(scope="module")
def pulled(running: Running, refusal: str) -> str:
    """The batch that a pull became; when it began, its token had expired."""
    fill_marketing_cloud(
        running.pipeline.environment["AWS_ENDPOINT_URL"], click_events(CLICKS, seed=SEED)
    )
    launch_pull(PROJECT, running.pipeline.child_environment())
    return running.batch_in(PULL, BatchState.PUBLISHED, known=set()).batch_id


def push(running: Running, export: str, kind: str) -> list[str]:
    storage = running.resources.storage
    return push_customers(
        storage.client, storage.inbound_bucket, export, kind=kind, count=CUSTOMERS, seed=SEED
    )


def glue_table(running: Running, table: str) -> dict[str, Any]:
    found: dict[str, Any] | None = running.resources.glue.get_table("marketing", table)
    assert found
    return found


def rows(running: Running, table: str) -> pa.Table:
    return read_table(glue_table(running, table), running.resources.storage.session)


def multiset(table: pa.Table) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row.items()) for row in table.to_pylist())


def objects_under(running: Running, prefix: str) -> dict[str, str]:
    storage = running.resources.storage
    return {
        file.key.removeprefix(prefix): storage.client.head_object(
            Bucket=storage.transformed_bucket, Key=file.key
        )["ETag"]
        for file in storage.list_transformed(prefix)
    }


def test_three_shards_become_one_batch_whose_manifest_pins_them(
    running: Running, pushed: str
) -> None:
    record = running.resources.storage.get_record(manifest_key(PUSH, pushed))
    manifest = Manifest.from_json(record)
    assert [Path(file.key).name for file in manifest.files] == [
        f"customers-{number:012d}.csv" for number in range(3)
    ]
    assert all(file.version_id != "null" for file in manifest.files)


@pytest.mark.parametrize(("connector", "table"), [(PUSH, "customers"), (PULL, "click_events")])
def test_the_table_is_one_that_clean_rooms_could_query(
    running: Running, pushed: str, pulled: str, connector: str, table: str
) -> None:
    batch_id = {PUSH: pushed, PULL: pulled}[connector]
    entry = glue_table(running, table)
    transformed = read_transformed(running.resources.storage, connector, batch_id)
    names = [column["Name"] for column in entry["StorageDescriptor"]["Columns"]]
    assert entry["TableType"] == "EXTERNAL_TABLE"
    assert entry["Parameters"]["cleanroom.batch_id"] == batch_id
    assert entry["StorageDescriptor"]["Location"] == transformed.location
    assert f"/{connector}/{batch_id}/" in transformed.location
    assert names == [name.lower() for name in names]
    found = rows(running, table)
    assert found.column_names == names
    assert found.num_rows == transformed.rows_out > 0


def test_a_pull_gets_a_new_token_where_the_last_one_has_expired(
    running: Running, refusal: str, pulled: str
) -> None:
    assert "refused the access token" in refusal
    assert "good for 1079 s" in refreshed_token(running.instance, PULL_JOB)


def test_every_object_of_a_table_is_encrypted_under_the_projects_key(
    running: Running, pushed: str, pulled: str
) -> None:
    storage = running.resources.storage
    for connector, batch_id in ((PUSH, pushed), (PULL, pulled)):
        transformed = read_transformed(storage, connector, batch_id)
        listed = {file.key for file in storage.list_transformed(transformed.prefix)}
        assert listed == {file.key for file in transformed.files}
        assert {storage.kms_key_of(key) for key in listed} == {storage.kms_key_arn}


def test_nobody_is_in_the_published_bytes(running: Running, pushed: str) -> None:
    storage = running.resources.storage
    transformed = read_transformed(storage, PUSH, pushed)
    published = b"".join(
        storage.client.get_object(Bucket=storage.transformed_bucket, Key=file.key)["Body"].read()
        for file in transformed.files
    )
    people = list(customers(CUSTOMERS, seed=SEED))
    for person in people:
        for value in (person.email, person.phone, person.customer_id):
            if value and len(value) > 5:
                assert value.encode() not in published


def test_the_two_tables_join_on_the_hashed_address(
    running: Running, pushed: str, pulled: str
) -> None:
    customer_rows, click_rows = rows(running, "customers"), rows(running, "click_events")
    with duckdb.connect() as connection:
        connection.register("customers", customer_rows)
        connection.register("clicks", click_rows)
        query = "SELECT count(*) FROM clicks JOIN customers ON subscriber_hash = email_hash"
        found = connection.execute(query).fetchone()
    assert found
    assert found[0] > CLICKS / 4


def test_people_are_told_of_each_batch_once(running: Running, pushed: str, pulled: str) -> None:
    for batch_id, table in ((pushed, "marketing.customers"), (pulled, "marketing.click_events")):
        message = running.message_about(batch_id, "published")
        assert table in message["Message"]
        assert len(message["Subject"]) <= 100


def test_assets_tell_counts_columns_and_where_each_column_comes_from(
    running: Running, pushed: str
) -> None:
    event = running.instance.get_latest_materialization_event(
        dg.AssetKey([PUSH, "transformed_table"])
    )
    assert event
    assert event.asset_materialization
    metadata = event.asset_materialization.metadata
    assert metadata["rows_in"].value == CUSTOMERS
    assert metadata["dagster/partition_row_count"].value == rows(running, "customers").num_rows
    lineage = metadata["dagster/column_lineage"].value
    assert isinstance(lineage, dg.TableColumnLineage)
    assert [d.column_name for d in lineage.deps_by_column["email_hash"]] == ["email"]
    schema = metadata["dagster/column_schema"].value
    assert isinstance(schema, dg.TableSchema)
    assert {column.name: column.description for column in schema.columns}["email_hash"] == (
        "From email."
    )


def test_a_shard_with_another_header_fails_the_batch_and_the_table_stays(
    running: Running, pushed: str
) -> None:
    known = {batch.batch_id for batch in running.ledger.batches(PUSH)}
    before = glue_table(running, "customers")["StorageDescriptor"]["Location"]
    storage = running.resources.storage
    for name, header in (("a.csv", "customer_id,email"), ("b.csv", "customer_id,mail")):
        storage.client.put_object(
            Bucket=storage.inbound_bucket,
            Key=f"inbound/{PUSH}/export-bad/{name}",
            Body=f"{header}\n1,jane.doe@example.com\n".encode(),
        )
    failed = running.batch_in(PUSH, BatchState.FAILED, known)
    message = running.message_about(failed.batch_id, "failed")["Message"]
    for part in ("a.csv", "b.csv", " mail VARCHAR", " email VARCHAR", "inbound_files"):
        assert part in message
    assert "jane" not in message
    assert glue_table(running, "customers")["StorageDescriptor"]["Location"] == before


def test_a_parquet_delivery_of_the_same_people_gives_the_same_table(
    running: Running, pushed: str
) -> None:
    known = {batch.batch_id for batch in running.ledger.batches(PUSH)}
    before = rows(running, "customers")
    push(running, "export-2", "parquet")
    batch = running.batch_in(PUSH, BatchState.PUBLISHED, known)
    entry = glue_table(running, "customers")
    assert entry["Parameters"]["cleanroom.batch_id"] == batch.batch_id
    after = rows(running, "customers")
    assert after.schema.equals(before.schema)
    assert multiset(after) == multiset(before)


def test_a_backfill_of_the_pull_gives_the_same_rows_and_starts_one_more_databrew_run(
    running: Running, pulled: str
) -> None:
    before = rows(running, "click_events")
    location = glue_table(running, "click_events")["StorageDescriptor"]["Location"]
    backfill(running, PULL, pulled)
    running.wait_for(
        "new location of click_events",
        lambda: glue_table(running, "click_events")["StorageDescriptor"]["Location"] != location,
    )
    assert multiset(rows(running, "click_events")) == multiset(before)
    runs = running.resources.databrew.runs(f"{PULL}-{pulled}")
    assert [run.state for run in runs] == ["SUCCEEDED", "SUCCEEDED"]


def test_a_backfill_of_a_push_gives_the_same_bytes(running: Running, pushed: str) -> None:
    storage = running.resources.storage
    first = read_transformed(storage, PUSH, pushed)
    bytes_before = objects_under(running, first.prefix)
    backfill(running, PUSH, pushed)
    again = running.wait_for(
        "second transformation",
        lambda: (
            found
            if (found := read_transformed(storage, PUSH, pushed)).prefix != first.prefix
            else None
        ),
    )
    assert objects_under(running, again.prefix) == bytes_before
    # An older batch that runs again leaves the newest one where readers see it.
    assert glue_table(running, "customers")["Parameters"]["cleanroom.batch_id"] > pushed


def backfill(running: Running, connector: str, batch_id: str) -> None:
    command = [str(Path(sys.executable).with_name("dagster")), "job", "backfill", "--noprompt"]
    subprocess.run(
        [
            *command,
            *("-w", "workspace.yaml", "-j", f"{connector}__batch_job", "--partitions", batch_id),
        ],
        cwd=PROJECT,
        env=running.pipeline.child_environment(),
        check=True,
        capture_output=True,
    )


def test_a_databrew_failure_fails_the_run_with_databrews_own_words(
    running: Running, pulled: str
) -> None:
    known = {batch.batch_id for batch in running.ledger.batches(PULL)}
    endpoint = running.pipeline.environment["AWS_ENDPOINT_URL"]
    outcome = {"state": "FAILED", "message": "Out of Spark", "times": 1}
    request = urllib.request.Request(
        f"{endpoint}/_local/databrew/outcomes/*", data=json.dumps(outcome).encode(), method="PUT"
    )
    urllib.request.urlopen(request, timeout=10).close()
    before = glue_table(running, "click_events")["StorageDescriptor"]["Location"]
    launch_pull(PROJECT, running.pipeline.child_environment())
    failed = running.batch_in(PULL, BatchState.FAILED, known)
    message = running.message_about(failed.batch_id, "failed")["Message"]
    assert "ended as FAILED" in message
    assert "Out of Spark" in message
    assert glue_table(running, "click_events")["StorageDescriptor"]["Location"] == before
