"""Completion policy `sentinel`: whole when a marker object such as `_SUCCESS` is there.

Here: that policy. Not here: how a list inside the marker is read (`file_lists`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Literal

from cleanroom_pipeline.inbound.completion.decision import (
    Decision,
    Empty,
    Look,
    Nothing,
    Scope,
    Waiting,
    Whole,
)
from cleanroom_pipeline.inbound.completion.defaults import PolicyDefaults
from cleanroom_pipeline.inbound.completion.file_lists import (
    ListForm,
    decide_by_lists,
    folder_of,
    folders_above,
    keys_meant,
    read_list,
)
from cleanroom_pipeline.inbound.completion.patterns import PolicySettingError, compile_glob
from cleanroom_pipeline.model import Arrival

Lists = Literal["none", "json", "csv"]
EmptyDelivery = Literal["waits", "allowed"]

LIST_FORMS = {
    "json": ListForm("json", files="files", name="name", size="size"),
    "csv": ListForm("csv", name="1", size="2"),
}


@dataclass(slots=True)
class _Share:
    """What one sentinel speaks for: its files, and those that came after any sentinel's word."""

    files: list[Arrival] = field(default_factory=list)
    later: list[Arrival] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sentinel(PolicyDefaults):
    """Whole once a marker is there. Choose it where a provider writes one, last or first.

    Last: the marker speaks for what is in its scope and is no newer than itself. First: give a
    `grace`, counted from the marker's LastModified, or let the marker list its files. An object in
    its scope that is newer than that contradicts the newest marker, which then waits: either a
    delivery is being written anew, or the marker comes first and nobody has said so.
    """

    pattern: str = "_SUCCESS"
    scope: Scope = "folder"
    lists: Lists = "none"
    grace: timedelta = timedelta(0)
    empty: EmptyDelivery = "waits"
    name: str = "sentinel"

    def __post_init__(self) -> None:
        compile_glob(self.pattern, field="pattern")
        if self.lists != "none":
            if self.grace:
                raise PolicySettingError("grace_minutes", "goes with lists: none")
            if self.empty == "allowed":
                raise PolicySettingError("empty", "goes with lists: none; a list may be empty")
            if self.scope == "prefix":
                raise PolicySettingError("scope", "goes with lists: none; a list names its files")

    def is_signal(self, key: str) -> bool:
        """Take each marker as a signal, by its name within its folder."""
        pattern = compile_glob(self.pattern, field="pattern")
        return pattern.match(PurePosixPath(key).name) is not None

    def wanted_documents(self, signals: Sequence[Arrival]) -> Sequence[Arrival]:
        """Need the markers' content where they list their files."""
        return () if self.lists == "none" else self._markers(signals)

    def decide(self, look: Look) -> Decision:
        """Decide by the markers, the earliest first."""
        markers = self._markers(look.signals)
        if self.lists != "none":
            return self._decide_by_lists(look, markers)
        if not markers:
            if not look.data:
                return Nothing("No object is waiting to become a batch.")
            return Waiting(f"{len(look.data)} objects, and no sentinel {self.pattern}.")
        waits: list[Waiting] = []
        for marker, share in self._shares(markers, look.data).items():
            decision = self._decide_one(marker, share, look)
            if not isinstance(decision, Waiting):
                return decision
            waits.append(decision)
        return waits[0]

    def _markers(self, signals: Sequence[Arrival]) -> list[Arrival]:
        markers = [signal for signal in signals if self.is_signal(signal.key)]
        return sorted(markers, key=lambda marker: (marker.last_modified, marker.key))

    def _decide_by_lists(self, look: Look, markers: Sequence[Arrival]) -> Decision:
        def meant(list_key: str, name: str) -> Iterator[str]:
            return keys_meant(list_key, name, "manifest")

        form = LIST_FORMS[self.lists]
        lists = [read_list(marker, look.documents, form) for marker in markers]
        others = [signal for signal in look.signals if not self.is_signal(signal.key)]
        return decide_by_lists(lists, look.data, used_up=others, meant=meant)

    def _word_until(self, marker: Arrival) -> datetime:
        return marker.last_modified + self.grace

    def _scope_of(self, marker: Arrival) -> str:
        return "" if self.scope == "prefix" else folder_of(marker.key)

    def _shares(self, markers: Sequence[Arrival], data: Sequence[Arrival]) -> dict[Arrival, _Share]:
        """Give each object to the deepest scope that holds it, and there to the first word for it.

        What is newer than every word of its scope is noted with the newest marker there.
        """
        scopes: dict[str, list[Arrival]] = {}
        for marker in markers:
            scopes.setdefault(self._scope_of(marker), []).append(marker)
        shares = {marker: _Share() for marker in markers}
        for arrival in data:
            scope = next((one for one in folders_above(arrival.key) if one in scopes), None)
            if scope is None:
                continue
            there = scopes[scope]
            spoken = [one for one in there if arrival.last_modified <= self._word_until(one)]
            if spoken:
                shares[spoken[0]].files.append(arrival)
            else:
                shares[there[-1]].later.append(arrival)
        return shares

    def _decide_one(self, marker: Arrival, share: _Share, look: Look) -> Decision:
        until = self._word_until(marker)
        if look.at < until:
            return Waiting(
                f"Sentinel {marker.key} is there, and its grace of {self.grace} is not over.",
                until=until,
            )
        if share.later:
            return Waiting(
                f"Sentinel {marker.key} speaks for objects until {until:%Y-%m-%d %H:%M:%S} UTC, and"
                f" {len(share.later)} are newer, such as {min(share.later).key}. If the sentinel "
                "comes before its files, set grace_minutes.",
                missing=(f"{self._scope_of(marker)}{self.pattern} (newer than its files)",),
            )
        if share.files:
            reason = f"Sentinel {marker.key} is there, with {len(share.files)} files."
            signals = (marker, *self._others(marker, look))
            return Whole(tuple(sorted(share.files)), reason, signals=signals)
        if self.empty == "allowed":
            return Empty(f"Sentinel {marker.key} is there, and no file.", signals=(marker,))
        return Waiting(
            f"Sentinel {marker.key} is there, and none of its files.",
            missing=(f"{self._scope_of(marker)} (files of {marker.key})",),
        )

    def _others(self, marker: Arrival, look: Look) -> list[Arrival]:
        scope = self._scope_of(marker)
        return sorted(
            signal
            for signal in look.signals
            if signal.key.startswith(scope) and not self.is_signal(signal.key)
        )
