"""What the tests of arrivals and batches share: an intake over AWS in this process."""

from collections.abc import Callable, Iterator

import dagster as dg
import pytest

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.aws.sqs import InboundQueue
from cleanroom_pipeline.inbound.intake import Intake
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline_tests.inbound.pull_desk import Desk, Time

Put = Callable[..., str]


@pytest.fixture
def intake(storage: S3Storage, inbound_queue: InboundQueue, ledger: Ledger) -> Intake:
    """An intake for one connector, `shop`."""
    return Intake(storage, inbound_queue, ledger, {"shop": "inbound/shop/"}, wait_seconds=0)


@pytest.fixture
def put(storage: S3Storage) -> Put:
    """Write an object; return its version id."""

    def put_object(key: str, body: bytes = b"x") -> str:
        answer = storage.client.put_object(Bucket="inbound", Key=key, Body=body)
        return answer["VersionId"]

    return put_object


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Runs of a pull's ops, on a clock that moves only when somebody sleeps."""
    time = Time()
    monkeypatch.setattr("cleanroom_pipeline.inbound.appflow.time", time)
    storage = S3Storage(
        session=AwsSession(region="us-east-1"),
        inbound_bucket="inbound",
        transformed_bucket="transformed",
        kms_key_arn="arn:aws:kms:us-east-1:123456789012:key/none",
    )
    with dg.DagsterInstance.ephemeral() as instance:
        yield Desk(instance, time, storage)
