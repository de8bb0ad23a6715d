"""When a delivery is whole: one pure function per completion policy.

Here: decisions over what is pending, what a provider says, and a time that is handed in. Not here:
how any of that was found out, or what is done about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from cleanroom_pipeline.model import Arrival

TEMPORARY_SUFFIXES = (".tmp", ".temp", ".part", ".crc", ".filepart")


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the inbound prefix found, at a time by S3's clock.

    `pending` are the objects that are there now and are in no batch yet; `unchanged_since` is the
    time of the first look that found exactly these.
    """

    pending: tuple[Arrival, ...]
    at: datetime
    unchanged_since: datetime


@dataclass(frozen=True, slots=True)
class CompleteDelivery:
    """A delivery that its provider reports as finished, and the prefix it is under."""

    execution_id: str
    prefix: str
    records: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing that could become a batch."""

    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something is there and is not known to be whole; `until` is when it may be, if known."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """These arrivals are one delivery, whole; `reason` says how that is known."""

    files: tuple[Arrival, ...]
    reason: str


Decision = Nothing | Waiting | Whole


def is_data(key: str) -> bool:
    """Tell data from folder markers, writers' temporary files, and files that only signal."""
    path = PurePosixPath(key)
    return not (
        key.endswith("/")
        or path.name.startswith(("_", "."))
        or path.name.lower().endswith(TEMPORARY_SUFFIXES)
        or any(part.startswith(("_temporary", "_tmp")) for part in path.parts)
    )


def quiet_period(look: Look, quiet: timedelta) -> Decision:
    """Whole once nothing has changed for `quiet`. Choose it where a provider signals nothing.

    Both clocks must say so: the newest object's LastModified, and the first look that found the
    listing as it is now. LastModified alone is not enough, since a multipart upload carries the
    time at which it began.
    """
    if not look.pending:
        return Nothing("No object is waiting to become a batch.")
    newest = max(arrival.last_modified for arrival in look.pending)
    quiet_since = max(newest, look.unchanged_since)
    whole_at = quiet_since + quiet
    if look.at < whole_at:
        return Waiting(
            f"{len(look.pending)} objects; the last change was at {quiet_since:%H:%M:%S} UTC, and "
            f"{quiet.total_seconds():g} s of quiet are asked for.",
            until=whole_at,
        )
    return Whole(
        look.pending, f"Nothing changed from {quiet_since:%H:%M:%S} to {look.at:%H:%M:%S} UTC."
    )


def provider_run(pending: Sequence[Arrival], deliveries: Sequence[CompleteDelivery]) -> Decision:
    """Whole once the provider reports the delivery as finished. Choose it for AppFlow.

    One delivery becomes one batch, the earliest first; objects of a run that has not ended wait.
    """
    if not pending:
        return Nothing("No object is waiting to become a batch.")
    for delivery in deliveries:
        files = tuple(file for file in pending if file.key.startswith(delivery.prefix))
        if files:
            return Whole(
                files,
                f"Execution {delivery.execution_id} ended well with {delivery.records} records.",
            )
    return Waiting(f"{len(pending)} objects belong to no execution that is known to have ended.")
