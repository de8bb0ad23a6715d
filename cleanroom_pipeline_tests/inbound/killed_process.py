"""A process that cuts a batch on a real server, killed at one write after the other.

Run as `python -m cleanroom_pipeline_tests.inbound.killed_process ENDPOINT`. It forks a child for
each write; what the child left undone, another child does. A line of JSON tells what is there then.
"""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from pydantic import PrivateAttr

from cleanroom_pipeline.aws.dynamodb import KeyedTable
from cleanroom_pipeline.aws.s3 import MOST_LISTED, ListingPage, S3Storage
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.aws.sqs import InboundQueue
from cleanroom_pipeline.inbound.batch_runs import SeenRun
from cleanroom_pipeline.inbound.completion.quiet_period import QuietPeriod
from cleanroom_pipeline.inbound.intake import Intake
from cleanroom_pipeline.inbound.tick import Tick, Ticked, TickSettings
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import Batch
from cleanroom_pipeline.records import read_manifest

REGION = "us-east-1"
WRITES = ((KeyedTable, "write"), (S3Storage, "put_new_record"), (InboundQueue, "delete"))
MOST_BOUNDARIES = 100


class LaterStorage(S3Storage):
    """S3 as it will be some hours from now."""

    _hours: int = PrivateAttr(default=0)

    def list_inbound_page(
        self, prefix: str, *, after: str = "", most: int = MOST_LISTED
    ) -> ListingPage:
        page = super().list_inbound_page(prefix, after=after, most=most)
        return replace(page, at=page.at + timedelta(hours=self._hours))


class NoRuns:
    """A Dagster that has seen nothing yet."""

    def newest(self, batch_id: str) -> SeenRun | None:
        return None

    def has_request(self, batch: Batch) -> bool:
        return False

    def is_known(self, batch_id: str) -> bool:
        return False


def created(session: AwsSession, name: str) -> tuple[LaterStorage, InboundQueue, Ledger]:
    """Make the AWS resources of one attempt, with two objects of which the queue tells."""
    sqs = session.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    storage = LaterStorage(
        session=session,
        inbound_bucket=f"{name}-inbound",
        transformed_bucket=f"{name}-transformed",
        kms_key_arn="alias/aws/s3",
    )
    s3 = storage.client
    for bucket in (storage.inbound_bucket, storage.transformed_bucket):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket=storage.inbound_bucket,
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": arn["QueueArn"], "Events": ["s3:ObjectCreated:*"]}]
        },
    )
    for key in ("in/shop/a.csv", "in/shop/b.csv"):
        s3.put_object(Bucket=storage.inbound_bucket, Key=key, Body=b"x")
    session.client("dynamodb").create_table(
        TableName=name,
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
    queue = InboundQueue(session=session, queue_url=url)
    return storage, queue, Ledger(table=KeyedTable(session=session, table_name=name))


def kill_at(boundary: int, calls: Sequence[tuple[type, str]] = WRITES) -> None:
    """Have this process killed before (even numbers) or after (odd) one of its writes."""
    passed = iter(range(MOST_BOUNDARIES))

    def pass_boundary() -> None:
        if next(passed) == boundary:
            os.kill(os.getpid(), signal.SIGKILL)

    def guarded(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            pass_boundary()
            result = original(*args, **kwargs)
            pass_boundary()
            return result

        return call

    for owner, method in calls:
        setattr(owner, method, guarded(getattr(owner, method)))


def two_ticks(storage: LaterStorage, queue: InboundQueue, ledger: Ledger, hours: int) -> Ticked:
    """Tick, and tick an hour later."""
    intake = Intake(storage, queue, ledger, {"shop": "in/shop/"}, wait_seconds=0)
    settings = TickSettings("shop", QuietPeriod(timedelta(minutes=1)))
    cursor, ticked = None, None
    for later in (hours, hours + 1):
        storage._hours = later
        ticked = Tick(settings, intake, NoRuns(), time.monotonic)(cursor)
        cursor = ticked.cursor
    assert ticked is not None
    return ticked


def killed_ticks(
    boundary: int | None, storage: LaterStorage, queue: InboundQueue, ledger: Ledger
) -> None:
    """Do both ticks, or as much of them as comes before a boundary."""
    if boundary is not None:
        kill_at(boundary)
    two_ticks(storage, queue, ledger, hours=0)


def as_child(work: Callable[[], object]) -> int | None:
    """Do some work in a process of its own; return the signal that killed it."""
    pid = os.fork()
    if pid == 0:
        done = False
        try:
            work()
            done = True
        finally:
            if not done:
                traceback.print_exc()
            os._exit(0 if done else 1)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    assert os.WEXITSTATUS(status) == 0
    return None


def result_of(storage: S3Storage, ledger: Ledger, ticked: Ticked) -> dict[str, Any]:
    """Return what is there in the end, without ids and times."""
    batches = list(ledger.batches("shop"))[::-1]
    manifests = [read_manifest(storage, "shop", batch.batch_id) for batch in batches]
    return {
        "files": [[file.key for file in manifest.files] for manifest in manifests],
        "states": [batch.state for batch in batches],
        "requests": len(ticked.requests),
        "partitions": len(ticked.partitions),
        "pending": len(ledger.pending("shop").arrivals),
        "open": ledger.head("shop").open_batch,
    }


def main(endpoint: str) -> None:
    """Go through all boundaries, the first time without being killed."""
    os.environ["AWS_ENDPOINT_URL"] = endpoint
    # Children inherit its clients: to make them takes longer than all else.
    session = AwsSession(region=REGION)
    for boundary in (None, *range(MOST_BOUNDARIES)):
        storage, queue, ledger = created(session, f"killed-{boundary}")

        killed = as_child(partial(killed_ticks, boundary, storage, queue, ledger))
        if boundary is not None and killed is None:
            break
        result = result_of(storage, ledger, two_ticks(storage, queue, ledger, hours=2))
        sys.stdout.write(json.dumps({"killed": killed, **result}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
