"""Arrivals, looks and the loop of a tick, for tests of completion policies.

Here: builders that several tests share. Not here: a test.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from cleanroom_pipeline.inbound.completion.decision import (
    CompleteDelivery,
    CompletionPolicy,
    Decision,
    Empty,
    Look,
    Waiting,
    Whole,
)
from cleanroom_pipeline.inbound.completion.objects import only_signals
from cleanroom_pipeline.inbound.look import without
from cleanroom_pipeline.model import Arrival

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def after(**passed: float) -> datetime:
    return NOON + timedelta(**passed)


def arrival(
    key: str = "in/a.csv", at: datetime = NOON, size: int = 1, version: str = "v1"
) -> Arrival:
    return Arrival(key, version, "etag", size, at)


def look(
    policy: CompletionPolicy,
    *arrivals: Arrival,
    at: datetime = NOON,
    first_seen: datetime | Mapping[Arrival, datetime] = NOON,
    documents: Mapping[str, bytes] | None = None,
    deliveries: Sequence[CompleteDelivery] = (),
    positions: Mapping[str, int] | None = None,
) -> Look:
    """Return a look as the sensor makes it: signals apart from data, sorted by key."""
    signals = [
        one for one in sorted(arrivals) if only_signals(one.key) or policy.is_signal(one.key)
    ]
    wanted = {one.key for one in policy.wanted_documents(signals)}
    return Look(
        data=tuple(one for one in sorted(arrivals) if one not in signals),
        at=at,
        seen_at={
            (one.key, one.version_id): first_seen[one]
            if isinstance(first_seen, Mapping)
            else first_seen
            for one in arrivals
        },
        signals=tuple(signals),
        documents={key: body for key, body in (documents or {}).items() if key in wanted},
        deliveries=tuple(deliveries),
        positions=positions or {},
    )


def decisions(policy: CompletionPolicy, seen: Look) -> Iterator[Decision]:
    """Yield what one tick decides: again and again, taking off what is whole, until it waits."""
    while True:
        decision = policy.decide(seen)
        yield decision
        if not isinstance(decision, Whole | Empty):
            return
        seen = without(seen, decision)


def batches(policy: CompletionPolicy, seen: Look) -> list[Whole]:
    return [one for one in decisions(policy, seen) if isinstance(one, Whole)]


def keys(whole: Decision) -> list[str]:
    assert isinstance(whole, Whole), whole
    return [file.key for file in whole.files]


def waiting(decision: Decision) -> Waiting:
    assert isinstance(decision, Waiting), decision
    return decision


def whole(decision: Decision) -> Whole:
    assert isinstance(decision, Whole), decision
    return decision


def json_list(*files: tuple[str, int]) -> bytes:
    return json.dumps({"files": [{"name": name, "size": size} for name, size in files]}).encode()
