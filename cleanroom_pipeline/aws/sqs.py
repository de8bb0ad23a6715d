"""SQS: receive and delete messages, and give them back.

Here: calls. Not here: what a message means.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from botocore.exceptions import BotoCoreError, ClientError

from cleanroom_pipeline.aws.session import AwsSession

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

MOST_PER_CALL = 10
EVENT_QUEUE_VARIABLE = "CLEANROOM_DATABREW_EVENTS_QUEUE"


class QueueUnavailableError(RuntimeError):
    """The queue of events can't be read for now; nothing depends on it."""


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """One received message; the receipt deletes it. `received` counts how often it came."""

    message_id: str
    receipt: str
    body: str
    received: int = 1
    sent_at: datetime | None = None


def _receive(client: "SQSClient", url: str, wait_seconds: int) -> tuple[QueueMessage, ...]:
    answer = client.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=MOST_PER_CALL,
        WaitTimeSeconds=wait_seconds,
        MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
    )
    return tuple(
        QueueMessage(
            message["MessageId"],
            message["ReceiptHandle"],
            message["Body"],
            int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            _moment(message.get("Attributes", {}).get("SentTimestamp")),
        )
        for message in answer.get("Messages", [])
    )


def _moment(milliseconds: str | None) -> datetime | None:
    return datetime.fromtimestamp(int(milliseconds) / 1000, tz=UTC) if milliseconds else None


def _delete(client: "SQSClient", url: str, messages: Sequence[QueueMessage]) -> None:
    if messages:
        client.delete_message_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": message.receipt}
                for number, message in enumerate(messages)
            ],
        )


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
        return _receive(self.client, self.queue_url, wait_seconds)

    def delete(self, messages: Sequence[QueueMessage]) -> None:
        """Delete messages whose content is recorded; one that fails comes again, harmlessly."""
        _delete(self.client, self.queue_url, messages)


class EventQueue(dg.ConfigurableResource[Any]):
    """The queue of DataBrew's events, if there is one; every failure is a QueueUnavailableError.

    Without a `queue_url`, the environment says which it is when it is asked for, or that none is.
    """

    session: dg.ResourceDependency[AwsSession]
    queue_url: str = ""

    @property
    def url(self) -> str:
        """The queue's address; empty where there is no queue."""
        return self.queue_url or os.environ.get(EVENT_QUEUE_VARIABLE, "")

    @property
    def client(self) -> "SQSClient":
        """The shared SQS client."""
        client: SQSClient = self.session.client("sqs")
        return client

    def receive(self, *, wait_seconds: int = 0) -> tuple[QueueMessage, ...]:
        """Receive up to ten messages, and wait up to 20 seconds for the first."""
        with self._as_unavailable():
            return _receive(self.client, self.url, wait_seconds)

    def delete(self, messages: Sequence[QueueMessage]) -> None:
        """Delete messages that nobody waits for any longer."""
        with self._as_unavailable():
            _delete(self.client, self.url, messages)

    def give_back(self, messages: Sequence[QueueMessage], *, after_seconds: int) -> None:
        """Let others receive messages, `after_seconds` from now."""
        if not messages:
            return
        with self._as_unavailable():
            self.client.change_message_visibility_batch(
                QueueUrl=self.url,
                Entries=[
                    {
                        "Id": str(number),
                        "ReceiptHandle": message.receipt,
                        "VisibilityTimeout": after_seconds,
                    }
                    for number, message in enumerate(messages)
                ],
            )

    @contextmanager
    def _as_unavailable(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailableError(f"The queue {self.url} can't be used: {error}") from error
