"""What is pending, as a completion policy looks at it.

Here: from the ledger's pending items to a look, and to what is left after a decision. Not here: the
decision (`inbound.completion`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.inbound.completion.decision import (
    CompleteDelivery,
    CompletionPolicy,
    Empty,
    Look,
    Whole,
)
from cleanroom_pipeline.inbound.completion.objects import only_signals
from cleanroom_pipeline.ledger import Pending, PendingArrival
from cleanroom_pipeline.model import Arrival

# A manifest of 100,000 names takes a fifth of it.
LONGEST_DOCUMENT = 64 * 1024 * 1024
MOST_OF_DOCUMENTS = 4 * LONGEST_DOCUMENT


def being_overwritten(pending: Pending) -> list[str]:
    """Return the keys of which several versions are pending, so that none is sure to be current."""
    versions = Counter(one.arrival.key for one in pending.arrivals)
    return sorted(key for key, count in versions.items() if count > 1)


def waiting_since(pending: Pending) -> datetime | None:
    """Return when the oldest thing that is pending was first seen; None where nothing is."""
    seen = [one.seen_at for one in pending.arrivals]
    seen += [delivery.completed_at for delivery in pending.deliveries]
    return min(seen, default=None)


def read_documents(storage: S3Storage, wanted: Sequence[Arrival]) -> dict[str, bytes]:
    """Read what a policy decides by, the earliest first, as far as there is room in memory."""
    documents, room = {}, MOST_OF_DOCUMENTS
    for one in sorted(wanted, key=lambda arrival: (arrival.last_modified, arrival.key)):
        room -= min(one.size, LONGEST_DOCUMENT)
        if room < 0:
            break
        body = storage.read_inbound(one, most_bytes=LONGEST_DOCUMENT)
        if body is not None:
            documents[one.key] = body
    return documents


def look_at(
    pending: Pending,
    policy: CompletionPolicy,
    *,
    at: datetime,
    storage: S3Storage,
    positions: dict[str, int],
) -> Look:
    """Return the look, with the content of those signals that the policy reads."""
    newest = {one.arrival.key: one.arrival for one in _oldest_first(pending)}
    arrivals = [newest[key] for key in sorted(newest)]
    signals = [one for one in arrivals if _is_signal(one, policy)]
    return Look(
        data=tuple(one for one in arrivals if not _is_signal(one, policy)),
        at=at,
        seen_at={
            (one.arrival.key, one.arrival.version_id): one.seen_at for one in pending.arrivals
        },
        signals=tuple(signals),
        documents=read_documents(storage, policy.wanted_documents(signals)),
        deliveries=tuple(
            CompleteDelivery(one.execution_id, one.prefix, one.records)
            for one in pending.deliveries
        ),
        positions=positions,
    )


def _oldest_first(pending: Pending) -> list[PendingArrival]:
    return sorted(pending.arrivals, key=lambda one: (one.arrival.last_modified, one.seen_at))


def _is_signal(arrival: Arrival, policy: CompletionPolicy) -> bool:
    return only_signals(arrival.key) or policy.is_signal(arrival.key)


def without(look: Look, taken: Whole | Empty) -> Look:
    """Return the look at what is left once a batch, or an empty delivery, has taken its part."""
    files = set(taken.files) if isinstance(taken, Whole) else set()
    positions = dict(taken.positions) if isinstance(taken, Whole) else {}
    return replace(
        look,
        data=tuple(one for one in look.data if one not in files),
        signals=tuple(one for one in look.signals if one not in set(taken.signals)),
        deliveries=tuple(
            one for one in look.deliveries if one.execution_id not in taken.deliveries
        ),
        positions={**look.positions, **positions},
    )
