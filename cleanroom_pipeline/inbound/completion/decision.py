"""What a completion policy is asked, and what it may answer.

Here: the look, the decisions, the policy's protocol. Not here: a policy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from cleanroom_pipeline.model import Arrival

# What one delivery is: all under the inbound prefix, or each folder by itself.
Scope = Literal["folder", "prefix"]


@dataclass(frozen=True, slots=True)
class CompleteDelivery:
    """A delivery that its provider reports as finished, and the prefix it is under."""

    execution_id: str
    prefix: str
    records: int


@dataclass(frozen=True, slots=True)
class Look:
    """What is pending: objects that are in no batch yet, at a time by S3's clock.

    `data` and `signals` are sorted by key, and hold one version of a key. `seen_at` is when each
    object version was first seen, by key and version id. `documents` has the content of those
    signals that the policy asked for, by key. `deliveries` are those that are in no batch yet, the
    earliest first. `positions` are the last positions that earlier batches took, by stream.
    """

    data: tuple[Arrival, ...]
    at: datetime
    seen_at: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    signals: tuple[Arrival, ...] = ()
    documents: Mapping[str, bytes] = field(default_factory=dict)
    deliveries: tuple[CompleteDelivery, ...] = ()
    positions: Mapping[str, int] = field(default_factory=dict)

    def first_seen(self, arrival: Arrival) -> datetime:
        """Return when an object was first seen: now, if that is not known."""
        return self.seen_at.get((arrival.key, arrival.version_id), self.at)


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing that could become a batch."""

    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something is there and is not known to be whole.

    `until` is when it may be, if known; `missing` names what is waited for, if that has names.
    `busy` says that it is we who are not done yet: nobody is told that a delivery is late for that.
    """

    reason: str
    until: datetime | None = None
    missing: tuple[str, ...] = ()
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Whole:
    """These arrivals are one delivery, whole; `reason` says how that is known.

    `signals` are used up by it, and so are `deliveries` (execution ids). `positions` are the last
    positions it takes, by stream. `day` is the day that it holds in full, in place of what earlier
    batches held of it. `records` is how many rows the provider says it has.
    """

    files: tuple[Arrival, ...]
    reason: str
    signals: tuple[Arrival, ...] = ()
    deliveries: tuple[str, ...] = ()
    positions: Mapping[str, int] = field(default_factory=dict)
    day: str | None = None
    records: int | None = None


@dataclass(frozen=True, slots=True)
class Empty:
    """A delivery that is whole and holds nothing: it is recorded, and makes no batch."""

    reason: str
    signals: tuple[Arrival, ...] = ()
    deliveries: tuple[str, ...] = ()


Decision = Nothing | Waiting | Whole | Empty


class CompletionPolicy(Protocol):
    """Decides whether what is pending holds a whole delivery.

    Where several are whole, it answers with the earliest: it is asked again about the rest.
    """

    @property
    def name(self) -> str:
        """The policy's name, which manifests keep."""

    def is_signal(self, key: str) -> bool:
        """Tell whether this policy takes the object of this name as a signal, never as data."""

    def wanted_documents(self, signals: Sequence[Arrival]) -> Sequence[Arrival]:
        """Return the signals whose content `decide` needs."""

    def decide(self, look: Look) -> Decision:
        """Decide from one look."""

    def by_hand(self, look: Look, reason: str) -> Whole | None:
        """Return what a person's cut takes, whatever is still waited for; None if that is nothing.

        What is left of it can be cut by hand too: it is asked again.
        """
