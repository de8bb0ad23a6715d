"""Completion policy `sequence`: positions in file names tell when a file is missing.

Here: that policy. Not here: the wait for quiet that closes a sequence, which has no end of its own
(`combined`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal

from cleanroom_pipeline.inbound.completion.decision import (
    Decision,
    Look,
    Nothing,
    Waiting,
    Whole,
)
from cleanroom_pipeline.inbound.completion.defaults import PolicyDefaults
from cleanroom_pipeline.inbound.completion.patterns import (
    SLOTS_OF_SEQUENCE,
    PolicySettingError,
    compile_template,
)
from cleanroom_pipeline.model import Arrival

MOST_NAMED = 20
# Of a template without {stream}: a stream has a name, since the ledger keeps positions by name.
ONLY_STREAM = "-"
Gaps = Literal["cut", "hold"]


@dataclass(frozen=True, slots=True)
class _Placed:
    """An object and its place: `digits` are the position as it is written."""

    position: int
    arrival: Arrival
    digits: str


@dataclass(slots=True)
class _Stream:
    """What of one stream can be cut, what waits behind a gap, and the names of what is missing."""

    ready: list[Arrival] = field(default_factory=list)
    held: int = 0
    position: int | None = None
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NumberedFiles(PolicyDefaults):
    """Whole up to the first gap. Choose it where file names count, such as Customer.io's.

    `pattern` is a template over the last parts of a key: `{stream}` is any text, `{position}` the
    number; a stream counts on its own. With `gaps="cut"`, what is before a gap is taken, and what
    is behind it waits for the missing file; with "hold", the whole stream waits. What comes late or
    again, with a position that was passed, is taken with the next batch.
    """

    pattern: str
    first: int | None = None
    step: int = 1
    gaps: Gaps = "cut"
    name: str = "sequence"

    def __post_init__(self) -> None:
        if self.step < 1:
            raise PolicySettingError("step", "must be at least 1")
        self._expression()

    def decide(self, look: Look) -> Decision:
        """Decide stream by stream; what can be cut of all of them is one batch."""
        if not look.data:
            return Nothing("No object is waiting to become a batch.")
        placed, strangers = self._place(look.data)
        streams = {
            name: self._walk(name, placed[name], look.positions.get(name))
            for name in sorted(placed)
        }
        ready = sorted(arrival for stream in streams.values() for arrival in stream.ready)
        said = _said(streams, strangers)
        if not ready:
            missing = [name for stream in streams.values() for name in stream.missing]
            return Waiting(said, missing=tuple(missing[:MOST_NAMED]))
        return Whole(
            tuple(ready),
            f"{len(ready)} files, each position of theirs in its turn. {said}".rstrip(),
            signals=tuple(sorted(look.signals)),
            positions={
                name: stream.position
                for name, stream in streams.items()
                if stream.position is not None
            },
        )

    def by_hand(self, look: Look, reason: str) -> Whole | None:
        """Return all that is pending, and the highest positions: a gap is skipped for good."""
        whole = PolicyDefaults.by_hand(self, look, reason)
        placed, _ = self._place(look.data)
        highest = {name: max(one.position for one in places) for name, places in placed.items()}
        return whole and replace(whole, positions=highest)

    def _expression(self) -> re.Pattern[str]:
        slots = {
            slot: text
            for slot, text in SLOTS_OF_SEQUENCE.items()
            if slot == "position" or "{stream}" in self.pattern
        }
        return re.compile(compile_template(self.pattern, slots, field="pattern"))

    def _place(self, data: Sequence[Arrival]) -> tuple[dict[str, list[_Placed]], list[str]]:
        """Return the objects by stream, and the keys that are not of the pattern."""
        expression, parts = self._expression(), self.pattern.count("/") + 1
        placed: dict[str, list[_Placed]] = {}
        strangers: list[str] = []
        for arrival in sorted(data):
            found = expression.fullmatch("/".join(arrival.key.split("/")[-parts:]))
            if found is None:
                strangers.append(arrival.key)
                continue
            named = found.groupdict()
            place = _Placed(int(named["position"]), arrival, named["position"])
            placed.setdefault(named.get("stream", ONLY_STREAM), []).append(place)
        return placed, strangers

    def _walk(self, name: str, files: Sequence[_Placed], last: int | None) -> _Stream:
        """Walk up one stream: a position no higher than the one that is due is taken."""
        stream = _Stream()
        ordered = sorted(files, key=lambda place: (place.position, place.arrival))
        begin = ordered[0].position if self.first is None else self.first
        due = begin if last is None else last + self.step
        for place in ordered:
            if place.position > due:
                stream.missing.extend(self._names(name, due, place, len(stream.missing)))
                stream.held += 1
                due = place.position + self.step
                continue
            if stream.missing:
                stream.held += 1
            else:
                stream.ready.append(place.arrival)
                if place.position == due:
                    stream.position = due
            due += self.step if place.position == due else 0
        if stream.missing and self.gaps == "hold":
            return _Stream(held=len(files), missing=stream.missing)
        return stream

    def _names(self, stream: str, due: int, before: _Placed, already: int) -> Iterator[str]:
        """Name the positions from the one that is due to the one that is there, but not endlessly.

        Leading zeros are written as the file behind the gap has them.
        """
        width = len(before.digits) if before.digits.startswith("0") else 0
        positions = range(due, before.position, self.step)
        for position in islice(positions, max(0, MOST_NAMED - already)):
            digits = str(position).zfill(width)
            yield self.pattern.replace("{stream}", stream).replace("{position}", digits)


def _said(streams: Mapping[str, _Stream], strangers: Sequence[str]) -> str:
    said = []
    held = sum(stream.held for stream in streams.values())
    missing = next((s.missing[0] for s in streams.values() if s.missing), None)
    if missing is not None:
        said.append(f"{held} objects wait behind a gap: {missing} is not there.")
    if strangers:
        said.append(
            f"{len(strangers)} objects have no position in their names, such as {strangers[0]}."
        )
    return " ".join(said)
