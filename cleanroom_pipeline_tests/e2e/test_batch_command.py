"""`cleanroom batch` on the local AWS: what a person sees of a delivery, and does about it.

The tests of this module build on one another, in order, as a delivery that goes wrong does.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cleanroom_pipeline.demo.deliveries import push_customers
from cleanroom_pipeline.model import BatchState
from cleanroom_pipeline_tests.e2e.conftest import PROJECT, Running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PUSH = "bigquery_customers"
PREFIX = f"inbound/{PUSH}/"


@pytest.fixture(scope="module")
def running(start: Callable[[], Any]) -> Iterator[Running]:
    with start() as pipeline:
        yield pipeline


def command(running: Running, *arguments: str) -> subprocess.CompletedProcess[str]:
    cleanroom = Path(sys.executable).with_name("cleanroom")
    return subprocess.run(
        [str(cleanroom), "batch", *arguments],
        cwd=PROJECT,
        env=running.pipeline.child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def told(running: Running, *arguments: str) -> dict[str, Any]:
    done = command(running, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def put(running: Running, name: str, body: bytes) -> str:
    storage = running.resources.storage
    answer = storage.client.put_object(Bucket=storage.inbound_bucket, Key=PREFIX + name, Body=body)
    version: str = answer["VersionId"]
    return version


def failed(running: Running) -> list[str]:
    batches = running.ledger.batches(PUSH)
    return [batch.batch_id for batch in batches if batch.state is BatchState.FAILED]


def test_a_published_batch_is_listed_and_shown(running: Running) -> None:
    storage = running.resources.storage
    keys = push_customers(storage.client, storage.inbound_bucket, "export-1", count=60, seed=7)
    batch = running.batch_in(PUSH, BatchState.PUBLISHED, known=set())
    listed = told(running, "list", PUSH)
    assert [(one["batch_id"], one["state"]) for one in listed["batches"]] == [
        (batch.batch_id, "published")
    ]
    assert listed["open"]["objects"] == 0
    shown = told(running, "show", PUSH, batch.batch_id)
    assert [file["key"] for file in shown["first_files"]] == sorted(keys)
    assert "Nothing changed from" in shown["whole_because"]


def test_a_batch_whose_file_has_vanished_fails_and_names_it(running: Running) -> None:
    storage = running.resources.storage
    good = push_customers(storage.client, storage.inbound_bucket, "export-2", count=60, seed=8)
    put(running, "export-2/broken.csv", b"customer_id,mail\n1,x\n")
    running.wait_for("failed batch", lambda: failed(running))
    (batch_id,) = failed(running)
    found = storage.head_inbound(PREFIX + "export-2/broken.csv")
    storage.client.delete_object(
        Bucket=storage.inbound_bucket, Key=found.key, VersionId=found.version_id
    )
    assert told(running, "rerun", PUSH, batch_id)["attempt"] == 2
    message = running.message_about(batch_id, "failed", holding="that are gone")["Message"]
    assert f"{PREFIX}export-2/broken.csv" in message
    assert not any(key in message for key in good)
    running.wait_for("failed batch", lambda: failed(running))


def test_what_is_left_of_it_is_cut_again_by_a_person_and_published(running: Running) -> None:
    (batch_id,) = failed(running)
    again = told(running, "cut", PUSH, "--again", batch_id, "--reason", "broken.csv was deleted")
    assert again["recut_of"] == batch_id
    assert again["file_count"] == 3
    running.wait_for(
        "published remainder",
        lambda: running.ledger.batch(PUSH, again["batch_id"]).state is BatchState.PUBLISHED,
    )
    assert told(running, "show", PUSH, batch_id)["state"] == "replaced"


def test_what_cannot_be_done_is_said_and_is_an_error(running: Running) -> None:
    nothing = command(running, "cut", PUSH, "--reason", "no")
    assert nothing.returncode == 1
    assert "no object that is in no batch yet" in nothing.stderr
    unknown = command(running, "list", "shop")
    assert unknown.returncode == 2
    assert "there are bigquery_customers, sfmc_click_events" in unknown.stderr
    no_batch = command(running, "show", PUSH, "20261124T120000Z-00000000")
    assert no_batch.returncode == 2
    assert "has no batch" in no_batch.stderr
