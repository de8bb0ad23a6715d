"""What a stop and a second start of everything leave as it was."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from cleanroom_pipeline.catalog.reader import read_table
from cleanroom_pipeline.demo.deliveries import push_customers
from cleanroom_pipeline.model import BatchState
from cleanroom_pipeline_tests.e2e.conftest import Running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PUSH = "bigquery_customers"


def published_rows(running: Running) -> int:
    table = running.resources.glue.get_table("marketing", "customers")
    rows: int = read_table(table, running.resources.storage.session).num_rows
    return rows


def push(running: Running, export: str) -> None:
    storage = running.resources.storage
    push_customers(storage.client, storage.inbound_bucket, export, count=200, seed=5)


def test_a_second_start_finds_tables_batches_and_runs_and_goes_on(
    start: Callable[[], Any],
) -> None:
    with start() as running:
        push(running, "export-1")
        batch = running.batch_in(PUSH, BatchState.PUBLISHED, known=set())
        running.message_about(batch.batch_id, "published")
        rows = published_rows(running)
        # This one arrives, and nothing has looked at it when everything stops.
        push(running, "export-2")
    with start() as running:
        assert running.ledger.batch(PUSH, batch.batch_id).state is BatchState.PUBLISHED
        assert published_rows(running) == rows
        runs = running.instance.get_runs(dg.RunsFilter(job_name=f"{PUSH}__batch_job"))
        assert batch.batch_id in {run.tags["dagster/partition"] for run in runs}
        second = running.batch_in(PUSH, BatchState.PUBLISHED, known={batch.batch_id})
        running.message_about(second.batch_id, "published")
        assert published_rows(running) == rows
