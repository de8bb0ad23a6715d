"""The ledger's recurring writes, as data.

Here: which items a step writes, and on which conditions. Not here: doing it (`ledger.table`).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from cleanroom_pipeline.aws.dynamodb import (
    Check,
    Condition,
    Delete,
    Missing,
    OneOf,
    Present,
    Put,
    Update,
    Write,
)
from cleanroom_pipeline.ledger.items import (
    TAKEN_KEPT,
    Head,
    arrival_item,
    expires_at,
    taken_item,
)
from cleanroom_pipeline.model import Arrival

ABSENT = (Missing("pk"),)


def recording(connector: str, arrival: Arrival, seen_at: datetime) -> tuple[Write, Write]:
    """Return the writes that make an object pending unless it is known."""
    item = arrival_item(connector, arrival, seen_at)
    return Put(item, ABSENT), Check((f"taken#{connector}", item["sk"]), ABSENT)


def moves(connector: str, sks: Iterable[str], at: datetime, **said: str) -> Iterator[Write]:
    """Yield the writes that take what is pending; `said` tells for which batch, or why else."""
    for sk in sks:
        yield Delete((f"pending#{connector}", sk), (Present("pk"),))
        yield Put(taken_item(connector, sk, at, **said), ABSENT)


def next_head(head: Head, opened: str | None = None) -> Head:
    """Return the head after one more decision, which may open a batch."""
    return Head((head.revision or 0) + 1, opened, opened or head.last_batch)


def raising(connector: str, seen: Head, after: Head) -> Update:
    """Return the write that raises the head, if it is as it was seen and no batch is open."""
    values: dict[str, Any] = {"revision": after.revision}
    if after.open_batch:
        values |= {"open_batch": after.open_batch, "last_batch": after.last_batch}
    unchanged: Condition = (
        Missing("revision") if seen.revision is None else OneOf("revision", (seen.revision,))
    )
    return Update((f"head#{connector}", "head"), values, (), (unchanged, Missing("open_batch")))


def passing_on(connector: str, sk: str, recut_of: str, batch_id: str, at: datetime) -> Update:
    """Return the write that gives an object of one batch to the one that takes its place."""
    mine = (OneOf("batch_id", (recut_of,)),)
    values = {"batch_id": batch_id, "expires_at": expires_at(at, TAKEN_KEPT)}
    return Update((f"taken#{connector}", sk), values, (), mine)
