"""What the ledger's items say, and how they are written down.

Here: types, sort keys, conversions, how long an item is kept. Not here: reads and writes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from cleanroom_pipeline.aws.dynamodb import Item
from cleanroom_pipeline.model import (
    Arrival,
    Batch,
    BatchState,
    Manifest,
    Notice,
    NoticeKind,
    utc_moment,
    utc_text,
)

# DynamoDB's limit is 1,024 bytes, and an S3 key alone may be that long.
LONGEST_SORT_KEY = 1000
# It stands between a key and a version id, so that no longer key comes between versions of one.
BELOW_ALL = "\x01"
ABOVE_ALL = "\U0010ffff"
LOW = re.compile("[\x00\x01]")
TAKEN_KEPT = timedelta(days=90)
EXTERNAL_RUN_KEPT = timedelta(days=7)

Identity = tuple[str, str]


class LedgerError(RuntimeError):
    """The ledger doesn't hold what it must, or holds what it must not."""


class Outcome(StrEnum):
    """Why an object is taken by no batch."""

    OVERWRITTEN = "overwritten"
    DELETED = "deleted"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Head:
    """What orders the decisions of a connector: how many there were, the open and the last batch.

    `revision` is None before the first decision.
    """

    revision: int | None = None
    open_batch: str | None = None
    last_batch: str | None = None


@dataclass(frozen=True, slots=True)
class PendingArrival:
    """An arrival that is in no batch, and when it was first seen."""

    arrival: Arrival
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """A pull that its provider reports as complete: which objects hold it, how many records."""

    execution_id: str
    prefix: str
    records: int
    completed_at: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """What is in no batch yet: arrivals by key, deliveries by the time at which they ended."""

    arrivals: tuple[PendingArrival, ...] = ()
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class EmptyDelivery:
    """A delivery that was whole and held nothing."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ExternalRun:
    """A run that a service does for us: a DataBrew job run or an AppFlow execution.

    `external_id` is empty while it is only about to be started; `attempt` counts the starts that
    were meant to be different ones. `started_at` is when it was about to be started, and once it
    has its id, when it got it. `settled`: its end is known, and what it brought is recorded.
    `seen_before` has the ids of the service's runs that were there before it was to be started.
    """

    kind: str
    reference: str
    external_id: str
    run_id: str
    started_at: datetime
    attempt: int = 1
    settled: bool = False
    seen_before: tuple[str, ...] = ()


def object_sk(key: str, version_id: str) -> str:
    """Return the sort key of an object version: it sorts as S3 lists keys.

    Keys that hold a character as low as the separator, and those so long that they end in a digest
    instead, may sort elsewhere; `key_range` has room for them.
    """
    plain = f"object {key}{BELOW_ALL}{version_id}"
    if len(plain.encode()) <= LONGEST_SORT_KEY:
        return plain
    digest = sha256(plain.encode()).hexdigest()
    return _shortened(plain, LONGEST_SORT_KEY - 65) + "#" + digest


def key_range(first: str, last: str) -> tuple[str, str]:
    """Return between which sort keys all versions of the objects from `first` to `last` are.

    Objects of other keys may be there as well.
    """
    return _rounded(first), _rounded(last) + ABOVE_ALL


def _rounded(key: str) -> str:
    return "object " + _shortened(LOW.split(key, maxsplit=1)[0], LONGEST_SORT_KEY - 100)


def _shortened(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore")


def arrival_sk(arrival: Arrival) -> str:
    """Return the sort key of an arrival."""
    return object_sk(arrival.key, arrival.version_id)


def delivery_sk(execution_id: str) -> str:
    """Return the sort key of a delivery."""
    return f"delivery {execution_id}"


def expires_at(at: datetime, kept: timedelta) -> int:
    """Return when DynamoDB may delete an item, in seconds since 1970."""
    return int((at + kept).timestamp())


def wanted_sks(manifest: Manifest) -> list[str]:
    """Return the sort keys of everything that a batch takes."""
    return [
        *(arrival_sk(arrival) for arrival in (*manifest.files, *manifest.signals)),
        *(delivery_sk(execution_id) for execution_id in manifest.deliveries),
    ]


def arrival_item(connector: str, arrival: Arrival, seen_at: datetime) -> Item:
    """Return a pending object as an item."""
    return {
        "pk": f"pending#{connector}",
        "sk": arrival_sk(arrival),
        "seen_at": utc_text(seen_at),
        **arrival.to_json(),
    }


def delivery_item(connector: str, delivery: Delivery) -> Item:
    """Return a pending delivery as an item."""
    return {
        "pk": f"pending#{connector}",
        "sk": delivery_sk(delivery.execution_id),
        "execution_id": delivery.execution_id,
        "prefix": delivery.prefix,
        "records": delivery.records,
        "completed_at": utc_text(delivery.completed_at),
    }


def taken_item(connector: str, sk: str, at: datetime, **said: str) -> Item:
    """Return a taken object or delivery as an item; `said` tells by which batch, or why else."""
    return {
        "pk": f"taken#{connector}",
        "sk": sk,
        "expires_at": expires_at(at, TAKEN_KEPT),
        **said,
    }


def taken_by_of(item: Mapping[str, Any]) -> str:
    """Return the batch that has a taken object, or the outcome that took it."""
    return str(item.get("batch_id") or item["outcome"])


def pending_of(items: list[Item]) -> Pending:
    """Read pending items."""
    deliveries = [
        Delivery(
            item["execution_id"],
            item["prefix"],
            item["records"],
            utc_moment(item["completed_at"]),
        )
        for item in items
        if item["sk"].startswith("delivery ")
    ]
    arrivals = [
        PendingArrival(Arrival.from_json(item), utc_moment(item["seen_at"]))
        for item in items
        if item["sk"].startswith("object ")
    ]
    return Pending(
        tuple(sorted(arrivals, key=lambda pending: pending.arrival)),
        tuple(sorted(deliveries, key=lambda delivery: (delivery.completed_at, delivery.prefix))),
    )


def batch_item(manifest: Manifest, at: datetime) -> Item:
    """Return a batch that was just cut as an item."""
    item = {
        "pk": f"batch#{manifest.connector}",
        "sk": manifest.batch_id,
        "state": BatchState.CUT.value,
        "files": len(manifest.files),
        "size": manifest.size,
        "digest": manifest.digest,
        "policy": manifest.policy,
        "reason": manifest.reason,
        "attempt": 1,
        "cut_at": utc_text(at),
        "updated_at": utc_text(at),
    }
    return item | ({"day": manifest.day} if manifest.day else {})


def batch_of(connector: str, item: Mapping[str, Any]) -> Batch:
    """Read a batch."""
    return Batch(
        connector=connector,
        batch_id=item["sk"],
        state=BatchState(item["state"]),
        files=item["files"],
        size=item["size"],
        updated_at=utc_moment(item["updated_at"]),
        policy=item.get("policy", ""),
        reason=item.get("reason", ""),
        attempt=item.get("attempt", 1),
        day=item.get("day"),
        was_published=item.get("was_published", False),
        run_id=item.get("run_id"),
    )


def external_run_item(connector: str, run: ExternalRun) -> Item:
    """Return an external run as an item."""
    return {
        "pk": f"run#{connector}",
        "sk": external_run_sk(run.kind, run.reference),
        "external_id": run.external_id,
        "run_id": run.run_id,
        "started_at": utc_text(run.started_at),
        "attempt": run.attempt,
        "settled": run.settled,
        "seen_before": list(run.seen_before),
        "expires_at": expires_at(run.started_at, EXTERNAL_RUN_KEPT),
    }


def external_run_of(item: Mapping[str, Any]) -> ExternalRun:
    """Read an external run."""
    kind, _, reference = item["sk"].partition("#")
    return ExternalRun(
        kind,
        reference,
        item["external_id"],
        item["run_id"],
        utc_moment(item["started_at"]),
        item.get("attempt", 1),
        item.get("settled", False),
        tuple(item.get("seen_before", ())),
    )


def external_run_sk(kind: str, reference: str) -> str:
    """Return the sort key of an external run."""
    return f"{kind}#{reference}"


def notice_sk(connector: str, state_id: str) -> str:
    """Return the sort key of a notice."""
    return f"{connector}#{state_id}"


def notice_item(notice: Notice) -> Item:
    """Return a notice as an item."""
    return {
        "pk": "notice",
        "sk": notice_sk(notice.connector, notice.state_id),
        "connector": notice.connector,
        "state_id": notice.state_id,
        "since": utc_text(notice.since),
        "deadline": utc_text(notice.deadline),
        "waiting_for": notice.waiting_for,
        "missing": list(notice.missing),
        "kind": notice.kind.value,
    }


def notice_of(item: Mapping[str, Any]) -> Notice:
    """Read a notice."""
    return Notice(
        item["connector"],
        item["state_id"],
        utc_moment(item["since"]),
        utc_moment(item["deadline"]),
        item["waiting_for"],
        tuple(item["missing"]),
        NoticeKind(item.get("kind", NoticeKind.OVERDUE)),
    )
