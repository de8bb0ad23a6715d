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
    `folder`, each folder is quiet by itself, and those that are quiet become a batch: choose that
    where a provider never pauses, and goes on to another folder by the hour or the day.
    """

    quiet: timedelta
    scope: Scope = "prefix"
    name: str = "quiet_period"

    def decide(self, look: Look) -> Decision:
        """Decide by both clocks, over all that is pending or folder by folder."""
        if not look.data:
            return Nothing("No object is waiting to become a batch.")
        pending = (*look.data, *look.signals)
        groups = self._groups(pending)
        quiet = [
            files for files in groups.values() if not_yet_quiet(files, look, self.quiet) is None
        ]
        taken = {file for files in quiet for file in files}
        data = tuple(file for file in sorted(look.data) if file in taken)
        if not data:
            waits = [not_yet_quiet(files, look, self.quiet) for files in groups.values()]
            return min((wait for wait in waits if wait and wait.until), key=_until)
        since = quiet_since(data, look)
        return Whole(
            data,
            f"Nothing changed from {since:%H:%M:%S} to {look.at:%H:%M:%S} UTC.",
            signals=tuple(signal for signal in sorted(look.signals) if signal in taken),
        )

    def _groups(self, pending: Sequence[Arrival]) -> Mapping[str, list[Arrival]]:
        groups: dict[str, list[Arrival]] = {}
        for arrival in pending:
            folder = arrival.key.rpartition("/")[0] if self.scope == "folder" else ""
            groups.setdefault(folder, []).append(arrival)
        return groups


def _until(waiting: Waiting) -> tuple[datetime | None, str]:
    return waiting.until, waiting.reason
