"""What the tests of notifications share: a topic, and what came through it."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.aws.sns import SnsTopic


@pytest.fixture
def topic(aws: AwsSession) -> SnsTopic:
    client: Any = boto3.client("sns", region_name=aws.region)
    return SnsTopic(session=aws, topic_arn=client.create_topic(Name="t")["TopicArn"])


@pytest.fixture
def inbox(aws: AwsSession, topic: SnsTopic) -> Callable[[], list[dict[str, Any]]]:
    """Takes the messages that have come to a queue that is subscribed to the topic."""
    sqs: Any = boto3.client("sqs", region_name=aws.region)
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    boto3.client("sns", region_name=aws.region).subscribe(
        TopicArn=topic.topic_arn, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"]
    )

    def take() -> list[dict[str, Any]]:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]

    return take
