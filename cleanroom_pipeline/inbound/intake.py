"""From S3's notifications to a batch that is cut: what one tick of a sensor does.

Here: the order of the writes, each of which can be repeated. Not here: Dagster, and the question
whether a delivery is whole (`inbound.completion`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.sqs import InboundQueue, QueueMessage
from cleanroom_pipeline.inbound.completion import Whole, is_data
from cleanroom_pipeline.inbound.events import MessageError, connector_of, created_objects
from cleanroom_pipeline.inbound.manifest import build_manifest
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import Arrival, Manifest, manifest_key
from cleanroom_pipeline.records import read_manifest


@dataclass(frozen=True, slots=True)
class Drained:
    """How many objects the drained messages told of, and what became of the messages."""

    messages: int = 0
    recorded: int = 0
    unreadable: int = 0
    foreign: int = 0

    def __add__(self, other: "Drained") -> "Drained":
        return Drained(
            self.messages + other.messages,
            self.recorded + other.recorded,
            self.unreadable + other.unreadable,
            self.foreign + other.foreign,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """The objects that are present and in no batch, at a time by S3's clock."""

    pending: tuple[Arrival, ...]
    at: datetime


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

    def drain(self, *, budget_seconds: float, now: Callable[[], float]) -> Drained:
        """Record what the queue tells, for every connector, until it is empty or time is up.

        A message is deleted after what it tells is recorded. One that can't be read is left, comes
        again, and ends in the dead-letter queue.
        """
        began, total = now(), Drained()
        while now() - began < budget_seconds:
            messages = self.queue.receive(wait_seconds=self.wait_seconds)
            if not messages:
                break
            done: list[QueueMessage] = []
            for message in messages:
                result = self._record(message)
                total += result
                if not result.unreadable:
                    done.append(message)
            self.queue.delete(done)
        return total

    def _record(self, message: QueueMessage) -> Drained:
        try:
            created = created_objects(message.body)
        except MessageError:
            return Drained(messages=1, unreadable=1)
        recorded = foreign = 0
        for event in created:
            connector = connector_of(event.key, self.prefixes)
            if connector is None or event.bucket != self.storage.inbound_bucket:
                foreign += 1
            elif is_data(event.key):
                arrival = self.storage.head_inbound(event.key, event.version_id)
                if arrival is not None:
                    recorded += self.ledger.record_arrival(
                        connector, arrival, seen_at=arrival.last_modified
                    )
        return Drained(messages=1, recorded=recorded, foreign=foreign)

    def find(self, connector: str) -> Found:
        """Return what is present and in no batch; what no message told of is recorded here."""
        listing = self.storage.list_inbound(self.prefixes[connector])
        owners = {
            (recorded.arrival.key, recorded.arrival.version_id): recorded.batch_id
            for recorded in self.ledger.arrivals(connector)
        }
        pending = []
        for arrival in listing.objects:
            if not is_data(arrival.key):
                continue
            identity = (arrival.key, arrival.version_id)
            if identity not in owners:
                self.ledger.record_arrival(connector, arrival, seen_at=listing.at)
            if owners.get(identity) is None:
                pending.append(arrival)
        return Found(tuple(pending), listing.at)

    def cut(self, connector: str, whole: Whole, *, policy: str, at: datetime) -> Manifest | None:
        """Cut a batch; None where another tick was quicker, and the next look will tell."""
        manifest = build_manifest(
            connector,
            self.storage.inbound_bucket,
            whole.files,
            policy=policy,
            reason=whole.reason,
        )
        self.storage.put_new_record(manifest_key(connector, manifest.batch_id), manifest.to_json())
        if not self.ledger.begin_cut(manifest, at=at):
            return None
        return manifest if self.ledger.finish_cut(manifest, at=at) else None

    def finish_open(self, connector: str, *, at: datetime) -> str | None:
        """Finish a cut that was begun and not ended; return the batch id if one was cut."""
        batch_id = self.ledger.open_batch(connector)
        if batch_id is None:
            return None
        manifest = read_manifest(self.storage, connector, batch_id)
        return batch_id if self.ledger.finish_cut(manifest, at=at) else None
