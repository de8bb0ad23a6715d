"""SNS: publish a message to the topic.

Here: the call. Not here: what is said (`notify.message`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from cleanroom_pipeline.aws.session import AwsSession

if TYPE_CHECKING:
    from types_boto3_sns import SNSClient


class SnsTopic(dg.ConfigurableResource[Any]):
    """The topic that tells people how a run ended."""

    session: dg.ResourceDependency[AwsSession]
    topic_arn: str

    def publish(self, subject: str, text: str, attributes: Mapping[str, str]) -> str:
        """Publish a message with string attributes, and return its id."""
        client: SNSClient = self.session.client("sns")
        answer = client.publish(
            TopicArn=self.topic_arn,
            Subject=subject,
            Message=text,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )
        return answer["MessageId"]
