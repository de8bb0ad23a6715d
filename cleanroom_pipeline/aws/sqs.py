"""SQS: receive and delete the messages that S3 sends about new objects.

Here: calls. Not here: what a message means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from cleanroom_pipeline.aws.session import AwsSession

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

MOST_PER_CALL = 10


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """One received message; the receipt deletes it. `received` counts how often it came."""

    message_id: str
    receipt: str
    body: str
    received: int = 1


class InboundQueue(dg.ConfigurableResource[Any]):
    """The queue of S3 notifications of the inbound bucket."""

    session: dg.ResourceDependency[AwsSession]
    queue_url: str

    @property
    def client(self) -> "SQSClient":
        """The shared SQS client."""
        client: SQSClient = self.session.client("sqs")
        return client

    def receive(self, *, wait_seconds: int = 0) -> tuple[QueueMessage, ...]:
        """Receive up to ten messages; they come again if they are not deleted."""
        answer = self.client.receive_message(
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=MOST_PER_CALL,
            WaitTimeSeconds=wait_seconds,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return tuple(
            QueueMessage(
                message["MessageId"],
                message["ReceiptHandle"],
                message["Body"],
                int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for message in answer.get("Messages", [])
        )

    def delete(self, messages: Sequence[QueueMessage]) -> None:
        """Delete messages whose content is recorded; one that fails comes again, harmlessly."""
        if messages:
            self.client.delete_message_batch(
                QueueUrl=self.queue_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message.receipt}
                    for number, message in enumerate(messages)
                ],
            )
