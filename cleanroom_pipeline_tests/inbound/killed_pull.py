"""A process that pulls through the local AWS's AppFlow, killed at one call after the other.

Run as `python -m cleanroom_pipeline_tests.inbound.killed_pull ENDPOINT STRIDE`. It forks a child
for every STRIDE-th call that a pull makes, which runs the pull's ops; what the child left undone,
another child does. A line of JSON tells what is there then.
"""

import json
import os
import sys
from functools import partial
from typing import Any

import dagster as dg

from cleanroom_pipeline.aws.appflow import AppFlow
from cleanroom_pipeline.aws.dynamodb import KeyedTable
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.inbound.appflow import PullSettings
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline_tests.e2e_in_process.chain import as_they_are
from cleanroom_pipeline_tests.inbound.killed_process import (
    MOST_BOUNDARIES,
    REGION,
    as_child,
    kill_at,
)
from cleanroom_pipeline_tests.inbound.pull_desk import SETTINGS, TICK, pull_graph

CALLS = (
    (KeyedTable, "write"),
    (AppFlow, "create"),
    (AppFlow, "start"),
    (AppFlow, "execution"),
)


def prepare(session: AwsSession) -> dict[str, Any]:
    """Make what a pull needs, and return the resources of its ops."""
    storage = S3Storage(
        session=session,
        inbound_bucket="pulled",
        transformed_bucket="transformed",
        kms_key_arn="alias/aws/s3",
    )
    storage.client.create_bucket(Bucket=storage.inbound_bucket)
    session.client("dynamodb").create_table(
        TableName="pulls",
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    appflow = AppFlow(session=session)
    appflow.client.create_connector_profile(
        connectorProfileName="shop",
        connectorType="CustomConnector",
        connectorLabel="Shop",
        connectionMode="Public",
        connectorProfileConfig={
            "connectorProfileProperties": {"CustomConnector": {"profileProperties": {}}},
            "connectorProfileCredentials": {
                "CustomConnector": {"authenticationType": "APIKEY", "apiKey": {"apiKey": "k"}}
            },
        },
    )
    ledger = Ledger(table=KeyedTable(session=session, table_name="pulls"))
    return {"appflow": appflow, "ledger": ledger, "storage": storage}


def pull(settings: PullSettings, resources: dict[str, Any], boundary: int | None = None) -> None:
    """Run the ops as a worker does, which is killed at a boundary."""
    if boundary is not None:
        kill_at(boundary, CALLS)
    config = {"config": settings.model_dump()}
    job = pull_graph.to_job(
        name="shop__pull_job", config={"ops": {node.name: config for node in pull_graph.nodes}}
    )
    with dg.DagsterInstance.ephemeral() as instance:
        job.execute_in_process(resources=as_they_are(resources), instance=instance, tags=TICK)


def main(endpoint: str, stride: int) -> None:
    """Go through all boundaries, the first time without being killed."""
    os.environ["AWS_ENDPOINT_URL"] = endpoint
    resources = prepare(AwsSession(region=REGION))
    appflow, ledger = resources["appflow"], resources["ledger"]
    for boundary in (None, *range(0, MOST_BOUNDARIES, stride)):
        name = f"shop{boundary}".lower()
        settings = SETTINGS.model_copy(update={"connector": name, "flow": f"{name}-clicks"})
        killed = as_child(partial(pull, settings, resources, boundary))
        if boundary is not None and killed is None:
            break
        as_child(partial(pull, settings, resources))
        executions = [one.state for one in appflow.executions(settings.flow)]
        delivered = len(ledger.pending(name).deliveries)
        line = {"killed": killed, "executions": executions, "delivered": delivered}
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
