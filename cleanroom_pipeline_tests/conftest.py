"""Fixtures that several test folders share: AWS in this process, and resources bound to it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from moto import mock_aws
from moto.server import ThreadedMotoServer

from cleanroom_pipeline.aws.dynamodb import KeyedTable
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.aws.sqs import InboundQueue
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline_tests.aws_calls import API_CALL, COLLECT_VARIABLE, WATCH, collect, listed

REGION = "us-east-1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that wait most, so that no worker is left with them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


@pytest.fixture(scope="session", autouse=True)
def aws_calls() -> Iterator[set[str]]:
    """What the pipeline asks AWS for in these tests, each request held against its model."""
    folder = os.environ.get(COLLECT_VARIABLE)
    WATCH.known = None if folder else listed()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, API_CALL, WATCH.over(getattr(BaseClient, API_CALL)))
        yield WATCH.seen
    if folder:
        collect(WATCH.seen, Path(folder))


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The AWS of this process behind a port: pyarrow's own S3 client knows no other way to it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsSession]:
    """An empty AWS account in this process, and a session with it."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield AwsSession(region=REGION)


@pytest.fixture
def ledger(aws: AwsSession) -> Ledger:
    """An empty ledger."""
    client: Any = aws.client("dynamodb")
    client.create_table(
        TableName="ledger",
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
    return Ledger(table=KeyedTable(session=aws, table_name="ledger"))


@pytest.fixture
def storage(aws: AwsSession) -> S3Storage:
    """Both buckets, versioned and empty."""
    client: Any = aws.client("s3")
    for bucket in ("inbound", "transformed"):
        client.create_bucket(Bucket=bucket)
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return S3Storage(
        session=aws,
        inbound_bucket="inbound",
        transformed_bucket="transformed",
        kms_key_arn=f"arn:aws:kms:{REGION}:123456789012:key/00000000-0000-0000-0000-000000000000",
    )


@pytest.fixture
def inbound_queue(aws: AwsSession, storage: S3Storage) -> InboundQueue:
    """A queue that hears of every object in the inbound bucket."""
    client: Any = aws.client("sqs")
    url = client.create_queue(QueueName="inbound")["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    storage.client.put_bucket_notification_configuration(
        Bucket="inbound",
        NotificationConfiguration={
            "QueueConfigurations": [
                {"QueueArn": arn["Attributes"]["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
            ]
        },
    )
    return InboundQueue(session=aws, queue_url=url)
