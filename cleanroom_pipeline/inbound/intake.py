"""From S3's notifications and listings to arrivals that the ledger remembers.

Here: what is recorded, and in which order, so that a crash loses nothing. Not here: Dagster, when a
delivery is whole (`inbound.completion`), and its cut (`inbound.cutting`).
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.sqs import InboundQueue, QueueMessage
from cleanroom_pipeline.inbound.completion.objects import counts
from cleanroom_pipeline.inbound.events import (
    CreatedObject,
    MessageError,
    connector_of,
    created_objects,
)
from cleanroom_pipeline.inbound.history import may_be_forgotten, remember
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import Arrival

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Drained:
    """How many objects were new or of no connector, and how many messages told nothing."""

    recorded: int = 0
    unreadable: int = 0
    foreign: int = 0

    def __add__(self, other: "Drained") -> "Drained":
        return Drained(
            self.recorded + other.recorded,
            self.unreadable + other.unreadable,
            self.foreign + other.foreign,
        )


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes in what arrives in the inbound bucket.

    `prefixes` maps connectors to their prefixes; an empty queue is asked for `wait_seconds`.
    """

    storage: S3Storage
    queue: InboundQueue
    ledger: Ledger
    prefixes: Mapping[str, str]
    wait_seconds: int = 1

    def drain(self, *, at: datetime, budget_seconds: float, now: Callable[[], float]) -> Drained:
        """Record what the queue tells, for every connector, until it is empty or time is up.

        A message is deleted after what it tells is recorded. One that can't be read is left, comes
        again, and ends in the dead-letter queue.
        """
        began, total = now(), Drained()
        while now() - began < budget_seconds:
            messages = self.queue.receive(wait_seconds=self.wait_seconds)
            if not messages:
                break
            total += self._take(messages, at)
        return total

    def _take(self, messages: Iterable[QueueMessage], at: datetime) -> Drained:
        told: list[CreatedObject] = []
        read: list[QueueMessage] = []
        unreadable = 0
        for message in messages:
            try:
                told += created_objects(message.body)
                read.append(message)
            except MessageError:
                unreadable += 1
                LOG.warning(
                    "Message %s of the inbound queue is no S3 notification; it came %d times, and "
                    "is left to the queue's redrive.",
                    message.message_id,
                    message.received,
                )
        recorded, foreign = self._record_told(told, at)
        self.queue.delete(read)
        return Drained(recorded, unreadable, foreign)

    def _record_told(self, told: Sequence[CreatedObject], at: datetime) -> tuple[int, int]:
        """Record what messages told of; return how much was new, and how much is of no connector.

        Different messages may tell of one object.
        """
        arrivals: dict[str, dict[tuple[str, str], Arrival]] = defaultdict(dict)
        foreign = 0
        for event in told:
            connector = connector_of(event.key, self.prefixes)
            if connector is None or event.bucket != self.storage.inbound_bucket:
                foreign += 1
            elif counts(event.key):
                found = event.arrival or self.storage.head_inbound(event.key, event.version_id)
                if found is not None:
                    arrivals[connector][found.key, found.version_id] = found
        # An object that came after the tick began was not there at the time that the tick has.
        seen_at = max([at, *(event.created_at for event in told)])
        recorded = sum(
            self.record(connector, found.values(), seen_at=seen_at)
            for connector, found in arrivals.items()
        )
        return recorded, foreign

    def record(self, connector: str, arrivals: Iterable[Arrival], *, seen_at: datetime) -> int:
        """Record arrivals as pending unless they are known; return how many were new.

        Of one so old that the ledger may have forgotten it, the manifests are asked.
        """
        recent: list[Arrival] = []
        old: list[Arrival] = []
        for arrival in arrivals:
            (old if may_be_forgotten(arrival, seen_at) else recent).append(arrival)
        if old:
            recent += remember(self.storage, self.ledger, connector, old, at=seen_at)
        return self.ledger.record_arrivals(connector, recent, seen_at=seen_at)
