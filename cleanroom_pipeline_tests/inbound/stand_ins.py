"""DynamoDB, S3 and SQS in memory, as far as the inbound side sees them, behind a gate.

Here: what a table, two buckets and a queue do. Not here: where a process ends (`gate`), and what
happens in a history (`world`, `test_histories`).
"""

import json
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import md5
from typing import Any
from urllib.parse import quote_plus

from pydantic import PrivateAttr

from cleanroom_pipeline.aws.dynamodb import (
    MOST_WRITES_AT_ONCE,
    Check,
    Condition,
    Delete,
    Item,
    KeyedTable,
    LessThan,
    Missing,
    OneOf,
    Present,
    Put,
    Update,
    Write,
)
from cleanroom_pipeline.aws.s3 import MOST_LISTED, ListingPage, S3Storage
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.aws.sqs import MOST_PER_CALL, InboundQueue, QueueMessage
from cleanroom_pipeline.model import Arrival, utc_text
from cleanroom_pipeline_tests.inbound.gate import Clock, Gate, RefusedError

LONGEST_KEY = 1024
VISIBILITY_SECONDS = 300
MOST_RECEIVED = 5


def holds(condition: Condition, item: Mapping[str, Any]) -> bool:
    """Tell whether a condition holds for an item; one that is missing has no attributes."""
    match condition:
        case Missing(name):
            return name not in item
        case Present(name):
            return name in item
        case OneOf(name, values):
            return name in item and item[name] in values
        case LessThan(name, value):
            return type(item.get(name)) is type(value) and item[name] < value


class MemoryTable(KeyedTable):
    """A table of DynamoDB's in a dictionary; a write is all or nothing."""

    _gate: Gate = PrivateAttr(default_factory=Gate)
    _items: dict[str, dict[str, Item]] = PrivateAttr(default_factory=dict)
    _order: dict[str, list[str]] = PrivateAttr(default_factory=dict)

    @classmethod
    def behind(cls, gate: Gate) -> "MemoryTable":
        """Return an empty table behind a gate."""
        table = cls(session=AwsSession(region="nowhere"), table_name="ledger")
        table._gate = gate
        return table

    def get(self, pk: str, sk: str) -> Item | None:
        self._gate.read()
        item = self._items.get(pk, {}).get(sk)
        return None if item is None else dict(item)

    def write(self, *writes: Write) -> bool:
        keys = [write.key for write in writes]
        if not 0 < len(writes) <= MOST_WRITES_AT_ONCE or len(set(keys)) != len(keys):
            raise RefusedError(f"{len(writes)} writes to {len(set(keys))} items")
        if any(not pk or not sk or len(sk.encode()) > LONGEST_KEY for pk, sk in keys):
            raise RefusedError("A key is empty or too long.")
        return bool(self._gate.write("a write to the ledger", writes, lambda: self._do(writes)))

    def _do(self, writes: Sequence[Write]) -> bool:
        for write in writes:
            item = self._items.get(write.key[0], {}).get(write.key[1], {})
            if not all(holds(condition, item) for condition in write.when):
                return False
        for write in writes:
            pk, sk = write.key
            match write:
                case Put(item=whole):
                    self._store(pk, sk, dict(whole))
                case Update(set=values, remove=remove):
                    old = self._items.get(pk, {}).get(sk, {"pk": pk, "sk": sk})
                    new = {**old, **values}
                    self._store(pk, sk, {n: v for n, v in new.items() if n not in remove})
                case Delete():
                    self._drop(pk, sk)
                case Check():
                    pass
        return True

    def _store(self, pk: str, sk: str, item: Item) -> None:
        partition = self._items.setdefault(pk, {})
        if sk not in partition:
            insort(self._order.setdefault(pk, []), sk)
        partition[sk] = item

    def _drop(self, pk: str, sk: str) -> None:
        if self._items.get(pk, {}).pop(sk, None) is not None:
            self._order[pk].remove(sk)

    def query(
        self,
        pk: str,
        *,
        prefix: str = "",
        between: tuple[str, str] | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[Item]:
        self._gate.read()
        if between is not None and between[0] > between[1]:
            raise RefusedError("BETWEEN needs a lower bound that is not above the upper one.")
        order = self._order.get(pk, [])
        if between is not None:
            order = order[bisect_left(order, between[0]) : bisect_right(order, between[1])]
        found = [sk for sk in order if sk.startswith(prefix)]
        if newest_first:
            found.reverse()
        partition = self._items.get(pk, {})
        return iter([dict(partition[sk]) for sk in found[:limit]])

    def fill(self, items: Iterable[Item]) -> None:
        """Put items there before anything happens; they come in the order of their keys."""
        for item in items:
            self._items.setdefault(item["pk"], {})[item["sk"]] = dict(item)
            self._order.setdefault(item["pk"], []).append(item["sk"])

    def expire(self, at: datetime) -> None:
        """Delete what may be deleted by then."""
        for pk, partition in self._items.items():
            for sk in [
                s for s, i in partition.items() if i.get("expires_at", 1e99) < at.timestamp()
            ]:
                self._drop(pk, sk)

    def dump(self) -> dict[tuple[str, str], Item]:
        """Return a copy of everything."""
        return {(pk, sk): dict(i) for pk, part in self._items.items() for sk, i in part.items()}


@dataclass
class Version:
    """A version of an object, or a delete marker.

    `modified` is what S3 shows as LastModified; `born` is when it could first be seen, in seconds.
    """

    key: str
    version_id: str
    size: int
    modified: datetime
    born: float
    marker: bool = False

    @property
    def arrival(self) -> Arrival:
        etag = md5(self.version_id.encode(), usedforsecurity=False).hexdigest()
        return Arrival(self.key, self.version_id, etag, self.size, self.modified)


class MemoryStorage(S3Storage):
    """The inbound bucket with its versions, and the records of the transformed bucket."""

    _gate: Gate = PrivateAttr(default_factory=Gate)
    _clock: Clock = PrivateAttr(default_factory=Clock)
    _versions: dict[str, list[Version]] = PrivateAttr(default_factory=dict)
    _keys: list[str] = PrivateAttr(default_factory=list)
    _since: dict[str, tuple[str, float]] = PrivateAttr(default_factory=dict)
    _records: dict[str, str] = PrivateAttr(default_factory=dict)
    _made: int = PrivateAttr(default=0)
    _page: int = PrivateAttr(default=MOST_LISTED)

    @classmethod
    def behind(cls, gate: Gate, clock: Clock, *, page: int = MOST_LISTED) -> "MemoryStorage":
        """Return two empty buckets behind a gate; `page` is the most entries of a listing."""
        storage = cls(
            session=AwsSession(region="nowhere"),
            inbound_bucket="inbound",
            transformed_bucket="transformed",
            kms_key_arn="arn:aws:kms:nowhere:000000000000:key/none",
        )
        storage._gate, storage._clock, storage._page = gate, clock, page
        return storage

    def put(self, key: str, size: int = 1, *, began: datetime | None = None) -> Version:
        """Write an object; `began` is when its multipart upload did."""
        return self._add(key, size, began, marker=False)

    def delete(self, key: str) -> None:
        """Delete an object: a marker hides its versions."""
        self._add(key, 0, None, marker=True)

    def _add(self, key: str, size: int, began: datetime | None, *, marker: bool) -> Version:
        self._made += 1
        version = Version(
            key=key,
            version_id=f"v{self._made:05d}",
            size=size,
            modified=began or self._clock.whole(),
            born=self._clock.seconds,
            marker=marker,
        )
        if key not in self._versions:
            insort(self._keys, key)
        self._versions.setdefault(key, []).insert(0, version)
        self._note(key)
        return version

    def delete_version(self, key: str, version_id: str) -> None:
        """Delete a version, or a marker, for good."""
        versions = self._versions[key]
        versions[:] = [one for one in versions if one.version_id != version_id]
        if not versions:
            del self._versions[key]
            self._keys.remove(key)
        self._note(key)

    def _note(self, key: str) -> None:
        current = self.current(key)
        if current is None:
            self._since.pop(key, None)
        elif self._since.get(key, ("", 0))[0] != current.version_id:
            self._since[key] = (current.version_id, self._clock.seconds)

    def current(self, key: str) -> Version | None:
        """Return the version that readers see."""
        versions = self._versions.get(key)
        return None if not versions or versions[0].marker else versions[0]

    def versions(self, key: str) -> list[Version]:
        """Return all versions and markers of a key, the newest first."""
        return list(self._versions.get(key, []))

    def known_keys(self) -> list[str]:
        """Return every key that has a version or a marker."""
        return list(self._keys)

    def visible_since(self, key: str) -> float:
        """Return since when the current version has been the current one."""
        return self._since[key][1]

    def check_versioned(self) -> None:
        """Every object here has versions."""

    def list_inbound_page(
        self, prefix: str, *, after: str = "", most: int = MOST_LISTED
    ) -> ListingPage:
        self._gate.read()
        most, last = min(most, self._page), None
        entries: list[Version] = []
        for place in range(bisect_right(self._keys, after), len(self._keys)):
            key = self._keys[place]
            if key < prefix or not key.startswith(prefix):
                continue
            for version in self._versions[key]:
                if len(entries) == most:
                    return self._listed(entries, last)
                entries.append(version)
                last = key
        return self._listed(entries, None)

    def _listed(self, entries: list[Version], last: str | None) -> ListingPage:
        current = [one.arrival for one in entries if one is self._versions[one.key][0]]
        hidden = {one.key for one in entries if one.marker and one is self._versions[one.key][0]}
        shown = tuple(one for one in current if one.key not in hidden)
        return ListingPage(shown, self._clock.whole(), last)

    def head_inbound(self, key: str, version_id: str | None = None) -> Arrival | None:
        self._gate.read()
        if version_id is None:
            current = self.current(key)
            return current.arrival if current else None
        there = (one for one in self.versions(key) if one.version_id == version_id)
        return next((one.arrival for one in there if not one.marker), None)

    def read_inbound(self, arrival: Arrival, *, most_bytes: int) -> bytes | None:
        found = self.head_inbound(arrival.key, arrival.version_id)
        return None if found is None else b"x" * min(found.size, most_bytes)

    def put_record(self, key: str, record: Mapping[str, Any]) -> None:
        text = json.dumps(record)
        self._gate.write("a record", key, lambda: self._records.update({key: text}))

    def put_new_record(self, key: str, record: Mapping[str, Any]) -> bool:
        text, before = json.dumps(record), len(self._records)
        self._gate.write("a new record", key, lambda: self._records.setdefault(key, text))
        return len(self._records) > before

    def get_record(self, key: str) -> dict[str, Any] | None:
        self._gate.read()
        text = self._records.get(key)
        return None if text is None else dict(json.loads(text))

    def records(self) -> dict[str, str]:
        """Return every record, as it is stored."""
        return dict(self._records)


def notification(version: Version, at: datetime, *, versioned: bool = True) -> str:
    """Return what S3 tells of a new object; moto's S3 leaves out the version."""
    arrival = version.arrival
    described = {"key": quote_plus(arrival.key), "size": arrival.size, "eTag": arrival.etag}
    if versioned:
        described["versionId"] = arrival.version_id
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": utc_text(at),
        "s3": {"bucket": {"name": "inbound"}, "object": described},
    }
    return json.dumps({"Records": [record]})


@dataclass
class _Message:
    message_id: str
    body: str
    visible: float = 0.0
    received: int = 0


class MemoryQueue(InboundQueue):
    """A queue with a visibility time-out, which gives up a message that came too often."""

    _gate: Gate = PrivateAttr(default_factory=Gate)
    _clock: Clock = PrivateAttr(default_factory=Clock)
    _messages: dict[str, _Message] = PrivateAttr(default_factory=dict)
    _made: int = PrivateAttr(default=0)

    @classmethod
    def behind(cls, gate: Gate, clock: Clock) -> "MemoryQueue":
        """Return an empty queue behind a gate."""
        queue = cls(session=AwsSession(region="nowhere"), queue_url="memory")
        queue._gate, queue._clock = gate, clock
        return queue

    def send(self, body: str) -> None:
        """Put a message into the queue."""
        self._made += 1
        self._messages[f"m{self._made}"] = _Message(f"m{self._made}", body)

    def receive(self, *, wait_seconds: int = 0) -> tuple[QueueMessage, ...]:
        self._gate.read()
        now = self._clock.seconds
        there = [one for one in self._messages.values() if one.visible <= now][:MOST_PER_CALL]
        for one in there:
            one.visible, one.received = now + VISIBILITY_SECONDS, one.received + 1
            if one.received == MOST_RECEIVED:
                del self._messages[one.message_id]
        return tuple(QueueMessage(m.message_id, m.message_id, m.body, m.received) for m in there)

    def delete(self, messages: Sequence[QueueMessage]) -> None:
        for one in messages:
            self._gate.write("a deletion", one, partial(self._delete, one))

    def _delete(self, message: QueueMessage) -> bool:
        return self._messages.pop(message.receipt, None) is not None

    def show_again(self) -> None:
        """Let all visibility time-outs end."""
        for one in self._messages.values():
            one.visible = self._clock.seconds

    @property
    def is_empty(self) -> bool:
        """Tell whether no message is left, seen or unseen."""
        return not self._messages
