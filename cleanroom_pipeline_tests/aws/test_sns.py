import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.aws.sns import SnsTopic


def subscribed_queue(aws: AwsSession, topic_arn: str) -> tuple[Any, str]:
    sqs: Any = boto3.client("sqs", region_name=aws.region)
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    boto3.client("sns", region_name=aws.region).subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=arn["QueueArn"]
    )
    return sqs, url


def topic_of(aws: AwsSession) -> SnsTopic:
    client: Any = boto3.client("sns", region_name=aws.region)
    return SnsTopic(session=aws, topic_arn=client.create_topic(Name="runs")["TopicArn"])


def test_a_message_comes_to_subscribers_as_it_was_said(aws: AwsSession) -> None:
    topic = topic_of(aws)
    sqs, url = subscribed_queue(aws, topic.topic_arn)
    message_id = topic.publish("Subject", "Two\nlines", {"outcome": "failed"})
    (received,) = sqs.receive_message(QueueUrl=url)["Messages"]
    body = json.loads(received["Body"])
    assert body["MessageId"] == message_id
    assert (body["Subject"], body["Message"]) == ("Subject", "Two\nlines")
    assert body["MessageAttributes"] == {"outcome": {"Type": "String", "Value": "failed"}}


def test_a_message_may_have_no_attributes(aws: AwsSession) -> None:
    topic = topic_of(aws)
    sqs, url = subscribed_queue(aws, topic.topic_arn)
    topic.publish("Subject", "Text", {})
    (received,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(received["Body"])["Message"] == "Text"


def test_a_topic_that_is_not_there_is_an_error(aws: AwsSession) -> None:
    missing = SnsTopic(session=aws, topic_arn=f"arn:aws:sns:{aws.region}:123456789012:missing")
    with pytest.raises(ClientError, match="NotFound"):
        missing.publish("Subject", "Text", {})
