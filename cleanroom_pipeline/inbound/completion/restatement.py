"""Completion policy `restatement`: each day is a delivery, and is sent again for some days.

Here: that policy. Not here: what a later delivery of a day does to the table.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cleanroom_pipeline.inbound.completion.decision import (
    Decision,
    Look,
    Nothing,
    Waiting,
    Whole,
)
from cleanroom_pipeline.inbound.completion.defaults import PolicyDefaults
from cleanroom_pipeline.inbound.completion.patterns import (
    SLOTS_OF_DATE,
    SLOTS_OF_DAY,
    PolicySettingError,
    compile_glob,
    compile_template,
)
from cleanroom_pipeline.inbound.completion.quiet_period import not_yet_quiet, quiet_since
from cleanroom_pipeline.model import Arrival


@dataclass(frozen=True, slots=True)
class RestatedDays(PolicyDefaults):
    """Whole day by day, after quiet. Choose it for daily tables that are rewritten, such as GA4's.

    What is pending of one day is one batch, which holds that day in full; a rewrite of the day
    within `days` after it is another batch of the same day. What arrives later than that waits for
    a person, since by then the day has been taken as final. Objects with a part of their key that
    an `ignore` pattern matches are signals, never data.
    """

    day: str
    quiet: timedelta
    days: int = 3
    timezone: str = "UTC"
    ignore: tuple[str, ...] = ()
    name: str = "restatement"

    def __post_init__(self) -> None:
        self._expression()
        self._zone()
        for pattern in self.ignore:
            compile_glob(pattern, field="ignore")

    def is_signal(self, key: str) -> bool:
        """Take what is ignored as a signal: the next batch uses it up."""
        patterns = [compile_glob(pattern, field="ignore") for pattern in self.ignore]
        return any(pattern.match(part) for pattern in patterns for part in key.split("/"))

    def decide(self, look: Look) -> Decision:
        """Decide day by day, the earliest first."""
        if not look.data:
            return Nothing("No object is waiting to become a batch.")
        days, undated = self._by_day(look.data)
        waits: list[Waiting] = []
        for day in sorted(days):
            decision = self._decide_day(day, days[day], look)
            if isinstance(decision, Whole):
                return decision
            waits.append(decision)
        if undated:
            waits.append(
                Waiting(
                    f"{len(undated)} objects have no day in their keys, such as {undated[0]}: a "
                    "person must cut them, or the template must fit."
                )
            )
        return _first_of(waits)

    def by_hand(self, look: Look, reason: str) -> Whole | None:
        """Return the earliest day, final or not; what has no day can't be in a table of days."""
        days, _ = self._by_day(look.data)
        if not days:
            return None
        day = min(days)
        return Whole(tuple(sorted(days[day])), reason, day=day.isoformat())

    def _decide_day(self, day: date, files: Sequence[Arrival], look: Look) -> Waiting | Whole:
        newest = max(arrival.last_modified for arrival in files)
        if self._local_day(newest) - day > timedelta(days=self.days):
            return Waiting(
                f"{len(files)} objects of {day} arrived more than {self.days} days after it, when "
                "that day was final: a person must cut them.",
                missing=(f"{day} (a person's word)",),
            )
        # A clock east of `timezone` is one day ahead at most.
        if day > self._local_day(look.at) + timedelta(days=1):
            return Waiting(f"{len(files)} objects are of {day}, which has not begun.")
        waiting = not_yet_quiet(files, look, self.quiet)
        if waiting is not None:
            return Waiting(f"Day {day}: {waiting.reason}", until=waiting.until)
        since = quiet_since(files, look)
        return Whole(
            tuple(sorted(files)),
            f"Nothing of {day} changed from {since:%H:%M:%S} to {look.at:%H:%M:%S} UTC.",
            signals=tuple(sorted(look.signals)),
            day=day.isoformat(),
        )

    def _by_day(self, data: Sequence[Arrival]) -> tuple[dict[date, list[Arrival]], list[str]]:
        """Return the objects by day, and the keys that name no day, or several."""
        expression = self._expression()
        days: dict[date, list[Arrival]] = {}
        undated: list[str] = []
        for arrival in sorted(data):
            named = {_day_of(found) for found in expression.finditer(arrival.key)}
            day = named.pop() if len(named) == 1 else None
            if day is None:
                undated.append(arrival.key)
            else:
                days.setdefault(day, []).append(arrival)
        return days, undated

    def _expression(self) -> re.Pattern[str]:
        slots = SLOTS_OF_DATE if "{year}" in self.day or "{month}" in self.day else SLOTS_OF_DAY
        template = compile_template(self.day, slots, field="day")
        # Eight digits are no day where a ninth follows; text of the template may begin with one.
        end = r"(?![0-9])" if self.day.endswith("}") else ""
        return re.compile(rf"(?<![^/]){template}{end}")

    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.timezone)
        except (ValueError, OSError, ZoneInfoNotFoundError) as error:
            raise PolicySettingError(
                "timezone", "there is no such time zone; a name is like Europe/Berlin"
            ) from error

    def _local_day(self, moment: datetime) -> date:
        return moment.astimezone(self._zone()).date()


def _day_of(found: re.Match[str]) -> date | None:
    parts = found.groupdict()
    text = "".join(parts.get(name, "") for name in ("year", "month")) + parts["day"]
    try:
        return date.fromisoformat(text.replace("-", ""))
    except ValueError:
        return None


def _first_of(waits: Sequence[Waiting]) -> Waiting:
    """Return the wait that ends by itself first, with what the others say."""
    timed = [waiting for waiting in waits if waiting.until is not None]
    first = min(timed, key=lambda waiting: (waiting.until, waiting.reason)) if timed else waits[0]
    rest = [waiting.reason for waiting in waits if waiting is not first]
    return Waiting(
        " ".join([first.reason, *rest[:3]]),
        until=first.until,
        missing=tuple(name for waiting in waits for name in waiting.missing),
    )
