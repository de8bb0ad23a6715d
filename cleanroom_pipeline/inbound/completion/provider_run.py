"""Completion policy `provider_run`: whole when the provider's record says that its run ended.

Here: that policy. Not here: how a provider is asked (`inbound.appflow`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cleanroom_pipeline.inbound.completion.decision import (
    CompleteDelivery,
    Decision,
    Empty,
    Look,
    Nothing,
    Waiting,
    Whole,
)
from cleanroom_pipeline.inbound.completion.defaults import PolicyDefaults
from cleanroom_pipeline.model import Arrival

DAY_FOLDER = re.compile(r"(?:^|/)day=([0-9]{4}-[0-9]{2}-[0-9]{2})/")
"""The folder that a pull of one day writes to, in the prefix of its delivery."""


@dataclass(frozen=True, slots=True)
class ProviderRun(PolicyDefaults):
    """Whole once the provider reports the run as ended well. Choose it for AppFlow.

    Each execution writes under a prefix of its own, and becomes one batch, the earliest first.
    Executions that share a prefix can't be told apart: they are one batch. An execution that was
    asked for one day says so in its prefix, and its batch holds that day in full.
    """

    name: str = "provider_run"

    def by_hand(self, look: Look, reason: str) -> Whole | None:
        """Return all that is pending; of pulls of days, the earliest day, as a batch is of one."""
        days = {arrival: _day(arrival.key) for arrival in look.data}
        day = min(filter(None, days.values()), default=None)
        if day is None:
            return PolicyDefaults.by_hand(self, look, reason)
        files = tuple(sorted(arrival for arrival in look.data if days[arrival] == day))
        deliveries = tuple(
            one.execution_id for one in look.deliveries if _day(one.prefix.rstrip("/") + "/") == day
        )
        return Whole(files, reason, deliveries=deliveries, day=day)

    def decide(self, look: Look) -> Decision:
        """Decide by the deliveries that ended, in the order in which they did."""
        if not look.data and not look.deliveries:
            return Nothing("No object is waiting to become a batch.")
        held: list[CompleteDelivery] = []
        for prefix, deliveries in _by_prefix(look.deliveries).items():
            files = _below(prefix, look.data)
            records = sum(delivery.records for delivery in deliveries)
            named = ", ".join(delivery.execution_id for delivery in deliveries)
            ids = tuple(delivery.execution_id for delivery in deliveries)
            signals = _below(prefix, look.signals)
            if files:
                reason = f"Execution {named} ended well with {records} records."
                return Whole(
                    files,
                    reason,
                    signals=signals,
                    deliveries=ids,
                    records=records,
                    day=_day(prefix),
                )
            if not records:
                reason = f"Execution {named} ended well with no record."
                return Empty(reason, signals=signals, deliveries=ids)
            held.extend(deliveries)
        return _waiting(look, held)


def _by_prefix(deliveries: Sequence[CompleteDelivery]) -> dict[str, list[CompleteDelivery]]:
    groups: dict[str, list[CompleteDelivery]] = {}
    for delivery in deliveries:
        # Without its slash, the prefix of execution 1 would hold the files of execution 10.
        groups.setdefault(delivery.prefix.rstrip("/") + "/", []).append(delivery)
    return groups


def _day(prefix: str) -> str | None:
    named = DAY_FOLDER.findall(prefix)
    return named[-1] if named else None


def _below(prefix: str, arrivals: Sequence[Arrival]) -> tuple[Arrival, ...]:
    return tuple(sorted(arrival for arrival in arrivals if arrival.key.startswith(prefix)))


def _waiting(look: Look, held: Sequence[CompleteDelivery]) -> Waiting:
    said = []
    if held:
        first = held[0]
        said.append(
            f"Execution {first.execution_id} ended with {first.records} records, and none of its "
            f"files is there."
        )
    if look.data:
        said.append(f"{len(look.data)} objects belong to no execution that is known to have ended.")
    return Waiting(
        " ".join(said),
        missing=tuple(f"{one.prefix} (files of {one.execution_id})" for one in held[:100]),
    )
