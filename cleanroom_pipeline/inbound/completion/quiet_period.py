"""Completion policy `quiet_period`: whole after a time without change.

Here: that policy, and what quiet means for any set of files. Not here: policies that ask for quiet
on top of something else (`combined`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cleanroom_pipeline.inbound.completion.decision import (
    Decision,
    Look,
    Nothing,
    Scope,
    Waiting,
    Whole,
)
from cleanroom_pipeline.inbound.completion.defaults import PolicyDefaults
from cleanroom_pipeline.model import Arrival


def quiet_since(files: Sequence[Arrival], look: Look) -> datetime:
    """Return since when these files have been quiet, by S3's clock; `files` is not empty.

    Both must say so: LastModified, and when each was first seen. LastModified alone is not enough,
    as a multipart upload carries the time at which it began: it may show now, with a time that is
    long past.
    """
    return max(max(file.last_modified, look.first_seen(file)) for file in files)


def not_yet_quiet(files: Sequence[Arrival], look: Look, quiet: timedelta) -> Waiting | None:
    """Return the wait for quiet, or None where it is over."""
    since = quiet_since(files, look)
    if look.at >= since + quiet:
        return None
    return Waiting(
        f"{len(files)} objects; the last change was at {since:%H:%M:%S} UTC, and "
        f"{quiet.total_seconds():g} s of quiet are asked for.",
        until=since + quiet,
    )


@dataclass(frozen=True, slots=True)
class QuietPeriod(PolicyDefaults):
    """Whole once nothing has changed for a time. Choose it where a provider signals nothing.

    It can't tell a pause from an end: `quiet` must be longer than any pause within a delivery. All
    that is pending becomes one batch, and signals that are there are used up by it. With the scope
    `folder`, each folder is a delivery by itself, the one that was quiet first being the first:
    choose that where a provider never pauses, and goes on to another folder by the hour or the day.
    """

    quiet: timedelta
    scope: Scope = "prefix"
    name: str = "quiet_period"

    def decide(self, look: Look) -> Decision:
        """Decide by both clocks, over all that is pending or folder by folder."""
        if not look.data:
            return Nothing("No object is waiting to become a batch.")
        data, signals = self._by_folder(look.data), self._by_folder(look.signals)
        groups = {folder: (*data[folder], *signals.get(folder, ())) for folder in data}
        folder = min(groups, key=lambda name: (quiet_since(groups[name], look), name))
        waiting = not_yet_quiet(groups[folder], look, self.quiet)
        if waiting is not None:
            return waiting
        since = quiet_since(groups[folder], look)
        return Whole(
            tuple(sorted(data[folder])),
            f"Nothing changed from {since:%H:%M:%S} to {look.at:%H:%M:%S} UTC.",
            signals=tuple(sorted(signals.get(folder, ()))),
        )

    def _by_folder(self, arrivals: Sequence[Arrival]) -> Mapping[str, list[Arrival]]:
        groups: dict[str, list[Arrival]] = {}
        for arrival in arrivals:
            folder = arrival.key.rpartition("/")[0] if self.scope == "folder" else ""
            groups.setdefault(folder, []).append(arrival)
        return groups
