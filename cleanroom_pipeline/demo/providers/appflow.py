"""Click events as Amazon AppFlow delivers them, and what it then says of the execution.

Here: one execution's objects, and its record. Not here: the events (`demo.click_events`), the key's
form (`local_aws.appflow_delivery`), a flow that runs (`local_aws`).

The record has the members of DescribeFlowExecutionRecords that tell of a pull:
https://docs.aws.amazon.com/appflow/1.0/APIReference/API_ExecutionRecord.html. An execution that
finds nothing is Successful, and writes no object. Names of files carry no ending.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cleanroom_pipeline.demo.click_events import click_events
from cleanroom_pipeline.demo.providers.layout import (
    Delivered,
    Row,
    chances,
    json_lines,
    shares,
    uuid4,
)
from cleanroom_pipeline.local_aws.appflow_delivery import object_key


def deliver_appflow(
    prefix: str,
    *,
    flow: str,
    execution_id: str,
    count: int,
    seed: int,
    now: datetime,
    files: int = 1,
) -> tuple[Delivered, ...]:
    """Return the objects of one execution that ended at `now`, under `<prefix><flow>/<id>/`."""
    events: list[Row] = [{**event} for event in click_events(count, seed=seed)]
    key = object_key(_definition(prefix, flow), execution_id, now.timestamp())
    return tuple(
        Delivered(key if files == 1 else f"{key}-{number}", json_lines(share))
        for number, share in enumerate(shares(events, files))
        if share
    )


def appflow_execution_id(flow: str, *, seed: int, now: datetime) -> str:
    """Return a made-up id for the execution of a flow at that time."""
    return uuid4(chances(f"appflow {flow} {now:%Y%m%d%H%M%S}", seed))


def execution_record(
    delivered: Sequence[Delivered], *, execution_id: str, now: datetime
) -> dict[str, Any]:
    """Return the record of an execution that delivered these objects and ended at `now`."""
    size = sum(len(file.body) for file in delivered)
    return {
        "executionId": execution_id,
        "executionStatus": "Successful",
        "executionResult": {
            "bytesProcessed": size,
            "bytesWritten": size,
            "recordsProcessed": sum(file.body.count(b"\n") for file in delivered),
        },
        "startedAt": now.astimezone(UTC) - timedelta(minutes=1),
        "lastUpdatedAt": now.astimezone(UTC),
    }


def _definition(prefix: str, flow: str) -> dict[str, Any]:
    s3 = {
        "bucketPrefix": prefix,
        "s3OutputFormatConfig": {"prefixConfig": {"pathPrefixHierarchy": ["EXECUTION_ID"]}},
    }
    return {
        "flowName": flow,
        "destinationFlowConfigList": [{"destinationConnectorProperties": {"S3": s3}}],
    }
